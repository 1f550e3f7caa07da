// SPDX-License-Identifier: Apache-2.0
// Finds where on its page a heading of a PDF's outline stands.
#pragma once

#include <QString>

#include <cstdint>
#include <string_view>

namespace bookwheel {

/// Byte offset in a page's text where `title` stands, 0 when it is not there. Letters and digits
/// count, case, spaces and punctuation do not ("3.2 Relations" finds "3.2. RELATIONS"). A whole
/// line is better than a part of one, and the page's first line, often a running header, is the
/// last choice.
std::int64_t headingPlace(std::string_view page, const QString& title);

}  // namespace bookwheel
