// SPDX-License-Identifier: Apache-2.0
// Scores of query rows against the low-bit keys, for the instruction set whose simd_*.h was
// included before.
//
//   q . key(t) = sum_c q_c zero_c + sum_c (q_c scale_c) code_c(t)
//
// The first sum is one number for a run of g tokens. q_c scale_c is rounded to 8 bits with the
// largest of the row and run as 127, and the second sum is integer. A score leaves as exp(score -
// largest of the row and block): selection and value pass need no exponential of a token then.
#pragma once

#include "kernels/cpu/lowbit_dot_body.h"

namespace bookwheel::kernels {
namespace {

/// The rows of one KV head, times args.scale, and what a run of groups makes of them.
struct FoldedQueries {
  alignas(64) float queries[kMostScoreRows * kMostHeadDim];
  alignas(64) std::byte codes[kMostScoreRows * kMostHeadDim];
  float steps[kMostScoreRows];  // score = step * integer + start
  float starts[kMostScoreRows];
  alignas(64) float tops[kMostScoreRows][kLanes];  // the largest scores of the block so far
  int d;
};

inline void loadQueries(const LowBitScoresArgs& args, std::int64_t kvHead, FoldedQueries& out) {
  const int d = args.copy.format.headDim;
  const int group = args.heads / args.copy.kvHeads;
  out.d = d;
  for (int r = 0; r < args.out.rows; ++r) {
    const float* from =
        args.queries + r / group * args.queryStride + (kvHead * group + r % group) * d;
    for (int c = 0; c < d; c += kLanes) {
      store(out.queries + r * d + c, mul(load(from + c), splat(args.scale)));
    }
  }
}

/// One row. kVectors: d / kLanes, so that the products stay in registers, or 0: any d.
/// A NaN or an infinity in a query makes the start NaN or infinite, and so all scores.
template <bool kCorrect, int kVectors>
inline void foldRow(const GroupFloats& groups, FoldedQueries& rows, int r) {
  const int vectors = kVectors != 0 ? kVectors : rows.d / kLanes;
  const float* query = rows.queries + r * rows.d;
  Float folded[kVectors != 0 ? kVectors : kMostHeadDim / kLanes];
  Float most = zero();
  Float start = zero();
  Float squares = zero();
#pragma GCC unroll 8
  for (int i = 0; i < vectors; ++i) {
    const Float q = load(query + i * kLanes);
    folded[i] = mul(q, load(groups.scales + i * kLanes));
    most = maximum(absolute(folded[i]), most);
    start = fma(q, load(groups.zeros + i * kLanes), start);
    if constexpr (kCorrect) {
      squares = fma(folded[i], folded[i], squares);
    }
  }
  const float peak = maxOf(most);
  const Float inverse = splat(peak > 0x1p-100F ? 127.0F / peak : 0.0F);
  auto* codes = reinterpret_cast<std::int8_t*>(rows.codes + r * rows.d);
#pragma GCC unroll 8
  for (int i = 0; i < vectors; ++i) {
    storeBytes(codes + i * kLanes, toInt(mul(folded[i], inverse)));
  }
  rows.steps[r] = peak * (1.0F / 127.0F);
  rows.starts[r] = sumOf(start);
  if constexpr (kCorrect) {
    rows.starts[r] -= sumOf(squares) * (1.0F / 24.0F);
  }
}

inline void foldRows(const GroupFloats& groups, FoldedQueries& rows, int count, bool correct) {
  const int vectors = rows.d / kLanes;
  for (int r = 0; r < count; ++r) {
    if (correct) {
      foldRow<true, 0>(groups, rows, r);
    } else if (vectors == 4) {
      foldRow<false, 4>(groups, rows, r);
    } else if (vectors == 8) {
      foldRow<false, 8>(groups, rows, r);
    } else {
      foldRow<false, 0>(groups, rows, r);
    }
  }
}

/// Scores of tokens 64 block + token of rows firstRow .. + rows: one or two slabs of 32 tokens.
template <int kBits>
inline void scoreSlabs(const std::byte* codes, std::int64_t slabBytes, FoldedQueries& rows,
                       int firstRow, int count, int slabs, float* scores) {
  for (int slab = 0; slab < slabs; slab += kDotSlabs) {
    for (int part = 0; part < kTileParts; ++part) {
      Int sums[kDotRows][kDotVectors];
      // A single slab on a wide machine is met twice and the second result dropped.
      const std::int64_t second = slabs - slab < kDotSlabs ? 0 : slabBytes;
      dotRows<kBits, true>(count, codes + slab * slabBytes + part * 4 * kLanes, second, rows.d / 4,
                           rows.codes + firstRow * rows.d, rows.d, sums);
      for (int r = 0; r < count; ++r) {
        const Float step = splat(rows.steps[firstRow + r]);
        const Float start = splat(rows.starts[firstRow + r]);
        Float top = load(rows.tops[firstRow + r]);
        float* to = scores + (firstRow + r) * kLowBitBlock + slab * kSlabLanes + part * kLanes;
        for (int v = 0; v < kDotVectors && slab + v / 2 < slabs; ++v) {
          const Float score = fma(toFloat(sums[r][v]), step, start);
          store(to + v * 16, score);
          top = maximum(score, top);  // top where the score is NaN
        }
        store(rows.tops[firstRow + r], top);
      }
    }
  }
}

/// The largest of the scores of a row and block from token `hidden` on; those before become minus
/// infinity.
inline float hideAndPeak(float* scores, std::int64_t hidden) {
  for (std::int64_t i = 0; i < hidden; ++i) {
    scores[i] = kMinusInfinity;
  }
  Float most = splat(kMinusInfinity);
  for (int i = 0; i < kLowBitBlock; i += kLanes) {
    most = maximum(load(scores + i), most);  // most where the score is NaN
  }
  return maxOf(most);
}

/// The weights of a row and block, and their sum. Hidden tokens weigh -0.
inline float weighScores(const float* scores, float peak, std::int64_t hidden, float* weights) {
  const Float from = splat(peak == kMinusInfinity ? 0.0F : peak);
  Float sum = zero();
#pragma GCC unroll 4
  for (int i = 0; i < kLowBitBlock; i += kLanes) {
    const Float w = exponentialNear(sub(load(scores + i), from));
    store(weights + i, w);
    sum = add(sum, w);
  }
  for (std::int64_t i = 0; i < hidden; ++i) {
    weights[i] = -0.0F;
  }
  return sumOf(sum);
}

template <int kBits>
void scoreBlock(const LowBitScoresArgs& args, const LowBitPlane& plane, const std::byte* block,
                FoldedQueries& rows, float* scores) {
  const int count = args.out.rows;
  const int step = rowStep(count);
  const int slabs = plane.slabs / plane.groupRuns;  // of a run
  GroupFloats groups;
  for (int r = 0; r < count; ++r) {
    store(rows.tops[r], splat(kMinusInfinity));
  }
  for (int run = 0; run < plane.groupRuns; ++run) {
    readGroups(plane, block, run, groups);
    foldRows(groups, rows, count, args.varianceCorrection);
    for (int r = 0; r < count; r += step) {
      scoreSlabs<kBits>(block + run * slabs * plane.slabBytes(), plane.slabBytes(), rows, r,
                        count - r < step ? count - r : step, slabs,
                        scores + run * slabs * kSlabLanes);
    }
  }
}

void lowBitScoresBody(const LowBitScoresArgs& args, Slice units) {
  const LowBitPlane plane = keyPlane(args.copy.format);
  const ScoreRows& out = args.out;
  const std::int64_t chunks = (out.blocks + kLowBitChunk - 1) / kLowBitChunk;
  const auto work = plane.bits == 1   ? scoreBlock<1>
                    : plane.bits == 2 ? scoreBlock<2>
                                      : scoreBlock<4>;
  FoldedQueries rows;
  alignas(64) float scores[kMostScoreRows * kLowBitBlock];
  std::int64_t loaded = -1;
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const std::int64_t head = unit / chunks;
    if (head != loaded) {
      loadQueries(args, head, rows);
      loaded = head;
    }
    const std::int64_t first = unit % chunks * kLowBitChunk;
    const std::int64_t end = out.blocks - first < kLowBitChunk ? out.blocks : first + kLowBitChunk;
    for (std::int64_t b = first; b < end; ++b) {
      float* weights = out.weights + head * out.headStride + b * out.rows * kLowBitBlock;
      const std::byte* block = args.copy.keys + head * args.copy.keyHeadStride + b * plane.bytes();
      prefetchBlock(block, plane.bytes(), out.blocks - b);
      work(args, plane, block, rows, scores);
      const std::int64_t before = args.firstCandidate - b * kLowBitBlock;
      const std::int64_t hidden = before < 0 ? 0 : before < kLowBitBlock ? before : kLowBitBlock;
      for (int r = 0; r < out.rows; ++r) {
        float* own = scores + r * kLowBitBlock;
        const float peak = hidden > 0 ? hideAndPeak(own, hidden) : maxOf(load(rows.tops[r]));
        const std::int64_t at = (head * out.rows + r) * out.maximaStride + b;
        out.blockMaxima[at] = peak;
        out.blockSums[at] = weighScores(own, peak, hidden, weights + r * kLowBitBlock);
      }
    }
  }
}

}  // namespace
}  // namespace bookwheel::kernels
