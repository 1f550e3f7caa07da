// SPDX-License-Identifier: Apache-2.0
// Sizes in bytes as people write them: 512M, 6G.
#include "app/cli/sizes.h"

#include "app/cli/command_error.h"
#include "app/library/size_text.h"

#include <cstdio>
#include <optional>

namespace bookwheel {

std::int64_t parseSize(const std::string& text) {
  const std::optional<std::int64_t> bytes = sizeFromText(text);
  if (!bytes) {
    throw CommandError(ExitCode::kUsage,
                       "\"" + text + "\" is no size; write a number with K, M or G, such as 6G.");
  }
  return *bytes;
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
