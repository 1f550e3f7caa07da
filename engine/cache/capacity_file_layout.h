// SPDX-License-Identifier: Apache-2.0
// Where a row stands in a capacity file.
#pragma once

#include "engine/cache/capacity_tier.h"

#include <cstdint>

namespace bookwheel {

/// The file, S = kSegmentTokens tokens a segment:
///
///   | segment 0 | segment 1 | ...
///
///   a segment:  layer 0: head 0: | K V | K V | ...   S rows of rowBytes()
///                        head 1: | K V | K V | ...
///               layer 1: ...
///
/// A row is that of CapacityTier: K (d) then V (d) in f16, padded with zeros to a multiple of 128
/// bytes. The rows of one (layer, head, segment) are a run: whole pages, next to each other.
struct CapacityFileLayout {
  static constexpr int kSegmentTokens = 512;
  static constexpr std::int64_t kRowAlignment = 128;

  KvShape shape;

  constexpr std::int64_t pairBytes() const {  // of a row, without padding
    return std::int64_t{shape.headDim} * 2 * static_cast<std::int64_t>(sizeof(std::uint16_t));
  }
  constexpr std::int64_t rowBytes() const {
    return (pairBytes() + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
  }
  constexpr std::int64_t segmentBytes() const {
    return rowBytes() * kSegmentTokens * shape.layers * shape.kvHeads;
  }
  constexpr std::int64_t segments(std::int64_t tokens) const {
    return (tokens + kSegmentTokens - 1) / kSegmentTokens;
  }
  /// Bytes of a file with room for so many tokens.
  constexpr std::int64_t fileBytes(std::int64_t tokens) const {
    return segments(tokens) * segmentBytes();
  }
  constexpr std::int64_t rowOffset(int layer, int kvHead, std::int64_t token) const {
    const std::int64_t run = std::int64_t{layer} * shape.kvHeads + kvHead;
    return token / kSegmentTokens * segmentBytes() +
           (run * kSegmentTokens + token % kSegmentTokens) * rowBytes();
  }
};

}  // namespace bookwheel
