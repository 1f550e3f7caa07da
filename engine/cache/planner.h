// SPDX-License-Identifier: Apache-2.0
// The planner: what a model and a document will need in memory, or why that does not fit.
#pragma once

#include "engine/cache/cache_options.h"
#include "engine/cache/capacity_tier.h"
#include "engine/cache/fast_tier_use.h"
#include "engine/model/shape.h"

#include <cstdint>
#include <string>
#include <vector>

namespace bookwheel {

/// What is wished for.
struct PlanRequest {
  std::int64_t tokens = 0;  // document, question and answer together
  std::int64_t weightsBytes =
      0;  // of the model in memory; before loading, the file's size is close
  std::int64_t availableBytes = 0;  // free memory or a budget; the plan must stay below it
  std::int64_t contextTokens = 0;   // 0: what the model was trained on; never more than that
  int chunkTokens = 0;              // 0: kDefaultChunkTokens
  int threads = 1;
  CacheOptions cache;
  CapacityPlace capacity = CapacityPlace::Memory;
};

/// Bytes of every part of a session, or why not.
struct MemoryPlan {
  bool fits = false;
  std::string reason;  // if it does not fit: one sentence with numbers and what to do
  std::int64_t tokens = 0;
  std::int64_t contextTokens = 0;  // the most the model reads
  std::int64_t weightsBytes = 0;
  std::int64_t kvBytes = 0;         // 16-bit KV of `tokens` tokens, in memory or in a file
  std::int64_t kvMemoryBytes = 0;   // of KV in 16 bits what is in memory: all, or first and newest
                                    // tokens and the prefetch buffer
  std::int64_t bufferBytes = 0;     // of kvMemoryBytes: the prefetch buffer
  std::int64_t layerBytes = 0;      // in memory only while reading: a layer out of the file
  std::int64_t copyBytes = 0;       // low-bit copy of `tokens` tokens; 0 with the exact cache
  std::int64_t workspaceBytes = 0;  // activations and scratch of a chunk, scores of a step
  std::int64_t totalBytes = 0;
  /// The most tokens that fit the model's context and the memory; 0 if not even the model fits.
  std::int64_t mostTokens = 0;
  /// What `tokens` tokens take in a fast tier of its own.
  FastTierUse fastTier;
};

/// Rows of a prefill chunk when nobody asks for others: from here on a larger chunk is no faster
/// (tests/bench/decode_bench.cpp), and stopping waits for one chunk at most.
inline constexpr int kDefaultChunkTokens = 256;

/// Pure: the same arguments, the same plan. Throws Error(InvalidRequest) and
/// Error(UnsupportedModel) for cache options that are out of range or that this model cannot have.
MemoryPlan planMemory(const ModelShape& shape, const PlanRequest& request);

/// A cache, where its 16-bit part lives, and what that takes.
struct PlanChoice {
  CacheOptions cache;
  CapacityPlace capacity = CapacityPlace::Memory;
  MemoryPlan plan;
};

/// The best way to hold request.tokens in request.availableBytes (request.cache and
/// request.capacity are not looked at). In this order: in memory K2V2 with 256 pairs, K1V1 with
/// 1,024, the exact cache; in a file K2V2 with 256, K1V2 with 256, K1V1 with 1,024. Pure. If
/// nothing fits, the smallest of these with fits == false and a reason that has the least memory
/// needed and what sets it.
PlanChoice choosePlan(const ModelShape& shape, const PlanRequest& request);

/// Where choosePlan() changes its mind as the budget grows: every choice it makes for a budget that
/// holds request.tokens, least memory first, each with the plan at exactly the budget from which on
/// it is made (plan.totalBytes; request.availableBytes is not looked at). Empty for more tokens
/// than the model reads. Pure.
std::vector<PlanChoice> planStops(const ModelShape& shape, const PlanRequest& request);

KvShape kvShape(const ModelShape& shape);

/// The cache that answers go by unless somebody chooses: K2V2 with 256 pairs and the corrected
/// step, or the exact cache if the model's heads have no low-bit form.
CacheOptions defaultCacheOptions(const ModelShape& shape);

/// Floats that a forward pass keeps for one row of a chunk (engine/run/forward.cpp allocates
/// these).
std::int64_t activationFloatsPerRow(const ModelShape& shape);

}  // namespace bookwheel
