// SPDX-License-Identifier: Apache-2.0
// What reading and answering report: data about work already done, taken at no extra pass.
#pragma once

#include "engine/cache/fast_tier_use.h"

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

/// Pairs of one step, summed over layers and KV heads; all 0 with the exact cache. The definitions
/// are those of the method's page, "What is measured".
struct PairStats {
  std::int64_t wanted = 0;        // the k with the largest low-bit weight of the output row
  std::int64_t resident = 0;      // of these, already fetched when they were wanted
  std::int64_t fetchedBytes = 0;  // brought into the fast tier for this step or the next
  double hiddenUs = 0;            // of fetch time behind computing
  double exposedUs = 0;           // of fetch time waited for
  std::int64_t guesses = 0;       // 1: the step had a speculative token from the step before
  std::int64_t rightGuesses = 0;  // 1: it was the token that came

  double hitRate() const {
    return wanted > 0 ? static_cast<double>(resident) / static_cast<double>(wanted) : 0;
  }
};

/// Once a decoded token.
struct StepStats {
  std::int64_t position;  // of the token that was fed
  double decodeUs;
  std::int64_t capacityBytes;
  std::int64_t fastBytes = 0;  // of the fast tier; 0 with the exact cache
  PairStats pairs{};
};

/// Bytes by part; measured, not estimated.
struct MemoryUse {
  std::int64_t weightsBytes;
  std::int64_t kvBytes;  // 16-bit KV in memory
  std::int64_t workspaceBytes;
  std::int64_t copyBytes = 0;  // the low-bit copy of `kvBytes`
};

}  // namespace bookwheel
