// SPDX-License-Identifier: Apache-2.0
// FastTierUse: the bytes that KV takes in the fast tier.
#pragma once

#include <cstdint>

namespace bookwheel {

/// What exists in the fast tier because of KV; nothing is left out.
struct FastTierUse {
  std::int64_t copyBytes = 0;      // codes, scales and zeros
  std::int64_t metadataBytes = 0;  // of copyBytes: scales and zeros
  std::int64_t islandBytes = 0;    // 16-bit sinks and newest tokens
  std::int64_t bufferBytes = 0;    // slots of fetched pairs and their index
  std::int64_t tokens = 0;         // that these bytes stand for
  double bitsPerElement = 16;      // of keys and values
  double compressionRatio = 1;  // bytes of a 16-bit cache of the same tokens over all bytes above

  std::int64_t bytes() const { return copyBytes + islandBytes + bufferBytes; }
};

}  // namespace bookwheel
