// SPDX-License-Identifier: Apache-2.0
// Makes foreign text clean (see app/documents/utf8.h), and knows where each letter came from.
#pragma once

#include <QList>
#include <QString>
#include <QStringView>

#include <cstdint>

namespace bookwheel {

/// How many characters were dropped or replaced, by kind.
struct CleanCounts {
  std::int64_t nul = 0;
  std::int64_t control = 0;
  std::int64_t direction = 0;
  std::int64_t tag = 0;
};

/// Text of a format that flows: line ends become "\n" (CR LF is one), characters that are not kept
/// are dropped and counted. Letters stay as they are, without normalization. Trailing white space
/// and empty lines at the beginning are cut.
QString cleanFlowText(QStringView text, CleanCounts& counts);

/// A PDF page's text and its origin.
struct CleanPage {
  QString text;
  /// For each UTF-16 unit of `text` the index of the unit of the raw text it came from, and one
  /// more entry at the end: raw index one past the last used unit. Ascending.
  QList<int> rawIndex;
  /// Letters that are private use, unassigned or replacement characters: the page's fonts do not
  /// say what they show.
  int garbled = 0;
  int letters = 0;  ///< without white space
};

/// The one definition of a PDF page's text: the reader and the renderer both use it, so that
/// offsets mean the same in both. Joins words that were hyphenated at a line end (PDFium marks
/// those with U+FFFE or U+0002; a hyphen before a digit, or before a capital after a small letter,
/// is kept as part of a compound), turns CR LF into "\n", drops spaces at line ends and empty lines
/// at both ends of the page, and replaces presentation forms (Kangxi radicals, compatibility
/// ideographs, Latin and Arabic ligatures) by the letters they stand for.
CleanPage cleanPdfPage(QStringView raw);

}  // namespace bookwheel
