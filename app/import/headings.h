// SPDX-License-Identifier: Apache-2.0
// Finds the headings of Markdown and of plain text.
#pragma once

#include <QList>
#include <QString>

#include <cstdint>
#include <string_view>

namespace bookwheel {

struct TextHeading {
  QString title;            ///< one line, without marks
  int level = 0;            ///< 0 is the outermost
  std::int64_t offset = 0;  ///< byte where its line begins
};

/// ATX and setext headings; what stands in fenced code and in YAML front matter is none.
QList<TextHeading> markdownHeadings(std::string_view text);

/// "Chapter 12", "CHAPTER XII. Of Ships", "PART ONE", "第三章", "Epilogue" and their like in seven
/// languages, each alone between empty lines (a subtitle may follow on the next line); and Roman
/// numerals alone, when they count up from I. Careful rather than complete: a wrong heading is
/// worse than a missing one. Entries of a table of contents are left out.
QList<TextHeading> chapterHeadings(std::string_view text);

/// Markdown's `title:` in the front matter, or its first heading of level 0; else empty.
QString markdownTitle(std::string_view text, const QList<TextHeading>& headings);
/// The first line when it stands alone, is short and is no sentence; else empty.
QString plainTitle(std::string_view text);

/// Collapses white space and cuts at the longest title the protocol carries.
QString titleLine(QStringView text);

}  // namespace bookwheel
