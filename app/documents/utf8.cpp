// SPDX-License-Identifier: Apache-2.0
// What this program calls clean text: valid UTF-8 without characters that hide or reorder others.
#include "app/documents/utf8.h"

namespace bookwheel {

CharacterFate characterFate(char32_t c) {
  if (c >= 0x20 && c < 0x7F) {
    return CharacterFate::Keep;
  }
  if (c == U'\t') {
    return CharacterFate::Keep;
  }
  if ((c >= 0x0A && c <= 0x0D) || c == 0x85 || c == 0x2028 || c == 0x2029) {
    return CharacterFate::LineEnd;
  }
  if (c == 0) {
    return CharacterFate::DropNul;
  }
  if (c < 0x20 || (c >= 0x7F && c <= 0x9F)) {
    return CharacterFate::DropControl;
  }
  if (c == 0xAD || c == 0xFEFF) {
    return CharacterFate::DropSilent;
  }
  if ((c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069)) {
    return CharacterFate::DropDirection;
  }
  if (c >= 0xE0000 && c <= 0xE007F) {
    return CharacterFate::DropTag;
  }
  const bool surrogate = c >= 0xD800 && c <= 0xDFFF;
  const bool nonCharacter = (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFEU) == 0xFFFEU;
  if (surrogate || nonCharacter || c > 0x10FFFF) {
    return CharacterFate::Replace;
  }
  return CharacterFate::Keep;
}

Utf8Character utf8CharacterAt(std::string_view text, std::size_t position) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(position);
  if (first < 0x80) {
    return {first, 1, true};
  }
  // The second byte's range depends on the first (no overlong forms, no surrogates, <= U+10FFFF).
  unsigned low = 0x80;
  unsigned high = 0xBF;
  int length = 0;
  char32_t value = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
    value = first & 0x1FU;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    value = first & 0x0FU;
    low = first == 0xE0 ? 0xA0 : 0x80;
    high = first == 0xED ? 0x9F : 0xBF;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    value = first & 0x07U;
    low = first == 0xF0 ? 0x90 : 0x80;
    high = first == 0xF4 ? 0x8F : 0xBF;
  } else {
    return {};
  }
  for (int i = 1; i < length; ++i) {
    const unsigned next = byte(position + static_cast<std::size_t>(i));
    if (next < low || next > high) {
      return {0xFFFD, i, false};
    }
    value = (value << 6) | (next & 0x3FU);
    low = 0x80;
    high = 0xBF;
  }
  return {value, length, true};
}

std::optional<Utf8Counts> countUtf8(std::string_view text) {
  Utf8Counts counts;
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Character c = utf8CharacterAt(text, i);
    if (!c.valid) {
      return std::nullopt;
    }
    ++counts.characters;
    counts.utf16Units += c.length == 4 ? 2 : 1;
    i += static_cast<std::size_t>(c.length);
  }
  return counts;
}

bool isCleanText(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Character c = utf8CharacterAt(text, i);
    if (!c.valid || (c.character != U'\n' && characterFate(c.character) != CharacterFate::Keep)) {
      return false;
    }
    i += static_cast<std::size_t>(c.length);
  }
  return true;
}

}  // namespace bookwheel
