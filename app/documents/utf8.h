// SPDX-License-Identifier: Apache-2.0
// What this program calls clean text: valid UTF-8 without characters that hide or reorder others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bookwheel {

/// What a character of foreign text becomes on its way into a document.
enum class CharacterFate {
  Keep,
  LineEnd,     ///< form feed, vertical tab, NEL, U+2028, U+2029 (and CR, LF): a line feed
  DropSilent,  ///< soft hyphen, zero width no-break space: marks for typesetting, not text
  DropNul,
  DropControl,    ///< C0 and C1 controls except tab
  DropDirection,  ///< U+202A..202E, U+2066..2069: show text in another order than it is stored
  DropTag,        ///< U+E0000..E007F: invisible letters
  Replace,        ///< surrogates and noncharacters: U+FFFD
};
CharacterFate characterFate(char32_t character);

/// One character at `position` of valid or invalid UTF-8. length is 1..4; for an invalid sequence
/// valid is false, and length covers the bytes that one U+FFFD stands for (Unicode 15, section 3.9,
/// "maximal subpart").
struct Utf8Character {
  char32_t character = 0xFFFD;
  int length = 1;
  bool valid = false;
};
Utf8Character utf8CharacterAt(std::string_view text, std::size_t position);

struct Utf8Counts {
  std::int64_t characters = 0;
  std::int64_t utf16Units = 0;
};
/// Counts for valid UTF-8; nothing when some byte is not.
std::optional<Utf8Counts> countUtf8(std::string_view text);

/// True when the text is valid UTF-8 and each of its characters has the fate Keep or is a line
/// feed.
bool isCleanText(std::string_view text);

inline bool isUtf8Boundary(std::string_view text, std::int64_t position) {
  const auto size = static_cast<std::int64_t>(text.size());
  return position == size ||
         (position >= 0 && position < size &&
          (static_cast<unsigned char>(text[static_cast<std::size_t>(position)]) & 0xC0U) != 0x80U);
}

}  // namespace bookwheel
