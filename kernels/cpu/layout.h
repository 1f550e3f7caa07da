// SPDX-License-Identifier: Apache-2.0
// The order of a packed matrix: the one layout that every instruction set reads.
//
// Rows are taken 16 at a time (a tile); lane r of a vector is row r of the tile. A line is 64
// bytes: 16 lanes of 4 bytes, byte j of lane r = column 4 i + j of row r. Eight such vectors (i = 0
// .. 7) are 32 columns, the unit in which activations carry a scale:
//
//           lane 0        lane 1              lane 15
//   w[i] = |k k+1 k+2 k+3|k k+1 k+2 k+3| ... |k k+1 k+2 k+3|      k = 32 b + 4 i
//
// so one broadcast of 4 activation bytes meets 16 rows and no sum ever runs across lanes. Codes
// narrower than a byte keep their width: a line holds the same bits of several vectors.
//
//   bits  lines per 32 columns
//   8     8   line i                = w[i], signed
//   4     4   line j (0..3)         = w[j] | w[j + 4] << 4
//   5     5   as 4, then line 4     : bit i = bit 4 of w[i]
//   6     6   as 4, then lines 4, 5 : bits 2f, 2f + 1 of line 4 + h = bits 4, 5 of w[4 h + f]
//   2     2   line h (0, 1)         : bits 2f, 2f + 1 = w[4 h + f]
//   3     3   as 2, then line 2     : bit i = bit 2 of w[i]
//
// A matrix is two planes, so that lines stay 64-byte aligned for any number of columns:
//   codes   [tile][block of 32 columns][line][64 bytes]
//   headers [tile][block of the format][header], after all codes
// F32, F16 and BF16 have one plane, [tile][column][16 lanes] of their own words.
//
// Headers, each field 16 lanes wide:
//   Q4_0 Q5_0 Q8_0   d f16                                      w = d (q - offset)
//   Q4_1 Q5_1        d f16, m f16                               w = d q + m
//   Q4_K Q5_K        d f16, dmin f16, 8 x (scale u8, min u8)    w = d scale q - dmin min
//   Q6_K Q3_K        d f16, 16 x scale i8                       w = d scale (q - offset), 16
//   columns a scale Q2_K             d f16, dmin f16, 16 x (scale | min << 4)   as Q4_K, 16 columns
//   a scale
#pragma once

#include "kernels/weight_blocks.h"

namespace bookwheel::kernels {

enum class ScaleKind {
  Words,      // no codes: F32, F16, BF16
  Plain,      // one d for 32 columns, and an offset
  Affine,     // d and m for 32 columns
  SuperMin,   // super-block of 256, scale and min for 32 columns
  Super16,    // super-block of 256, signed scale for 16 columns, and an offset
  SuperMin16  // super-block of 256, scale and min for 16 columns
};

struct PackedFormat {
  ScaleKind kind;
  int bits;         // of a code; of a word for ScaleKind::Words
  int offset;       // subtracted from the unsigned code
  int columns;      // of a block of the format
  int headerBytes;  // for 16 rows of one block
};

inline constexpr int kTileRows = 16;
inline constexpr int kLineBytes = 64;
inline constexpr int kBlockColumns = 32;  // columns that share an activation scale
inline constexpr int kSuperColumns = 256;

static constexpr PackedFormat packedFormat(WeightType type) {
  switch (type) {
    case WeightType::F32:
      return {ScaleKind::Words, 32, 0, 1, 0};
    case WeightType::F16:
      return {ScaleKind::Words, 16, 0, 1, 0};
    case WeightType::BF16:
      return {ScaleKind::Words, 16, 0, 1, 0};
    case WeightType::Q4_0:
      return {ScaleKind::Plain, 4, 8, 32, 32};
    case WeightType::Q4_1:
      return {ScaleKind::Affine, 4, 0, 32, 64};
    case WeightType::Q5_0:
      return {ScaleKind::Plain, 5, 16, 32, 32};
    case WeightType::Q5_1:
      return {ScaleKind::Affine, 5, 0, 32, 64};
    case WeightType::Q8_0:
      return {ScaleKind::Plain, 8, 0, 32, 32};
    case WeightType::Q2_K:
      return {ScaleKind::SuperMin16, 2, 0, 256, 64 + 16 * 16};
    case WeightType::Q3_K:
      return {ScaleKind::Super16, 3, 4, 256, 32 + 16 * 16};
    case WeightType::Q4_K:
      return {ScaleKind::SuperMin, 4, 0, 256, 64 + 8 * 32};
    case WeightType::Q5_K:
      return {ScaleKind::SuperMin, 5, 0, 256, 64 + 8 * 32};
    case WeightType::Q6_K:
      return {ScaleKind::Super16, 6, 32, 256, 32 + 16 * 16};
  }
  return {ScaleKind::Words, 0, 0, 0, 0};
}

/// Bytes of the codes (or words) of one tile.
static constexpr std::int64_t tileCodeBytes(PackedFormat format, std::int64_t columns) {
  return columns * kTileRows * format.bits / 8;
}

/// Bytes of the headers of one tile.
static constexpr std::int64_t tileHeaderBytes(PackedFormat format, std::int64_t columns) {
  return columns / format.columns * format.headerBytes;
}

}  // namespace bookwheel::kernels
