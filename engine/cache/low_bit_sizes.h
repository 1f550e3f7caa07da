// SPDX-License-Identifier: Apache-2.0
// Sizes of everything that decoding over a low-bit copy keeps: what is allocated and what is
// planned.
#pragma once

#include "engine/backend/backend.h"
#include "engine/cache/cache_options.h"
#include "engine/cache/fast_tier_use.h"
#include "engine/model/shape.h"

#include <cstdint>

namespace bookwheel {

/// Shapes of the working memory of engine/run/low_bit_decode.h, for a cache of at most maxTokens
/// tokens. All arrays are in backend memory.
struct LowBitSizes {
  /// Throws Error(UnsupportedModel) if more query heads share a KV head than the kernels take.
  LowBitSizes(const ModelShape& shape, const CacheOptions& options, std::int64_t maxTokens);

  int rows;                      // T: 2 with a speculative row, else 1
  int scoreRows;                 // R = T H / Hkv
  std::int64_t blocks;           // of the copy
  std::int64_t scoreHeadStride;  // floats
  std::int64_t maximaStride;     // floats
  int pairs;                     // k, at most the tokens of the copy
  std::int64_t valuePartials;    // of each KV head, from 0 on
  std::int64_t pairPartials;     // behind them
  std::int64_t sinkPartials;     // behind them
  std::int64_t newestPartials;   // behind them
  std::int64_t ownPartials;      // the speculative row's own pair
  std::int64_t partials;         // sum of these

  std::int64_t scoreBytes;    // (Hkv, scoreHeadStride)
  std::int64_t maximaBytes;   // (Hkv, R, maximaStride), and sums of the same shape
  std::int64_t shiftBytes;    // (Hkv, R)
  std::int64_t partialBytes;  // (Hkv, partials, R, d + tail)
  std::int64_t setBytes;      // one list of pairs: (L, Hkv, pairs) tokens
  std::int64_t countBytes;    // (L, Hkv)
  std::int64_t emptyBytes;    // (Hkv) zeros: an empty set
  std::int64_t slotBytes;     // (Hkv, pairs): a layer's pairs as slots of the prefetch buffer
  std::int64_t logitBytes;    // (T, vocabulary)
  LowBitLimits limits;

  /// Partials of the value pass over `blocks` blocks.
  static std::int64_t valuePartialsFor(std::int64_t blocks);
  std::int64_t bytes() const;  // of all, with four lists of pairs
};

/// Slots of each (layer, KV head) of the prefetch buffer for a copy of so many tokens: k and a
/// quarter, so that some of the step before's losers stay. 0: no pairs, no buffer.
int prefetchSlots(const CacheOptions& options, std::int64_t copiedTokens);

/// A speculative row runs beside the output row.
bool hasSpeculativeRow(const CacheOptions& options);

/// What `tokens` tokens take in a fast tier of its own. With the 16-bit store in RAM islands and
/// pairs are read in place; the figures are then what a device would hold.
FastTierUse fastTierUse(const ModelShape& shape, const CacheOptions& options, std::int64_t tokens);

/// Bytes of KV that one decoding step reads behind `tokens` tokens: all of the exact cache, or the
/// copy, the 16-bit first and newest tokens and the pairs of every layer and KV head.
std::int64_t stepReadBytes(const ModelShape& shape, const CacheOptions& options,
                           std::int64_t tokens);

}  // namespace bookwheel
