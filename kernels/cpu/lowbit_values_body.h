// SPDX-License-Identifier: Apache-2.0
// Values of the low-bit copy weighted by exp(score), for the instruction set whose simd_*.h was
// included before.
//
//   sum_t w_t value(t)_c = sum_t w_t zero_t + sum_t (w_t scale_t) code_t(c)
//
// w_t scale_t is rounded to 8 bits, unsigned; 255 is the largest w of the row and block times the
// largest scale of the block and run, which needs no maximum over tokens of its own. The second sum
// is integer, the first float and one number for a run of channels.
#pragma once

#include "kernels/cpu/lowbit_dot_body.h"
#include "kernels/cpu/pairs_body.h"

namespace bookwheel::kernels {
namespace {

/// What a chunk gathers beside the sums of codes, which go to the partials: lanes are tokens.
struct ValueSums {
  static constexpr int kMostRuns = kMostHeadDim / 32;
  alignas(64) float weights[kMostScoreRows][kLowBitBlock];  // of the block at work
  alignas(64) std::byte codes[kMostScoreRows][kLowBitBlock];
  alignas(64) float totals[kMostScoreRows][kLanes];
  alignas(64) float zeros[kMostScoreRows][kMostRuns][kLanes];
  alignas(64) float blockPeaks[kLowBitChunk][kMostScoreRows];  // largest score
  alignas(64) float tops[kMostScoreRows];                      // largest weight of the block
  alignas(64) float steps[kMostScoreRows];                     // of the rounded weights of a run
  alignas(64) float inverses[kMostScoreRows];
  alignas(64) float peaks[kMostScoreRows];  // largest score of the chunk
};

/// Steps for the weights of all rows of a block in one run of channels. 254.9, for exponentials are
/// rounded and a weight may come out a little above the one of the largest score.
inline void findSteps(const GroupFloats& groups, int rows, ValueSums& sums) {
  Float most = zero();
  for (int i = 0; i < kLowBitBlock; i += kLanes) {
    most = maximum(load(groups.scales + i), most);
  }
  const Float largest = splat(maxOf(most));
  for (int r = 0; r < rows; r += kLanes) {
    const Float top = maximum(mul(load(sums.tops + r), largest), splat(1e-30F));
    store(sums.steps + r, mul(top, splat(1.0F / 254.9F)));
    store(sums.inverses + r, div(splat(254.9F), top));
  }
}

/// The weights of one row and block for one run of channels, rounded.
inline void roundWeights(const GroupFloats& groups, int run, int r, ValueSums& sums) {
  constexpr int kVectors = kLowBitBlock / kLanes;
  const Float inverse = splat(sums.inverses[r]);
  Float zeros = load(sums.zeros[r][run]);
#pragma GCC unroll 16
  for (int i = 0; i < kVectors; ++i) {
    const Float w = load(sums.weights[r] + i * kLanes);
    zeros = fma(w, load(groups.zeros + i * kLanes), zeros);
    const Float scaled = mul(mul(w, load(groups.scales + i * kLanes)), inverse);
    storeUnsignedBytes(sums.codes[r] + i * kLanes, toInt(scaled));
  }
  store(sums.zeros[r][run], zeros);
}

/// Adds the codes of one run of channels, `slabs` slabs, to rows firstRow .. + count.
template <int kBits>
inline void addSlabs(const std::byte* codes, std::int64_t slabBytes, const ValueSums& sums,
                     int firstRow, int count, int slabs, float* const* out) {
  for (int slab = 0; slab < slabs; slab += kDotSlabs) {
    for (int part = 0; part < kTileParts; ++part) {
      Int dots[kDotRows][kDotVectors];
      const std::int64_t second = slabs - slab < kDotSlabs ? 0 : slabBytes;
      dotRows<kBits, false>(count, codes + slab * slabBytes + part * 4 * kLanes, second,
                            kLowBitBlock / 4, sums.codes[firstRow], kLowBitBlock, dots);
      for (int r = 0; r < count; ++r) {
        const Float step = splat(sums.steps[firstRow + r]);
        float* to = out[firstRow + r] + slab * kSlabLanes + part * kLanes;
        for (int v = 0; v < kDotVectors && slab + v / 2 < slabs; ++v) {
          store(to + v * 16, fma(toFloat(dots[r][v]), step, load(to + v * 16)));
        }
      }
    }
  }
}

template <int kBits>
void valueBlock(const LowBitPlane& plane, const std::byte* block, int group, int d, int rows,
                ValueSums& sums, float* const* out) {
  const int step = rowStep(rows);
  GroupFloats groups;
  for (int run = 0; run < plane.groupRuns; ++run) {
    readGroups(plane, block, run, groups);
    findSteps(groups, rows, sums);
    for (int r = 0; r < rows; ++r) {
      roundWeights(groups, run, r, sums);
    }
    const int first = run * group;
    const int slabs = (d - first < group ? d - first : group) / kSlabLanes;
    float* to[kMostScoreRows];
    for (int r = 0; r < rows; ++r) {
      to[r] = out[r] + first;
    }
    for (int r = 0; r < rows; r += step) {
      addSlabs<kBits>(block + first / kSlabLanes * plane.slabBytes(), plane.slabBytes(), sums, r,
                      rows - r < step ? rows - r : step, slabs, to);
    }
  }
}

/// Where the excluded tokens from `token` on begin in the ascending list.
inline std::int64_t excludedFrom(const std::uint32_t* excluded, std::int64_t count,
                                 std::int64_t token) {
  std::int64_t low = 0;
  while (low < count) {
    const std::int64_t middle = low + (count - low) / 2;
    if (excluded[middle] < token) {
      low = middle + 1;
    } else {
      count = middle;
    }
  }
  return low;
}

/// Takes excluded tokens of blocks first .. end out of the scores and finds the largest score that
/// is left of each row and block, and of the row.
inline void excludeTokens(const LowBitValuesArgs& args, std::int64_t head, std::int64_t first,
                          std::int64_t end, ValueSums& sums) {
  const ScoreRows& in = args.scores;
  const bool any = args.excludedCounts != nullptr;
  const std::uint32_t* excluded = any ? args.excluded + head * args.excludedStride : nullptr;
  const std::int64_t count = any ? args.excludedCounts[head] : 0;
  std::int64_t next = excludedFrom(excluded, count, first * kLowBitBlock);
  for (int r = 0; r < in.rows; ++r) {
    sums.peaks[r] = kMinusInfinity;
  }
  for (std::int64_t b = first; b < end; ++b) {
    float* scores = in.scores + head * in.headStride + b * in.rows * kLowBitBlock;
    const std::int64_t before = next;
    for (; next < count && excluded[next] < (b + 1) * kLowBitBlock; ++next) {
      for (int r = 0; r < in.rows; ++r) {
        scores[r * kLowBitBlock + excluded[next] % kLowBitBlock] = kMinusInfinity;
      }
    }
    for (int r = 0; r < in.rows; ++r) {
      const float peak = next == before ? in.blockMaxima[(head * in.rows + r) * in.maximaStride + b]
                                        : hideAndPeak(scores + r * kLowBitBlock, 0);
      sums.blockPeaks[b - first][r] = peak;
      sums.peaks[r] = peak > sums.peaks[r] ? peak : sums.peaks[r];
    }
  }
}

/// exp(score - peak) of all rows of a block and of their largest scores. A row without any score:
/// exp(-infinity - 0) = 0.
inline void weighBlock(const float* scores, const float* blockPeaks, int rows, ValueSums& sums) {
  for (int r = 0; r < rows; ++r) {
    const Float peak = splat(sums.peaks[r] == kMinusInfinity ? 0.0F : sums.peaks[r]);
    Float total = load(sums.totals[r]);
#pragma GCC unroll 4
    for (int i = 0; i < kLowBitBlock; i += kLanes) {
      const Float w = exponentialNear(sub(load(scores + r * kLowBitBlock + i), peak));
      store(sums.weights[r] + i, w);
      total = add(total, w);
    }
    store(sums.totals[r], total);
  }
  for (int r = 0; r < rows; r += kLanes) {
    const Float peaks = maximum(load(sums.peaks + r), splat(-3e38F));
    store(sums.tops + r, exponentialNear(sub(load(blockPeaks + r), peaks)));
  }
}

inline void finishPartial(const LowBitFormat& format, int runs, int r, const ValueSums& sums,
                          float* out) {
  const int d = format.headDim;
  for (int run = 0; run < runs; ++run) {
    const Float zeros = splat(sumOf(load(sums.zeros[r][run])));
    const int end = (run + 1) * format.group < d ? (run + 1) * format.group : d;
    for (int c = run * format.group; c < end; c += kLanes) {
      store(out + c, add(load(out + c), zeros));
    }
  }
  out[d] = sums.peaks[r];
  out[d + 1] = sumOf(load(sums.totals[r]));
  for (int i = 2; i < kPartialTail; ++i) {
    out[d + i] = 0.0F;
  }
}

void lowBitValuesBody(const LowBitValuesArgs& args, Slice units) {
  const LowBitFormat& format = args.copy.format;
  const LowBitPlane plane = valuePlane(format);
  const ScoreRows& in = args.scores;
  const std::int64_t chunks = (in.blocks + kLowBitChunk - 1) / kLowBitChunk;
  const auto work = plane.bits == 1   ? valueBlock<1>
                    : plane.bits == 2 ? valueBlock<2>
                                      : valueBlock<4>;
  ValueSums sums{};  // rows past the last are computed with, to no effect
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const std::int64_t head = unit / chunks;
    const std::int64_t chunk = unit % chunks;
    const std::int64_t first = chunk * kLowBitChunk;
    const std::int64_t end = in.blocks - first < kLowBitChunk ? in.blocks : first + kLowBitChunk;
    excludeTokens(args, head, first, end, sums);
    float* out[kMostScoreRows];
    for (int r = 0; r < in.rows; ++r) {
      out[r] = partialOf(args.partials, head, args.firstPartial + chunk, r);
      for (int c = 0; c < format.headDim; c += kLanes) {
        store(out[r] + c, zero());
      }
      store(sums.totals[r], zero());
      for (int run = 0; run < plane.groupRuns; ++run) {
        store(sums.zeros[r][run], zero());
      }
    }
    for (std::int64_t b = first; b < end; ++b) {
      const std::byte* block =
          args.copy.values + head * args.copy.valueHeadStride + b * plane.bytes();
      prefetchBlock(block, plane.bytes(), in.blocks - b);
      const float* scores = in.scores + head * in.headStride + b * in.rows * kLowBitBlock;
      weighBlock(scores, sums.blockPeaks[b - first], in.rows, sums);
      work(plane, block, format.group, format.headDim, in.rows, sums, out);
    }
    for (int r = 0; r < in.rows; ++r) {
      finishPartial(format, plane.groupRuns, r, sums, out[r]);
    }
  }
}

}  // namespace
}  // namespace bookwheel::kernels
