// SPDX-License-Identifier: Apache-2.0
// Values of the low-bit copy weighted, for the instruction set whose simd_*.h was
// included before.
//
//   sum_t w_t value(t)_c = F (sum_t w_t zero_t + sum_t (w_t scale_t) code_t(c))
//
// Weights are relative to the largest score of their row and block; the factor F = exp(that score -
// largest of the chunk) makes those of a chunk's blocks add up. w_t scale_t is rounded to 8 bits,
// unsigned; 255 is the largest w of the row and block times the largest scale of the block and run,
// which needs no maximum over tokens of its own. The second sum is integer, the first float and one
// number for a run of channels.
#pragma once

#include "kernels/cpu/lowbit_dot_body.h"
#include "kernels/cpu/pairs_body.h"

namespace bookwheel::kernels {
namespace {

/// What a chunk gathers beside the sums of codes, which go to the partials.
struct ValueSums {
  static constexpr int kMostRuns = kMostHeadDim / 32;
  alignas(64) std::byte codes[kMostScoreRows][kLowBitBlock];
  alignas(64) float zeros[kMostScoreRows][kMostRuns][kLanes];  // lanes are tokens
  alignas(64) float factors[kMostScoreRows][16];               // of the chunk's blocks
  float peaks[kMostScoreRows];                                 // largest score of the chunk
  float totals[kMostScoreRows];
  // Of the block at work, in one run of channels:
  float tops[kMostScoreRows];   // largest weight
  float steps[kMostScoreRows];  // of the rounded weights, times the factor
  float inverses[kMostScoreRows];
};
static_assert(kLowBitChunk <= 16);

/// Steps for the weights of all rows of a block in one run of channels. 254.9, for exponentials are
/// rounded and a weight may come out a little above 1.
inline void findSteps(const GroupFloats& groups, int rows, int blockInChunk, ValueSums& sums) {
  Float most = zero();
  for (int i = 0; i < kLowBitBlock; i += kLanes) {
    most = maximum(load(groups.scales + i), most);
  }
  const float largest = maxOf(most);
  for (int r = 0; r < rows; ++r) {
    const float product = sums.tops[r] * largest;
    const float top = product > 1e-30F ? product : 1e-30F;
    sums.steps[r] = top * sums.factors[r][blockInChunk] * (1.0F / 254.9F);
    sums.inverses[r] = 254.9F / top;
  }
}

/// The weights of one row and block for one run of channels, rounded.
inline void roundWeights(const GroupFloats& groups, const float* weights, int run, int r,
                         int blockInChunk, ValueSums& sums) {
  constexpr int kVectors = kLowBitBlock / kLanes;
  const Float inverse = splat(sums.inverses[r]);
  Float zeros = zero();
#pragma GCC unroll 16
  for (int i = 0; i < kVectors; ++i) {
    const Float w = load(weights + i * kLanes);
    zeros = fma(w, load(groups.zeros + i * kLanes), zeros);
    const Float scaled = mul(mul(w, load(groups.scales + i * kLanes)), inverse);
    storeUnsignedBytes(sums.codes[r] + i * kLanes, toInt(scaled));
  }
  store(sums.zeros[r][run],
        fma(zeros, splat(sums.factors[r][blockInChunk]), load(sums.zeros[r][run])));
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
void valueBlock(const LowBitPlane& plane, const std::byte* block, const float* weights,
                int blockInChunk, int group, int d, int rows, ValueSums& sums, float* const* out) {
  const int step = rowStep(rows);
  GroupFloats groups;
  for (int run = 0; run < plane.groupRuns; ++run) {
    readGroups(plane, block, run, groups);
    findSteps(groups, rows, blockInChunk, sums);
    for (int r = 0; r < rows; ++r) {
      roundWeights(groups, weights + r * kLowBitBlock, run, r, blockInChunk, sums);
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

/// The largest score of each row in blocks first .. end, and the factors of these blocks.
inline void openChunk(const ScoreRows& in, std::int64_t head, std::int64_t first, std::int64_t end,
                      ValueSums& sums) {
  for (int r = 0; r < in.rows; ++r) {
    const float* maxima = in.blockMaxima + (head * in.rows + r) * in.maximaStride + first;
    alignas(64) float here[16];
    float peak = kMinusInfinity;
    for (int b = 0; b < 16; ++b) {
      here[b] = b < end - first ? maxima[b] : kMinusInfinity;
      peak = here[b] > peak ? here[b] : peak;
    }
    sums.peaks[r] = peak;
    sums.totals[r] = 0.0F;
    const Float from = splat(peak == kMinusInfinity ? 0.0F : peak);  // exp(-infinity) = 0 then
    for (int b = 0; b < 16; b += kLanes) {
      store(sums.factors[r] + b, exponentialNear(sub(load(here + b), from)));
    }
  }
}

/// Takes tokens out of a block: their weights become 0, and what is left is added up anew. The
/// largest that is left keeps all 8 bits, however small it is.
inline void excludeTokens(const std::uint32_t* tokens, std::int64_t count, int rows,
                          int blockInChunk, float* weights, ValueSums& sums) {
  for (std::int64_t i = 0; i < count; ++i) {
    for (int r = 0; r < rows; ++r) {
      weights[r * kLowBitBlock + tokens[i] % kLowBitBlock] = 0.0F;
    }
  }
  for (int r = 0; r < rows; ++r) {
    Float sum = zero();
    Float top = zero();
#pragma GCC unroll 4
    for (int i = 0; i < kLowBitBlock; i += kLanes) {
      const Float w = load(weights + r * kLowBitBlock + i);
      sum = add(sum, w);
      top = maximum(w, top);
    }
    sums.totals[r] += sumOf(sum) * sums.factors[r][blockInChunk];
    sums.tops[r] = maxOf(top);
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
  out[d + 1] = sums.totals[r];
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
  const bool any = args.excludedCounts != nullptr;
  ValueSums sums{};
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const std::int64_t head = unit / chunks;
    const std::int64_t chunk = unit % chunks;
    const std::int64_t first = chunk * kLowBitChunk;
    const std::int64_t end = in.blocks - first < kLowBitChunk ? in.blocks : first + kLowBitChunk;
    const std::uint32_t* excluded = any ? args.excluded + head * args.excludedStride : nullptr;
    const std::int64_t count = any ? args.excludedCounts[head] : 0;
    std::int64_t next = excludedFrom(excluded, count, first * kLowBitBlock);
    openChunk(in, head, first, end, sums);
    float* out[kMostScoreRows];
    for (int r = 0; r < in.rows; ++r) {
      out[r] = partialOf(args.partials, head, args.firstPartial + chunk, r);
      for (int c = 0; c < format.headDim; c += kLanes) {
        store(out[r] + c, zero());
      }
      for (int run = 0; run < plane.groupRuns; ++run) {
        store(sums.zeros[r][run], zero());
      }
    }
    for (std::int64_t b = first; b < end; ++b) {
      const std::byte* block =
          args.copy.values + head * args.copy.valueHeadStride + b * plane.bytes();
      prefetchBlock(block, plane.bytes(), in.blocks - b);
      float* weights = in.weights + head * in.headStride + b * in.rows * kLowBitBlock;
      const auto blockInChunk = static_cast<int>(b - first);
      const std::int64_t before = next;
      while (next < count && excluded[next] < (b + 1) * kLowBitBlock) {
        ++next;
      }
      if (next > before) {
        excludeTokens(excluded + before, next - before, in.rows, blockInChunk, weights, sums);
      } else {
        for (int r = 0; r < in.rows; ++r) {
          sums.totals[r] += in.blockSums[(head * in.rows + r) * in.maximaStride + b] *
                            sums.factors[r][blockInChunk];
          sums.tops[r] = 1.0F;
        }
      }
      work(plane, block, weights, blockInChunk, format.group, format.headDim, in.rows, sums, out);
    }
    for (int r = 0; r < in.rows; ++r) {
      finishPartial(format, plane.groupRuns, r, sums, out[r]);
    }
  }
}

}  // namespace
}  // namespace bookwheel::kernels
