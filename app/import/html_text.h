// SPDX-License-Identifier: Apache-2.0
// HTML to readable text: headings, lists, tables as rows, no scripts, nothing hidden.
#pragma once

#include "app/import/clean_text.h"
#include "app/import/headings.h"

#include <QByteArray>
#include <QByteArrayView>
#include <QList>
#include <QString>

namespace bookwheel {

struct HtmlText {
  QString title;    ///< of <title>, else of the first heading; may be empty
  QByteArray text;  ///< clean UTF-8
  QList<TextHeading> headings;
  CleanCounts counts;
  std::int64_t hidden = 0;  ///< elements left out because a browser does not show them
};

/// Headings come out as "## Title", items as "- " or "3. ", quotes as "> ", the cells of a table's
/// row joined by " | ", <pre> as it stands, pictures as "[Image: their text]". Of links only the
/// text stays. Tables that only lay out a page (their cells hold headings, lists, other tables)
/// come out as blocks. Works on any nesting depth without recursion.
HtmlText htmlToText(const QByteArray& utf8);

/// The charset a page declares in its first 4,096 bytes, or an empty name.
QByteArray declaredCharset(QByteArrayView html);

/// True when the bytes begin like an HTML page.
bool looksLikeHtml(QByteArrayView bytes);

}  // namespace bookwheel
