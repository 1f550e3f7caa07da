// SPDX-License-Identifier: Apache-2.0
// Sizes of everything that decoding over a low-bit copy keeps: what is allocated and what is
// planned.
#include "engine/cache/low_bit_sizes.h"

#include "engine/cache/low_bit_copy.h"
#include "engine/cache/planner.h"
#include "engine/cache/prefetch_buffer.h"
#include "engine/error.h"
#include "kernels/cpu_lowbit.h"

#include <algorithm>
#include <string>

namespace bookwheel {

namespace {

constexpr std::int64_t kFloatBytes = sizeof(float);
constexpr std::int64_t kTokenBytes = sizeof(std::uint32_t);
// Floats of a cache line: rows of scores begin on one.
constexpr std::int64_t kFloatAlignment = 16;

std::int64_t ceilDivide(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit; }

std::int64_t roundUp(std::int64_t value, std::int64_t unit) {
  return ceilDivide(value, unit) * unit;
}

}  // namespace

bool hasSpeculativeRow(const CacheOptions& options) {
  return options.policy == CachePolicy::Paper ||
         (options.policy == CachePolicy::Corrected && options.predictor != Predictor::Sticky);
}

int prefetchSlots(const CacheOptions& options, std::int64_t copiedTokens) {
  constexpr std::int64_t kSpareSlots = 64;
  const std::int64_t pairs = std::min<std::int64_t>(options.pairs, copiedTokens);
  return pairs == 0
             ? 0
             : static_cast<int>(std::min<std::int64_t>(pairs + kSpareSlots, SlotTable::kMostSlots));
}

LowBitSizes::LowBitSizes(const ModelShape& shape, const CacheOptions& options,
                         std::int64_t maxTokens) {
  rows = hasSpeculativeRow(options) ? 2 : 1;
  scoreRows = rows * (shape.heads / shape.kvHeads);
  if (scoreRows > kernels::kMostScoreRows) {
    throw Error(ErrorCode::UnsupportedModel,
                "In this model " + std::to_string(shape.heads / shape.kvHeads) +
                    " query heads share keys and values" +
                    (rows == 2 ? ", with a speculative row " + std::to_string(scoreRows) : "") +
                    "; the low-bit copy takes at most " + std::to_string(kernels::kMostScoreRows) +
                    (rows == 2 ? ". Choose the predictor \"sticky\" or the exact cache."
                               : ". Use the exact cache."));
  }
  blocks = LowBitCopy::blocksFor(options, maxTokens);
  scoreHeadStride = std::max<std::int64_t>(blocks, 1) * scoreRows * kernels::kLowBitBlock;
  maximaStride = roundUp(std::max<std::int64_t>(blocks, 1), kFloatAlignment);
  pairs = static_cast<int>(std::min<std::int64_t>(options.pairs, blocks * kernels::kLowBitBlock));

  valuePartials = valuePartialsFor(blocks);
  pairPartials = ceilDivide(pairs, kernels::kPairsChunk);
  sinkPartials = ceilDivide(options.sinkTokens, kernels::kPairsChunk);
  // What no block holds yet: at most residualTokens and a block less one, and the row at work.
  newestPartials = ceilDivide(std::int64_t{options.residualTokens} + kernels::kLowBitBlock,
                              kernels::kPairsChunk);
  ownPartials = rows - 1;
  partials = valuePartials + pairPartials + sinkPartials + newestPartials + ownPartials;

  const std::int64_t heads = shape.kvHeads;
  scoreBytes = heads * scoreHeadStride * kFloatBytes;
  maximaBytes = heads * scoreRows * maximaStride * kFloatBytes;
  shiftBytes = heads * scoreRows * kFloatBytes;
  partialBytes =
      heads * partials * scoreRows * (shape.headDim + kernels::kPartialTail) * kFloatBytes;
  setBytes = std::int64_t{shape.layers} * heads * pairs * kTokenBytes;
  countBytes = std::int64_t{shape.layers} * heads * kTokenBytes;
  emptyBytes = heads * kTokenBytes;
  slotBytes = heads * pairs * kTokenBytes;
  logitBytes = std::int64_t{rows} * shape.vocabulary * kFloatBytes;
  limits = {shape.kvHeads, std::max<std::int64_t>(blocks, 1), std::max(pairs, 1)};
}

std::int64_t LowBitSizes::valuePartialsFor(std::int64_t blocks) {
  return ceilDivide(blocks, kernels::kLowBitChunk);
}

std::int64_t LowBitSizes::bytes() const {
  return scoreBytes + 2 * maximaBytes + shiftBytes + partialBytes + 4 * (setBytes + countBytes) +
         emptyBytes + slotBytes + logitBytes;
}

FastTierUse fastTierUse(const ModelShape& shape, const CacheOptions& options, std::int64_t tokens) {
  const KvShape kv = kvShape(shape);
  const std::int64_t heads = std::int64_t{kv.layers} * kv.kvHeads;
  const std::int64_t rowBytes = CapacityTier::bytesFor(kv, 1) / heads;
  const std::int64_t exactBytes = CapacityTier::bytesFor(kv, tokens);
  FastTierUse use;
  use.tokens = tokens;
  if (options.usesCopy()) {
    const std::int64_t blocks = LowBitCopy::blocksFor(options, tokens);
    const std::int64_t copied = blocks * kernels::kLowBitBlock;
    const std::int64_t sinks = std::min<std::int64_t>(options.sinkTokens, copied);
    use.copyBytes = LowBitCopy::bytesFor(kv, options, blocks);
    use.metadataBytes = LowBitCopy::metadataBytesFor(kv, options, blocks);
    use.islandBytes = heads * (sinks + tokens - copied) * rowBytes;
    const int slots = prefetchSlots(options, copied);
    use.bufferBytes = slots > 0 ? PrefetchBuffer::bytesFor(kv, slots) : 0;
  } else {
    use.islandBytes = exactBytes;
  }
  if (tokens > 0) {
    const auto bytes = static_cast<double>(use.bytes());
    use.bitsPerElement = bytes * 8 / static_cast<double>(tokens * heads * 2 * kv.headDim);
    use.compressionRatio = static_cast<double>(exactBytes) / bytes;
  }
  return use;
}

std::int64_t stepReadBytes(const ModelShape& shape, const CacheOptions& options,
                           std::int64_t tokens) {
  const FastTierUse use = fastTierUse(shape, options, tokens);
  if (!options.usesCopy()) {
    return use.islandBytes;
  }
  const std::int64_t copied = LowBitCopy::blocksFor(options, tokens) * kernels::kLowBitBlock;
  return use.copyBytes + use.islandBytes +
         CapacityTier::bytesFor(kvShape(shape), std::min<std::int64_t>(options.pairs, copied));
}

}  // namespace bookwheel
