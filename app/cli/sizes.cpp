// SPDX-License-Identifier: Apache-2.0
// Sizes in bytes as people write them: 512M, 6G.
#include "app/cli/sizes.h"

#include "app/cli/command_error.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace bookwheel {

std::int64_t parseSize(const std::string& text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  double unit = 1;
  bool known = error == std::errc() && std::isfinite(number) && number >= 0 && end - rest <= 1;
  if (known && rest != end) {
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
        known = false;
    }
  }
  if (!known || number * unit > 0x1p60) {
    throw CommandError(ExitCode::kUsage,
                       "\"" + text + "\" is no size; write a number with K, M or G, such as 6G.");
  }
  return std::llround(number * unit);
}

std::string formatSize(std::int64_t bytes) {
  char text[32];
  const double number = static_cast<double>(bytes);
  if (number >= 0x1p30) {
    std::snprintf(text, sizeof text, "%.2f GB", number / 0x1p30);
  } else if (number >= 0x1p20) {
    std::snprintf(text, sizeof text, "%.1f MB", number / 0x1p20);
  } else {
    std::snprintf(text, sizeof text, "%.1f KB", number / 0x1p10);
  }
  return text;
}

}  // namespace bookwheel
