// SPDX-License-Identifier: Apache-2.0
// What reading and answering report: data about work already done, taken at no extra pass.
#pragma once

#include <cstdint>

namespace bookwheel {

/// Once a chunk while a sequence is read.
struct PrefillStats {
  std::int64_t tokensDone;  // of this sequence, those found in the cache included
  std::int64_t tokensTotal;
  std::int64_t tokensFromCache;  // found in the cache, not computed again
  double seconds;                // since this reading started
  double tokensPerSecond;        // over the last chunks
  double secondsLeft;          // estimate that allows for attention growing with depth; < 0 unknown
  std::int64_t capacityBytes;  // 16-bit KV held now
};

/// Once a decoded token.
struct StepStats {
  std::int64_t position;  // of the token that was fed
  double decodeUs;
  std::int64_t capacityBytes;
};

/// Bytes by part; measured, not estimated.
struct MemoryUse {
  std::int64_t weightsBytes;
  std::int64_t kvBytes;
  std::int64_t workspaceBytes;
};

}  // namespace bookwheel
