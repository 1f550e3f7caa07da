// SPDX-License-Identifier: Apache-2.0
// Sizes in bytes as people write them: 512M, 6G.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bookwheel {

/// "6G" -> 6 * 2^30; K, M and G are powers of 1024, no letter is bytes. Nothing for anything else.
std::optional<std::int64_t> sizeFromText(std::string_view text);

}  // namespace bookwheel
