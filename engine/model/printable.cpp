// SPDX-License-Identifier: Apache-2.0
#include "engine/model/printable.h"

#include "engine/model/unicode.h"

namespace bookwheel {
bool isValidUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char character = utf8At(text, i);
    if (!character.valid) {
      return false;
    }
    i += character.bytes;
  }
  return true;
}

std::string printable(std::string_view text, std::size_t maxBytes) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char character = utf8At(text, i);
    if (result.size() + character.bytes > maxBytes) {
      return result + "...";
    }
    const bool isControl =
        character.codePoint < 0x20 || (character.codePoint >= 0x7F && character.codePoint < 0xA0);
    if (!character.valid || isControl) {
      result += '?';
    } else {
      result += text.substr(i, character.bytes);
    }
    i += character.bytes;
  }
  return result;
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) {
    digits.insert(i - 3, 1, ',');
  }
  return digits;
}

}  // namespace bookwheel
