// SPDX-License-Identifier: Apache-2.0
// What scores and values share: products of the codes of a slab with int8 vectors, and the groups
// of a block as floats. For the instruction set whose simd_*.h was included before.
#pragma once

#include "kernels/cpu/lowbit_layout.h"

namespace bookwheel::kernels {
namespace {

/// Vectors of kLanes lanes in a tile of 16.
constexpr int kTileParts = 16 / kLanes;
/// Lanes of kDotSlabs slabs that one call of dotSlabs works on: part `part` of each tile.
constexpr int kDotVectors = 2 * kDotSlabs;

/// out[r][2 s + t] = lanes of slab s, tile t: sum over the inner numbers of code * x[r]. Every code
/// vector is unpacked once for kRows rows and every broadcast meets kDotVectors code vectors.
template <int kBits, bool kSigned, int kRows>
inline void dotSlabs(const std::byte* codes, std::int64_t slabBytes, int quads, const std::byte* x,
                     std::int64_t xStride, Int (*out)[kDotVectors]) {
  constexpr int kMaxCode = (1 << kBits) - 1;
  constexpr int kQuadsInLine = 4 / kBits;
  constexpr int kSteps = kDotSteps<kMaxCode, kSigned> / kQuadsInLine * kQuadsInLine;
  static_assert(kSteps >= kQuadsInLine, "the sums of one line would saturate");
  for (int first = 0; first < quads; first += kSteps) {
    const int end = quads - first < kSteps ? quads : first + kSteps;
    DotSums sums[kRows][kDotVectors];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kDotVectors; ++v) {
        sums[r][v] = noDots();
      }
    }
    for (int quad = first; quad < end; quad += kQuadsInLine) {
      Bytes line[kDotSlabs];
#pragma GCC unroll 2
      for (int s = 0; s < kDotSlabs; ++s) {
        line[s] = loadLine(codes + s * slabBytes + quad / kQuadsInLine * kLowBitLine);
      }
#pragma GCC unroll 4
      for (int q = 0; q < kQuadsInLine; ++q) {
        Bytes code[kDotVectors];
#pragma GCC unroll 2
        for (int s = 0; s < kDotSlabs; ++s) {
          code[2 * s] = keep(line[s], kMaxCode);
          code[2 * s + 1] = keep(shiftRight<kBits>(line[s]), kMaxCode);
          line[s] = shiftRight<2 * kBits>(line[s]);
        }
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          const Int four = splatFour(x + r * xStride + 4 * (quad + q));
#pragma GCC unroll 4
          for (int v = 0; v < kDotVectors; ++v) {
            sums[r][v] = dotStep<kSigned>(sums[r][v], code[v], four);
          }
        }
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kDotVectors; ++v) {
        const Int wide = widened(sums[r][v]);
        out[r][v] = first == 0 ? wide : addInts(out[r][v], wide);
      }
    }
  }
}

/// dotSlabs for a number of rows known at run time, at most kDotRows.
template <int kBits, bool kSigned>
inline void dotRows(int rows, const std::byte* codes, std::int64_t slabBytes, int quads,
                    const std::byte* x, std::int64_t xStride, Int (*out)[kDotVectors]) {
  static_assert(kDotRows == 4);  // with five or six GCC 12 keeps sums in memory
  switch (rows) {
    case 1:
      return dotSlabs<kBits, kSigned, 1>(codes, slabBytes, quads, x, xStride, out);
    case 2:
      return dotSlabs<kBits, kSigned, 2>(codes, slabBytes, quads, x, xStride, out);
    case 3:
      return dotSlabs<kBits, kSigned, 3>(codes, slabBytes, quads, x, xStride, out);
    default:
      return dotSlabs<kBits, kSigned, 4>(codes, slabBytes, quads, x, xStride, out);
  }
}

/// Rows that are worked on together: groups of about equal size.
inline int rowStep(int rows) {
  const int groups = (rows + kDotRows - 1) / kDotRows;
  return (rows + groups - 1) / groups;
}

/// Scales and zeros of one run of groups as floats, n a multiple of kLanes.
struct GroupFloats {
  alignas(64) float scales[kMostHeadDim];
  alignas(64) float zeros[kMostHeadDim];
};

inline void readGroups(const LowBitPlane& plane, const std::byte* block, int run,
                       GroupFloats& out) {
  const int n = plane.groupsInRun;
  if (plane.metadata == LowBitMetadata::Bits16) {
    const auto* scales = reinterpret_cast<const std::uint16_t*>(block + plane.scalesAt()) + run * n;
    const auto* zeros = reinterpret_cast<const std::uint16_t*>(block + plane.zerosAt()) + run * n;
    for (int i = 0; i < n; i += kLanes) {
      store(out.scales + i, loadHalves(scales + i));
      store(out.zeros + i, loadHalves(zeros + i));
    }
    return;
  }
  const std::byte* scales = block + plane.scalesAt();
  float ranges[4];  // top, zeroStep, zeroOffset
  readTopHalves(scales, ranges);
  const Float unit = splat(ranges[0] * 0x1p-14F);
  const Float step = splat(ranges[1]);
  const Float offset = splat(ranges[2]);
  const std::byte* zeros = block + plane.zerosAt() + run * n;
  scales += run * n;
  for (int i = 0; i < n; i += kLanes) {
    const Float code = toFloat(bitsOf<0, 7>(loadUnsigned(scales + i)));
    store(out.scales + i, mul(unit, mul(code, code)));
    store(out.zeros + i, fma(step, toFloat(loadUnsigned(zeros + i)), offset));
  }
}

/// Asks for a block some blocks ahead: the pass over a copy computes about as long as memory takes,
/// and a stream of so few lines between computations is not followed by the processor's own
/// prefetcher. `left`: blocks of the head from `block` on.
constexpr int kBlocksAhead = 6;
__attribute__((always_inline)) inline void prefetchBlock(const std::byte* block, std::int64_t bytes,
                                                         std::int64_t left) {
  if (left <= kBlocksAhead) {
    return;
  }
  const std::byte* ahead = block + kBlocksAhead * bytes;
  for (std::int64_t i = 0; i < bytes; i += kLowBitLine) {
    __builtin_prefetch(ahead + i, 0, 2);
  }
}

}  // namespace
}  // namespace bookwheel::kernels
