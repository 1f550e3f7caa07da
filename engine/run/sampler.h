// SPDX-License-Identifier: Apache-2.0
// Chooses the next token from logits.
#pragma once

#include "engine/model/prompt.h"

#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace bookwheel {

struct SamplingOptions {
  float temperature = 0.0f;    // 0: greedy (the other filters then change nothing but the penalty)
  int topK = 0;                // 0: off
  float topP = 1.0f;           // 1: off
  float minP = 0.0f;           // 0: off
  float repeatPenalty = 1.0f;  // 1: off; over the last `repeatWindow` tokens of the answer
  int repeatWindow = 64;
  std::uint64_t seed = 0;
};

/// One answer's sampler: same seed, same logits, same tokens. Not thread-safe.
class Sampler {
 public:
  /// Throws Error(InvalidRequest) with the range if a number is out of it.
  Sampler(const SamplingOptions& options, int vocabulary);
  /// logits: (vocabulary), finite, left as they are. Equal logits: the lowest id wins when greedy.
  /// Allocates nothing.
  TokenId next(std::span<const float> logits);

 private:
  TokenId chooseCandidate();

  SamplingOptions m_options;
  std::mt19937_64 m_random;
  std::vector<TokenId> m_recent;  // the last repeatWindow tokens chosen, oldest first
  std::vector<std::pair<float, TokenId>> m_candidates;  // logit and token
};

}  // namespace bookwheel
