// SPDX-License-Identifier: Apache-2.0
// Cuts a text without pages into page-sized stretches that end where a paragraph ends.
#pragma once

#include "app/documents/document.h"

#include <QList>

#include <cstdint>
#include <string_view>

namespace bookwheel {

/// A page of a format without pages, in characters. A printed novel page holds about 2,000, a
/// printed A4 page about 3,000.
inline constexpr int kPageTarget = 3000;  ///< a page ends at the first good place from here on ...
inline constexpr int kPageLeast = 1500;   ///< ... or at the last one before it, but not before this
inline constexpr int kPageMost = 4500;    ///< and never later than this

/// Pages that tile the text exactly (each ends where the next begins), labelled "1", "2", ... Good
/// places, best first: before one of `headings` (byte offsets, ascending), after an empty line;
/// when there is none up to kPageMost: after a line, after a space, between two characters. The
/// same text and headings always give the same pages. At least one page.
QList<DocumentPage> paginate(std::string_view text, const QList<std::int64_t>& headings);

}  // namespace bookwheel
