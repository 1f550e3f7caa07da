// SPDX-License-Identifier: Apache-2.0
#include "engine/model/printable.h"

#include <cstdint>

namespace bookwheel {
namespace {

/// Bytes of the well-formed character at the start of `text` (Unicode 15, table 3-7), or 0.
std::size_t characterBytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto inRange = [&](std::size_t i, int low, int high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const int lead = byte(0);
  if (lead < 0x80) {
    return 1;
  }
  if (lead >= 0xC2 && lead <= 0xDF) {
    return inRange(1, 0x80, 0xBF) ? 2 : 0;
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    const int low = lead == 0xE0 ? 0xA0 : 0x80;   // no overlong forms
    const int high = lead == 0xED ? 0x9F : 0xBF;  // no surrogates
    return inRange(1, low, high) && inRange(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const int low = lead == 0xF0 ? 0x90 : 0x80;   // no overlong forms
    const int high = lead == 0xF4 ? 0x8F : 0xBF;  // not above U+10FFFF
    return inRange(1, low, high) && inRange(2, 0x80, 0xBF) && inRange(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool isValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = characterBytes(text);
    if (bytes == 0) {
      return false;
    }
    text.remove_prefix(bytes);
  }
  return true;
}

std::string printable(std::string_view text, std::size_t maxBytes) {
  std::string result;
  while (!text.empty()) {
    const std::size_t bytes = characterBytes(text);
    if (result.size() + (bytes == 0 ? 1 : bytes) > maxBytes) {
      return result + "...";
    }
    const auto lead = static_cast<std::uint8_t>(text[0]);
    const bool control = lead < 0x20 || lead == 0x7F ||
                         (lead == 0xC2 && bytes == 2 && static_cast<std::uint8_t>(text[1]) < 0xA0);
    if (bytes == 0 || control) {
      result += '?';
    } else {
      result += text.substr(0, bytes);
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
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
