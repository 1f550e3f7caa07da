// SPDX-License-Identifier: Apache-2.0
// CacheOptions: how answers read what was read. The exact cache, or a low-bit copy with exact
// pairs.
#pragma once

#include <cstdint>
#include <limits>

namespace bookwheel {

/// What a decoding step attends to.
enum class CachePolicy {
  Exact,      ///< the 16-bit cache
  Corrected,  ///< the low-bit copy; the step's own query chooses the pairs that are read exactly
  Paper,      ///< SpeCache as published: a speculative row chooses the next step's pairs
};

/// What asks for the pairs of the next step in advance. Under Corrected it decides how many pairs
/// are left to fetch late, and never changes a result.
enum class Predictor {
  Sticky,  ///< the pairs of the step before
  Row,     ///< those a speculative row wants
  Both,
};

enum class ScoreLogits {
  Raw,
  VarianceCorrected,  ///< less half the variance of the rounding: for steps without correction
};

enum class QuantizerMetadata { Bits8, Bits16 };

/// Where the complete 16-bit cache lives.
enum class CapacityPlace { Memory, File };

/// k without a limit: every pair of the copy is read exactly.
inline constexpr int kAllPairs = std::numeric_limits<int>::max();

/// The defaults are K2V2 as measured in docs/quality.md.
struct CacheOptions {
  CachePolicy policy = CachePolicy::Exact;
  int keyBits = 2;           // 1, 2 or 4
  int valueBits = 2;         // 1, 2 or 4
  int group = 64;            // g: 32 or 64
  int residualTokens = 128;  // r: the newest tokens, always exact
  int sinkTokens = 4;        // the first tokens, always exact
  int pairs = 256;           // k for each layer and KV head; 0: the copy alone; kAllPairs
  Predictor predictor = Predictor::Sticky;
  ScoreLogits logits = ScoreLogits::Raw;
  QuantizerMetadata metadata = QuantizerMetadata::Bits8;

  bool usesCopy() const { return policy != CachePolicy::Exact; }
  bool operator==(const CacheOptions&) const = default;
};

/// All of the paper's choices at once: no sinks, k = 64, 16-bit metadata, a speculative row.
CacheOptions paperCacheOptions(int keyBits, int valueBits);

/// Throws Error(InvalidRequest) with the value and what is possible.
void checkCacheOptions(const CacheOptions& options);

}  // namespace bookwheel
