// SPDX-License-Identifier: Apache-2.0
// The planner: what a model and a document will need in memory, or why that does not fit.
#include "engine/cache/planner.h"

#include "engine/backend/cpu_backend.h"
#include "engine/cache/file_tier.h"
#include "engine/cache/low_bit_copy.h"
#include "engine/cache/low_bit_sizes.h"
#include "engine/cache/prefetch_buffer.h"
#include "kernels/cpu_lowbit.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

namespace bookwheel {

namespace {

std::string gigabytes(std::int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

/// 131402 -> "131,402".
std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

}  // namespace

KvShape kvShape(const ModelShape& shape) { return {shape.layers, shape.kvHeads, shape.headDim}; }

namespace {

CacheOptions correctedOptions(int keyBits, int valueBits, int pairs) {
  CacheOptions options;
  options.policy = CachePolicy::Corrected;
  options.keyBits = keyBits;
  options.valueBits = valueBits;
  options.pairs = pairs;
  return options;
}

/// What choosePlan() tries, best first.
struct Candidate {
  CacheOptions cache;
  CapacityPlace capacity;
};

std::vector<Candidate> candidates(const ModelShape& shape) {
  constexpr CapacityPlace kMemory = CapacityPlace::Memory;
  constexpr CapacityPlace kFile = CapacityPlace::File;
  if (!defaultCacheOptions(shape).usesCopy()) {
    return {{{}, kMemory}, {{}, kFile}};
  }
  return {
      {correctedOptions(2, 2, 256), kMemory},
      {correctedOptions(1, 1, 1024), kMemory},
      {{}, kMemory},
      {correctedOptions(2, 2, 256), kFile},
      {correctedOptions(1, 2, 256), kFile},
      {correctedOptions(1, 1, 1024), kFile},
  };
}

}  // namespace

PlanChoice choosePlan(const ModelShape& shape, const PlanRequest& request) {
  PlanChoice smallest;
  for (const Candidate& candidate : candidates(shape)) {
    PlanRequest attempt = request;
    attempt.cache = candidate.cache;
    attempt.capacity = candidate.capacity;
    PlanChoice choice{candidate.cache, candidate.capacity, planMemory(shape, attempt)};
    // More tokens than the model reads: no cache helps.
    if (choice.plan.fits || request.tokens > choice.plan.contextTokens) {
      return choice;
    }
    if (smallest.plan.totalBytes == 0 || choice.plan.totalBytes < smallest.plan.totalBytes) {
      smallest = std::move(choice);
    }
  }
  const MemoryPlan& plan = smallest.plan;
  const std::int64_t kv = plan.kvMemoryBytes + plan.copyBytes + plan.layerBytes;
  smallest.plan.reason = "Reading " + grouped(request.tokens) + " tokens needs at least " +
                         gigabytes(plan.totalBytes) +
                         " of memory: " + gigabytes(plan.weightsBytes) + " for the model, " +
                         gigabytes(kv) + " for the smallest memory of the text, " +
                         gigabytes(plan.workspaceBytes) + " to compute in; the budget is " +
                         gigabytes(request.availableBytes) +
                         ". Raise it, choose a part of the text or a smaller model.";
  return smallest;
}

std::vector<PlanChoice> planStops(const ModelShape& shape, const PlanRequest& request) {
  std::vector<std::int64_t> budgets;
  for (const Candidate& candidate : candidates(shape)) {
    PlanRequest attempt = request;
    attempt.cache = candidate.cache;
    attempt.capacity = candidate.capacity;
    budgets.push_back(planMemory(shape, attempt).totalBytes);
  }
  std::sort(budgets.begin(), budgets.end());
  std::vector<PlanChoice> stops;
  for (const std::int64_t budget : budgets) {
    PlanRequest attempt = request;
    attempt.availableBytes = budget;
    PlanChoice choice = choosePlan(shape, attempt);
    const bool same = !stops.empty() && stops.back().cache == choice.cache &&
                      stops.back().capacity == choice.capacity;
    if (choice.plan.fits && !same) {
      stops.push_back(std::move(choice));
    }
  }
  return stops;
}

CacheOptions defaultCacheOptions(const ModelShape& shape) {
  CacheOptions options;
  options.policy = CachePolicy::Corrected;
  const bool hasForm = kernels::isLowBitFormat(lowBitFormat(options, shape.headDim)) &&
                       shape.heads / shape.kvHeads <= kernels::kMostScoreRows;
  return hasForm ? options : CacheOptions{};
}

std::int64_t activationFloatsPerRow(const ModelShape& shape) {
  const std::int64_t queries = std::int64_t{shape.heads} * shape.headDim;
  const std::int64_t keys = std::int64_t{shape.kvHeads} * shape.headDim;
  // x and its norm; q and the attention's output; k and v; gate and up; cosines and sines.
  return 2 * std::int64_t{shape.embedding} + 2 * queries + 2 * keys +
         2 * std::int64_t{shape.feedForward} + shape.ropeDims;
}

namespace {

/// The prefetch buffer of a cache of at most `context` tokens.
std::int64_t bufferBytesFor(const ModelShape& shape, const CacheOptions& options,
                            std::int64_t context) {
  if (!options.usesCopy()) {
    return 0;
  }
  const int slots =
      prefetchSlots(options, LowBitCopy::blocksFor(options, context) * kernels::kLowBitBlock);
  return slots > 0 ? PrefetchBuffer::bytesFor(kvShape(shape), slots) : 0;
}

/// The first and newest tokens and the prefetch buffer of a cache of at most `context` tokens.
std::int64_t fileTierMemoryBytes(const ModelShape& shape, const CacheOptions& options,
                                 std::int64_t chunkTokens, std::int64_t context) {
  const bool copy = options.usesCopy();
  return FileTier::windowBytesFor(kvShape(shape), chunkTokens, copy ? options.sinkTokens : 0,
                                  copy ? options.residualTokens : 0) +
         bufferBytesFor(shape, options, context);
}

}  // namespace

MemoryPlan planMemory(const ModelShape& shape, const PlanRequest& request) {
  const std::int64_t context = request.contextTokens > 0
                                   ? std::min(request.contextTokens, shape.contextTokens)
                                   : shape.contextTokens;
  const std::int64_t chunk = std::min<std::int64_t>(
      request.chunkTokens > 0 ? request.chunkTokens : kDefaultChunkTokens, context);
  const std::int64_t widest = std::max<std::int64_t>(
      {shape.embedding, shape.feedForward, std::int64_t{shape.heads} * shape.headDim});
  const WorkspaceLimits limits{chunk, widest, shape.heads, shape.kvHeads, shape.headDim, context};

  MemoryPlan plan;
  plan.tokens = request.tokens;
  plan.contextTokens = context;
  plan.weightsBytes = request.weightsBytes;
  plan.kvBytes = CapacityTier::bytesFor(kvShape(shape), request.tokens);
  constexpr std::int64_t kFloatBytes = sizeof(float);
  plan.workspaceBytes = (chunk * activationFloatsPerRow(shape) + shape.vocabulary) * kFloatBytes +
                        CpuBackend::reservedBytes(limits, request.threads);
  const auto copyBytes = [&](std::int64_t tokens) {
    return request.cache.usesCopy()
               ? LowBitCopy::bytesFor(kvShape(shape), request.cache,
                                      LowBitCopy::blocksFor(request.cache, tokens))
               : 0;
  };
  if (request.cache.usesCopy()) {
    LowBitCopy::requireForm(request.cache, shape.headDim);
    const LowBitSizes sizes(shape, request.cache, context);
    plan.copyBytes = copyBytes(request.tokens);
    plan.workspaceBytes += sizes.bytes() + CpuBackend::reservedBytes(sizes.limits);
  }
  plan.fastTier = fastTierUse(shape, request.cache, request.tokens);
  const bool inFile = request.capacity == CapacityPlace::File;
  const auto kvMemoryBytes = [&](std::int64_t tokens) {
    return inFile ? fileTierMemoryBytes(shape, request.cache, chunk, context)
                  : CapacityTier::bytesFor(kvShape(shape), tokens);
  };
  const auto layerBytes = [&](std::int64_t tokens) {
    return inFile ? FileTier::layerBytesFor(kvShape(shape), tokens) : 0;
  };
  plan.kvMemoryBytes = kvMemoryBytes(request.tokens);
  plan.bufferBytes = inFile ? bufferBytesFor(shape, request.cache, context) : 0;
  plan.layerBytes = layerBytes(request.tokens);
  plan.totalBytes = plan.weightsBytes + plan.kvMemoryBytes + plan.layerBytes + plan.copyBytes +
                    plan.workspaceBytes;

  const std::int64_t fixed = plan.weightsBytes + plan.workspaceBytes;
  const auto fits = [&](std::int64_t tokens) {
    return fixed + kvMemoryBytes(tokens) + layerBytes(tokens) + copyBytes(tokens) <=
           request.availableBytes;
  };
  // Bytes grow with tokens, so the border is found by halving.
  std::int64_t most = 0;
  for (std::int64_t step = std::int64_t{1} << 40; step > 0; step /= 2) {
    if (most + step <= context && fits(most + step)) {
      most += step;
    }
  }
  plan.mostTokens = most;

  if (request.tokens > context) {
    plan.reason = "The text has " + grouped(request.tokens) + " tokens; this model reads " +
                  grouped(context) +
                  ". Choose a part of the text or a model with a longer context.";
  } else if (fixed > request.availableBytes) {
    plan.reason = "The model needs " + gigabytes(fixed) +
                  " of memory before it reads anything, and " + gigabytes(request.availableBytes) +
                  " are free. Close other programs or choose a smaller model.";
  } else if (plan.totalBytes > request.availableBytes) {
    plan.reason = "Reading " + grouped(request.tokens) + " tokens needs " +
                  gigabytes(plan.totalBytes) + " of memory, and " +
                  gigabytes(request.availableBytes) + " are free, enough for " +
                  grouped(plan.mostTokens) +
                  " tokens. Close other programs, choose a part of the text or a smaller model.";
  } else {
    plan.fits = true;
  }
  return plan;
}

}  // namespace bookwheel
