// SPDX-License-Identifier: Apache-2.0
// UTF-8 and the four character classes that pre-tokenizers know.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bookwheel {

/// One character of a text, or one byte that is no part of valid UTF-8.
struct Utf8Char {
  char32_t codePoint;  // U+FFFD if not valid
  std::size_t bytes;   // 1..4; 1 if not valid
  bool valid;
};

/// The character at `position` < text.size(). Overlong forms, surrogates and values above U+10FFFF
/// are not valid (Unicode 15, table 3-7); each of their bytes counts by itself.
Utf8Char utf8At(std::string_view text, std::size_t position);

/// Length of the longest prefix of `text` that does not end inside a character; bytes that can
/// never become valid count as complete.
std::size_t completeUtf8Prefix(std::string_view text);

/// Appends valid UTF-8: each byte of `text` that is no part of a valid character becomes U+FFFD.
void appendRepaired(std::string& out, std::string_view text);

void appendUtf8(std::string& out, char32_t codePoint);

enum class CharClass : unsigned char {
  Letter,  // general category L*
  Number,  // general category N*
  Space,   // property White_Space
  Other,   // everything else: marks, punctuation, symbols, controls, unassigned
};

/// By Unicode 15.1 (or a newer version, if the installed ICU has one).
CharClass charClass(char32_t codePoint);

}  // namespace bookwheel
