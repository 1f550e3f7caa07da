// SPDX-License-Identifier: Apache-2.0
// What reading and answering report: data about work already done, taken at no extra pass.
#pragma once

#include "engine/cache/fast_tier_use.h"

#include <array>
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

/// Hit rates of one step by layer. A model of more than kMost layers shares an entry between
/// neighbours.
struct LayerHitRates {
  static constexpr int kMost = 128;
  int entries = 0;                  // min(layers, kMost); 0 with the exact cache
  std::array<float, kMost> rate{};  // 0 to 1 of the first `entries`; < 0: no pair was wanted
};

/// Where the time of one step went. The rest of StepStats::decodeUs (choosing the token, bringing
/// the copy up to date, what the caller does with a token) has no name of its own.
struct StepTimes {
  double weightsUs = 0;  // products with the weights, with the norms between them
  double cacheUs = 0;    // attention, with what was waited for: PairStats::exposedUs
};

/// Once a decoded token. The first token of an answer comes from reading its prompt: its time is
/// that of the reading, and pairs, times and layers are empty.
struct StepStats {
  std::int64_t position;  // of the token that was fed
  double decodeUs;
  std::int64_t capacityBytes;
  std::int64_t fastBytes = 0;  // of the fast tier; 0 with the exact cache
  PairStats pairs{};
  StepTimes times{};
  LayerHitRates layers{};
};

/// Bytes by part; measured, not estimated.
struct MemoryUse {
  std::int64_t weightsBytes;
  std::int64_t kvBytes;  // 16-bit KV in memory, the prefetch buffer included
  std::int64_t workspaceBytes;
  std::int64_t copyBytes = 0;      // the low-bit copy: codes and metadata
  std::int64_t metadataBytes = 0;  // of copyBytes: scales and zeros
  std::int64_t bufferBytes = 0;    // of kvBytes: the prefetch buffer; 0 with the store in memory

  std::int64_t totalBytes() const { return weightsBytes + kvBytes + workspaceBytes + copyBytes; }
};

}  // namespace bookwheel
