// SPDX-License-Identifier: Apache-2.0
// Sizes in bytes as people write them: 512M, 6G.
#include "app/library/size_text.h"

#include <charconv>
#include <cmath>

namespace bookwheel {

std::optional<std::int64_t> sizeFromText(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || !std::isfinite(number) || number < 0 || end - rest > 1) {
    return std::nullopt;
  }
  double unit = 1;
  if (rest != end) {
    switch (*rest) {
      case 'k':
      case 'K':
        unit = 0x1p10;
        break;
      case 'm':
      case 'M':
        unit = 0x1p20;
        break;
      case 'g':
      case 'G':
        unit = 0x1p30;
        break;
      default:
        return std::nullopt;
    }
  }
  return number * unit > 0x1p60 ? std::nullopt : std::optional(std::llround(number * unit));
}

}  // namespace bookwheel
