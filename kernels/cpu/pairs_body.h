// SPDX-License-Identifier: Apache-2.0
// Exact attention to single pairs of the 16-bit store, and joining parts of an attention, for the
// instruction set whose simd_*.h was included before. The work on a block of pairs is decode
// attention's.
#pragma once

#include "kernels/cpu/attention_body.h"
#include "kernels/cpu/lowbit_layout.h"

namespace bookwheel::kernels {
namespace {

inline float* partialOf(const AttentionPartials& partials, std::int64_t head, std::int64_t at,
                        int row) {
  return partials.data +
         ((head * partials.perHead + at) * partials.rows + row) * (partials.headDim + kPartialTail);
}

/// Decode attention of all score rows to rows first .. end of `pairs`; leaves partials in its own
/// form in `work`.
template <typename Rows>
void attendPairs(const ExactPairsArgs& args, std::int64_t head, const Rows& pairs,
                 std::int64_t count, float* work) {
  const int d = args.kv.headDim;
  const int group = args.heads / args.kv.kvHeads;
  const int size = args.rows * group;
  const int groups = (size + kAttentionRows - 1) / kAttentionRows;
  const int step = (size + groups - 1) / groups;
  for (std::int64_t pair = 0; pair < count; pair += kDecodeBlock) {
    const std::int64_t left = count - pair;
    const int here = left < kDecodeBlock ? static_cast<int>(left) : kDecodeBlock;
    const Rows block = pairs.from(pair);
    for (int first = 0; first < size; first += step) {
      const int rows = size - first < step ? size - first : step;
      const float* queries[kAttentionRows];
      float* partials[kAttentionRows];
      std::int64_t visible[kAttentionRows];
      for (int i = 0; i < rows; ++i) {
        const int r = first + i;
        queries[i] = args.queries + r / group * args.queryStride + (head * group + r % group) * d;
        partials[i] = work + r * partialFloats(d);
        visible[i] = r / group < args.firstRow ? 0 : here;
      }
      decodeBlockOf<Rows>(rows)(queries, block, here, d, args.scale, visible, partials);
    }
  }
}

void exactPairsBody(const ExactPairsArgs& args, Slice units) {
  const int d = args.kv.headDim;
  const int size = args.rows * (args.heads / args.kv.kvHeads);
  const std::int64_t chunks = (args.mostPairs + kPairsChunk - 1) / kPairsChunk;
  alignas(64) float work[kMostScoreRows * partialFloats(kMostHeadDim)];
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const std::int64_t head = unit / chunks;
    const std::int64_t chunk = unit % chunks;
    const std::int64_t first = chunk * kPairsChunk;
    const std::int64_t all = args.counts == nullptr ? args.mostPairs : args.counts[head];
    const std::int64_t left = all - first;
    const std::int64_t count = left < 0 ? 0 : left < kPairsChunk ? left : kPairsChunk;
    for (int r = 0; r < size; ++r) {
      clearPartial(work + r * partialFloats(d), d);
    }
    const std::uint16_t* rows = args.kv.data + head * args.kv.headStride;
    if (args.indices == nullptr) {
      attendPairs(args, head,
                  LongRows{rows + first * args.kv.tokenStride, args.kv.tokenStride, left}, count,
                  work);
    } else {
      attendPairs(args, head,
                  ListedRows{rows, args.kv.tokenStride,
                             args.indices + head * args.indicesStride + first, left},
                  count, work);
    }
    for (int r = 0; r < size; ++r) {
      const float* from = work + r * partialFloats(d);
      float* out = partialOf(args.partials, head, args.firstPartial + chunk, r);
      for (int c = 0; c < d; c += kLanes) {
        store(out + c, load(from + kPartialHeader + c));
      }
      out[d] = from[0];
      out[d + 1] = partialSum(from);
      for (int i = 2; i < kPartialTail; ++i) {
        out[d + i] = 0.0F;
      }
    }
  }
}

/// Nothing seen at all gives zeros and the log sum minus infinity. A part that saw only NaN has the
/// maximum minus infinity and the sum NaN, and shows.
void joinPartialsBody(const JoinPartialsArgs& args, Slice units) {
  const int d = args.partials.headDim;
  const int group = args.heads / args.kvHeads;
  const std::int64_t step = static_cast<std::int64_t>(args.partials.rows) * (d + kPartialTail);
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const std::int64_t row = unit / args.heads;
    const std::int64_t head = unit % args.heads / group;
    const int r = static_cast<int>(row * group + unit % args.heads % group);
    const float* first = partialOf(args.partials, head, 0, r);
    float* out = args.out + row * args.outStride + unit % args.heads * d;
    float peak = kMinusInfinity;
    for (std::int64_t i = 0; i < args.count; ++i) {
      peak = first[i * step + d] > peak ? first[i * step + d] : peak;
    }
    const float from = peak == kMinusInfinity ? 0.0F : peak;
    for (int c = 0; c < d; c += kLanes) {
      store(out + c, zero());
    }
    float sum = 0.0F;
    for (std::int64_t i = 0; i < args.count; ++i) {
      const float* part = first + i * step;
      if (part[d + 1] == 0.0F) {
        continue;
      }
      const float factor = part[d] == kMinusInfinity ? 1.0F : exponential(part[d] - from);
      sum += part[d + 1] * factor;
      for (int c = 0; c < d; c += kLanes) {
        store(out + c, fma(load(part + c), splat(factor), load(out + c)));
      }
    }
    if (sum != 0.0F) {
      scaleRow(out, d, 1.0F / sum);
    }
    if (args.logSums != nullptr) {
      args.logSums[head * args.partials.rows + r] =
          sum == 0.0F ? kMinusInfinity : from + __builtin_logf(sum);
    }
  }
}

}  // namespace
}  // namespace bookwheel::kernels
