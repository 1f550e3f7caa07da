// SPDX-License-Identifier: Apache-2.0
// Sizes in bytes as people write them: 512M, 6G.
#pragma once

#include <cstdint>
#include <string>

namespace bookwheel {

/// "6G" -> 6 * 2^30; K, M and G are powers of 1024, no letter is bytes. Throws CommandError (wrong
/// usage) for anything else.
std::int64_t parseSize(const std::string& text);
/// 1610612736 -> "1.50 GB".
std::string formatSize(std::int64_t bytes);

}  // namespace bookwheel
