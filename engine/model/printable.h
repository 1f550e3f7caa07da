// SPDX-License-Identifier: Apache-2.0
// Foreign text and large numbers made fit for a sentence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bookwheel {

bool isValidUtf8(std::string_view text);

/// The text as valid UTF-8 in one line: control characters and bytes that are no UTF-8 become '?',
/// and what is longer than `maxBytes` ends in "..." (cut between characters).
std::string printable(std::string_view text, std::size_t maxBytes = 80);

/// 1234567 -> "1,234,567".
std::string grouped(std::uint64_t number);

}  // namespace bookwheel
