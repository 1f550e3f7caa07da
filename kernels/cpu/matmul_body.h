// SPDX-License-Identifier: Apache-2.0
// Products with packed weights, for the instruction set whose simd_*.h was included before.
//
// One micro-kernel for one to many rows: the codes of 32 columns x 16 weight rows are unpacked into
// eight vectors once and meet up to kMatmulRows activation rows. Each row ends the block with one
// integer vector (lane = output row), which is scaled and added to its float accumulator. A tile of
// weights is read again for the next group of rows, from the caches.
#pragma once

#include "kernels/args.h"
#include "kernels/cpu/layout.h"

namespace bookwheel::kernels {
namespace {

constexpr int kParts = kTileRows / kLanes;
constexpr int kPartBytes = kLanes * 4;

/// Where the codes and headers of one tile begin.
struct Tile {
  const std::byte* codes;
  const std::byte* headers;
};

inline Tile tileOf(const PackedMatrix& matrix, PackedFormat format, std::int64_t tile) {
  const std::int64_t tiles = (matrix.rows + kTileRows - 1) / kTileRows;
  const std::int64_t codeBytes = tileCodeBytes(format, matrix.columns);
  return {matrix.data + tile * codeBytes,
          matrix.data + tiles * codeBytes + tile * tileHeaderBytes(format, matrix.columns)};
}

// ---- 32 columns of one part of a tile ---------------------------------------------------------

inline void unpackNibbles(const std::byte* lines, Bytes (&w)[8]) {
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const Bytes line = loadLine(lines + j * kLineBytes);
    w[j] = keep(line, 0x0F);
    w[j + 4] = keep(shiftRight<4>(line), 0x0F);
  }
}

inline void unpackPairs(const std::byte* lines, Bytes (&w)[8]) {
#pragma GCC unroll 2
  for (int h = 0; h < 2; ++h) {
    const Bytes line = loadLine(lines + h * kLineBytes);
    w[4 * h] = keep(line, 3);
    w[4 * h + 1] = keep(shiftRight<2>(line), 3);
    w[4 * h + 2] = keep(shiftRight<4>(line), 3);
    w[4 * h + 3] = keep(shiftRight<6>(line), 3);
  }
}

template <int kBits>
inline void unpackCodes(const std::byte* lines, Bytes (&w)[8]) {
  if constexpr (kBits == 8) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      w[i] = loadLine(lines + i * kLineBytes);
    }
  } else if constexpr (kBits == 4) {
    unpackNibbles(lines, w);
  } else if constexpr (kBits == 5) {
    unpackNibbles(lines, w);
    const Bytes high = loadLine(lines + 4 * kLineBytes);
    w[0] = either(w[0], keep(shiftLeft<4>(high), 0x10));
    w[1] = either(w[1], keep(shiftLeft<3>(high), 0x10));
    w[2] = either(w[2], keep(shiftLeft<2>(high), 0x10));
    w[3] = either(w[3], keep(shiftLeft<1>(high), 0x10));
    w[4] = either(w[4], keep(high, 0x10));
    w[5] = either(w[5], keep(shiftRight<1>(high), 0x10));
    w[6] = either(w[6], keep(shiftRight<2>(high), 0x10));
    w[7] = either(w[7], keep(shiftRight<3>(high), 0x10));
  } else if constexpr (kBits == 6) {
    unpackNibbles(lines, w);
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      const Bytes high = loadLine(lines + (4 + h) * kLineBytes);
      w[4 * h] = either(w[4 * h], keep(shiftLeft<4>(high), 0x30));
      w[4 * h + 1] = either(w[4 * h + 1], keep(shiftLeft<2>(high), 0x30));
      w[4 * h + 2] = either(w[4 * h + 2], keep(high, 0x30));
      w[4 * h + 3] = either(w[4 * h + 3], keep(shiftRight<2>(high), 0x30));
    }
  } else if constexpr (kBits == 2) {
    unpackPairs(lines, w);
  } else {
    static_assert(kBits == 3);
    unpackPairs(lines, w);
    const Bytes high = loadLine(lines + 2 * kLineBytes);
    w[0] = either(w[0], keep(shiftLeft<2>(high), 4));
    w[1] = either(w[1], keep(shiftLeft<1>(high), 4));
    w[2] = either(w[2], keep(high, 4));
    w[3] = either(w[3], keep(shiftRight<1>(high), 4));
    w[4] = either(w[4], keep(shiftRight<2>(high), 4));
    w[5] = either(w[5], keep(shiftRight<3>(high), 4));
    w[6] = either(w[6], keep(shiftRight<4>(high), 4));
    w[7] = either(w[7], keep(shiftRight<5>(high), 4));
  }
}

/// weight = scale[h] * (code - offset) + plus[h], h = 0 for the first 16 columns and 1 for the
/// others. Formats with one scale for 32 columns use h = 0 alone.
struct BlockScales {
  Float scale[2];
  Float plus[2];
};

template <ScaleKind kKind>
inline BlockScales loadScales(const std::byte* headers, PackedFormat format, std::int64_t block,
                              int part) {
  constexpr int kWordField = 2 * kTileRows;
  const auto halves = [&](const std::byte* field) {
    return loadHalves(reinterpret_cast<const std::uint16_t*>(field) + part * kLanes);
  };
  BlockScales out{};
  if constexpr (kKind == ScaleKind::Plain) {
    out.scale[0] = halves(headers + block * kWordField);
  } else if constexpr (kKind == ScaleKind::Affine) {
    const std::byte* header = headers + block * 2 * kWordField;
    out.scale[0] = halves(header);
    out.plus[0] = halves(header + kWordField);
  } else {
    constexpr int kBlocks = kSuperColumns / kBlockColumns;
    const std::byte* header = headers + block / kBlocks * format.headerBytes;
    const int inSuper = static_cast<int>(block % kBlocks);
    const Float d = halves(header);
    if constexpr (kKind == ScaleKind::Super16) {
      const std::byte* field = header + kWordField + inSuper * 2 * kTileRows + part * kLanes;
      out.scale[0] = mul(d, toFloat(loadSigned(field)));
      out.scale[1] = mul(d, toFloat(loadSigned(field + kTileRows)));
    } else {
      const Float minus = sub(zero(), halves(header + kWordField));
      const std::byte* field = header + 2 * kWordField + inSuper * 2 * kTileRows + part * kLanes;
      if constexpr (kKind == ScaleKind::SuperMin) {
        out.scale[0] = mul(d, toFloat(loadUnsigned(field)));
        out.plus[0] = mul(minus, toFloat(loadUnsigned(field + kTileRows)));
      } else {
        static_assert(kKind == ScaleKind::SuperMin16);
        for (int h = 0; h < 2; ++h) {
          const Int both = loadUnsigned(field + h * kTileRows);
          out.scale[h] = mul(d, toFloat(bitsOf<0, 4>(both)));
          out.plus[h] = mul(minus, toFloat(bitsOf<4, 4>(both)));
        }
      }
    }
  }
  return out;
}

// ---- Integer products
// ----------------------------------------------------------------------------

/// One activation row against the unpacked block: what it adds to the row's accumulator, before the
/// row's scale.
template <PackedFormat kFormat>
inline Float rowProduct(const Bytes (&w)[8], const BlockScales& scales, const std::int8_t* x,
                        const std::int16_t* sums) {
  constexpr int kMax = (1 << kFormat.bits) - 1;
  constexpr int kMinus = -kFormat.offset;
  if constexpr (kFormat.kind == ScaleKind::Plain) {
    return mul(scales.scale[0],
               toFloat(dotUnsigned<kMax, 0, 8>(weighSums(sums, kMinus, kMinus), w, x)));
  } else if constexpr (kFormat.kind == ScaleKind::Affine || kFormat.kind == ScaleKind::SuperMin) {
    const Float product = toFloat(dotUnsigned<kMax, 0, 8>(splatInt(0), w, x));
    const Float sum = toFloat(weighSums(sums, 1, 1));
    return fma(scales.scale[0], product, mul(scales.plus[0], sum));
  } else if constexpr (kFormat.kind == ScaleKind::Super16) {
    const Float first = toFloat(dotUnsigned<kMax, 0, 4>(weighSums(sums, kMinus, 0), w, x));
    const Float second = toFloat(dotUnsigned<kMax, 4, 4>(weighSums(sums, 0, kMinus), w, x));
    return fma(scales.scale[0], first, mul(scales.scale[1], second));
  } else {
    static_assert(kFormat.kind == ScaleKind::SuperMin16);
    const Float first = toFloat(dotUnsigned<kMax, 0, 4>(splatInt(0), w, x));
    const Float second = toFloat(dotUnsigned<kMax, 4, 4>(splatInt(0), w, x));
    const Float mins = fma(scales.plus[0], toFloat(weighSums(sums, 1, 0)),
                           mul(scales.plus[1], toFloat(weighSums(sums, 0, 1))));
    return fma(scales.scale[0], first, fma(scales.scale[1], second, mins));
  }
}

/// Adds bias and what y holds, and writes the rows of the tile that exist.
template <int kRows>
inline void finish(const Float (&acc)[kParts][kRows], std::int64_t tile, std::int64_t weightRows,
                   const float* bias, float* y, std::int64_t stride, bool accumulate) {
  const std::int64_t first = tile * kTileRows;
  const std::int64_t left = weightRows - first;
  const int count = left < kTileRows ? static_cast<int>(left) : kTileRows;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    float* out = y + r * stride + first;
    if (count == kTileRows) {
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) {
        Float v = acc[part][r];
        if (bias != nullptr) {
          v = add(v, load(bias + first + part * kLanes));
        }
        if (accumulate) {
          v = add(v, load(out + part * kLanes));
        }
        store(out + part * kLanes, v);
      }
    } else {
      float lanes[kTileRows];
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) {
        store(lanes + part * kLanes, acc[part][r]);
      }
      for (int i = 0; i < count; ++i) {
        const float biased = bias != nullptr ? lanes[i] + bias[first + i] : lanes[i];
        out[i] = accumulate ? biased + out[i] : biased;
      }
    }
  }
}

template <WeightType kType, int kRows>
void codeRows(const MatmulArgs& args, Tile at, std::int64_t tile, std::int64_t row) {
  constexpr PackedFormat kFormat = packedFormat(kType);
  constexpr std::int64_t kBlockBytes = tileCodeBytes(kFormat, kBlockColumns);
  const std::int64_t columns = args.weights.columns;
  const std::int64_t blocks = columns / kBlockColumns;
  const std::int8_t* codes = args.x.codes + row * columns;
  const float* scales = args.x.scales + row * blocks;
  const std::int16_t* sums = args.x.sums + row * 2 * blocks;
  Float acc[kParts][kRows];
#pragma GCC unroll 4
  for (int part = 0; part < kParts; ++part) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      acc[part][r] = zero();
    }
  }
  for (std::int64_t b = 0; b < blocks; ++b) {
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
      Bytes w[8];
      unpackCodes<kFormat.bits>(at.codes + b * kBlockBytes + part * kPartBytes, w);
      const BlockScales block = loadScales<kFormat.kind>(at.headers, kFormat, b, part);
      const std::int8_t* x = codes + b * kBlockColumns;
      const float* scale = scales + b;
      const std::int16_t* sum = sums + 2 * b;
      if constexpr (kFormat.bits == 8) {
        const SignedCodes signedW = signedCodes(w);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          const Float product = mul(block.scale[0], toFloat(dotSigned(signedW, x, sum)));
          acc[part][r] = fma(product, splat(*scale), acc[part][r]);
          x += columns;
          scale += blocks;
          sum += 2 * blocks;
        }
      } else {
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          acc[part][r] = fma(rowProduct<kFormat>(w, block, x, sum), splat(*scale), acc[part][r]);
          x += columns;
          scale += blocks;
          sum += 2 * blocks;
        }
      }
    }
  }
  finish<kRows>(acc, tile, args.weights.rows, args.bias, args.y + row * args.stride, args.stride,
                args.accumulate);
}

// ---- Float products
// ------------------------------------------------------------------------------

template <WeightType kType>
inline Float loadWords(const std::byte* tile, std::int64_t column, int part) {
  const std::int64_t at = column * kTileRows + part * kLanes;
  if constexpr (kType == WeightType::F32) {
    return load(reinterpret_cast<const float*>(tile) + at);
  } else if constexpr (kType == WeightType::F16) {
    return loadHalves(reinterpret_cast<const std::uint16_t*>(tile) + at);
  } else {
    return loadBfloats(reinterpret_cast<const std::uint16_t*>(tile) + at);
  }
}

/// 32 columns of a tile with codes as float32: out (32, 16).
template <WeightType kType>
inline void decodeTileBlock(Tile at, std::int64_t block, float* out) {
  constexpr PackedFormat kFormat = packedFormat(kType);
  constexpr std::int64_t kBlockBytes = tileCodeBytes(kFormat, kBlockColumns);
  constexpr bool kHalves =
      kFormat.kind == ScaleKind::Super16 || kFormat.kind == ScaleKind::SuperMin16;
#pragma GCC unroll 4
  for (int part = 0; part < kParts; ++part) {
    Bytes w[8];
    unpackCodes<kFormat.bits>(at.codes + block * kBlockBytes + part * kPartBytes, w);
    const BlockScales scales = loadScales<kFormat.kind>(at.headers, kFormat, block, part);
    for (int i = 0; i < 8; ++i) {
      const int h = kHalves ? i / 4 : 0;
      const Int lanes = asLanes(w[i]);
      Float code[4];
      if constexpr (kFormat.bits == 8) {
        code[0] = toFloat(signedByteOf<0>(lanes));
        code[1] = toFloat(signedByteOf<1>(lanes));
        code[2] = toFloat(signedByteOf<2>(lanes));
        code[3] = toFloat(signedByteOf<3>(lanes));
      } else {
        const Float minus = splat(static_cast<float>(-kFormat.offset));
        code[0] = add(toFloat(bitsOf<0, 8>(lanes)), minus);
        code[1] = add(toFloat(bitsOf<8, 8>(lanes)), minus);
        code[2] = add(toFloat(bitsOf<16, 8>(lanes)), minus);
        code[3] = add(toFloat(bitsOf<24, 8>(lanes)), minus);
      }
      for (int j = 0; j < 4; ++j) {
        store(out + (4 * i + j) * kTileRows + part * kLanes,
              fma(scales.scale[h], code[j], scales.plus[h]));
      }
    }
  }
}

/// acc += weights of `columns` columns times kRows rows of x, weights given by weight(column,
/// part).
template <int kRows, typename Weight>
inline void addFloatColumns(Float (&acc)[kParts][kRows], const float* x, std::int64_t xStride,
                            std::int64_t columns, const Weight& weight) {
  for (std::int64_t k = 0; k < columns; ++k) {
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
      const Float w = weight(k, part);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        acc[part][r] = fma(w, splat(x[r * xStride + k]), acc[part][r]);
      }
    }
  }
}

template <int kRows>
inline void clear(Float (&acc)[kParts][kRows]) {
#pragma GCC unroll 4
  for (int part = 0; part < kParts; ++part) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      acc[part][r] = zero();
    }
  }
}

/// Weights stored as words with activations as codes times scale.
template <WeightType kType, int kRows>
void wordRows(const MatmulArgs& args, Tile at, std::int64_t tile, std::int64_t row) {
  const std::int64_t columns = args.weights.columns;
  const std::int64_t blocks = columns / kBlockColumns;
  Float acc[kParts][kRows];
  clear(acc);
  float x[kRows][kBlockColumns];
  for (std::int64_t b = 0; b < blocks; ++b) {
    for (int r = 0; r < kRows; ++r) {
      const Float scale = splat(args.x.scales[(row + r) * blocks + b]);
      const std::int8_t* codes = args.x.codes + (row + r) * columns + b * kBlockColumns;
      for (int k = 0; k < kBlockColumns; k += kLanes) {
        store(&x[r][k],
              mul(toFloat(loadSigned(reinterpret_cast<const std::byte*>(codes + k))), scale));
      }
    }
    addFloatColumns<kRows>(acc, x[0], kBlockColumns, kBlockColumns, [&](std::int64_t k, int part) {
      return loadWords<kType>(at.codes, b * kBlockColumns + k, part);
    });
  }
  finish<kRows>(acc, tile, args.weights.rows, args.bias, args.y + row * args.stride, args.stride,
                args.accumulate);
}

template <WeightType kType, int kRows>
void floatRows(const MatmulFloatArgs& args, Tile at, std::int64_t tile, std::int64_t row) {
  const std::int64_t columns = args.weights.columns;
  const float* x = args.x + row * args.xStride;
  Float acc[kParts][kRows];
  clear(acc);
  if constexpr (packedFormat(kType).kind == ScaleKind::Words) {
    addFloatColumns<kRows>(acc, x, args.xStride, columns, [&](std::int64_t k, int part) {
      return loadWords<kType>(at.codes, k, part);
    });
  } else {
    alignas(64) float w[kBlockColumns * kTileRows];
    for (std::int64_t k = 0; k < columns; k += kBlockColumns) {
      decodeTileBlock<kType>(at, k / kBlockColumns, w);
      addFloatColumns<kRows>(acc, x + k, args.xStride, kBlockColumns,
                             [&](std::int64_t column, int part) {
                               return load(w + column * kTileRows + part * kLanes);
                             });
    }
  }
  finish<kRows>(acc, tile, args.weights.rows, args.bias, args.y + row * args.stride, args.stride,
                args.accumulate);
}

// ---- Rows in groups, types by a switch
// -----------------------------------------------------------

/// Calls group.template run<n>(row) for rows 0 .. rows - 1 in groups of kMost, then of halves of
/// it.
template <int kMost, typename Group>
inline void inGroups(std::int64_t row, std::int64_t rows, const Group& group) {
  for (; row + kMost <= rows; row += kMost) {
    group.template run<kMost>(row);
  }
  if constexpr (kMost > 1) {
    inGroups<kMost / 2>(row, rows, group);
  }
}

template <WeightType kType>
struct MatmulTile {
  const MatmulArgs& args;
  Tile at;
  std::int64_t tile;
  template <int kRows>
  void run(std::int64_t row) const {
    if constexpr (packedFormat(kType).kind == ScaleKind::Words) {
      wordRows<kType, kRows>(args, at, tile, row);
    } else {
      codeRows<kType, kRows>(args, at, tile, row);
    }
  }
};

template <WeightType kType>
struct MatmulFloatTile {
  const MatmulFloatArgs& args;
  Tile at;
  std::int64_t tile;
  template <int kRows>
  void run(std::int64_t row) const {
    floatRows<kType, kRows>(args, at, tile, row);
  }
};

template <WeightType kType>
void matmulOf(const MatmulArgs& args, Slice units) {
  constexpr PackedFormat kFormat = packedFormat(kType);
  constexpr int kMost = kFormat.kind == ScaleKind::Words ? kFloatRows : kMatmulRows;
  for (std::int64_t tile = units.begin; tile < units.end; ++tile) {
    const MatmulTile<kType> group{args, tileOf(args.weights, kFormat, tile), tile};
    inGroups<kMost>(0, args.x.rows, group);
  }
}

template <WeightType kType>
void matmulFloatOf(const MatmulFloatArgs& args, Slice units) {
  constexpr PackedFormat kFormat = packedFormat(kType);
  for (std::int64_t tile = units.begin; tile < units.end; ++tile) {
    const MatmulFloatTile<kType> group{args, tileOf(args.weights, kFormat, tile), tile};
    inGroups<kFloatRows>(0, args.rows, group);
  }
}

void matmulBody(const MatmulArgs& args, Slice units) {
  switch (args.weights.type) {
    case WeightType::F32:
      return matmulOf<WeightType::F32>(args, units);
    case WeightType::F16:
      return matmulOf<WeightType::F16>(args, units);
    case WeightType::BF16:
      return matmulOf<WeightType::BF16>(args, units);
    case WeightType::Q4_0:
      return matmulOf<WeightType::Q4_0>(args, units);
    case WeightType::Q4_1:
      return matmulOf<WeightType::Q4_1>(args, units);
    case WeightType::Q5_0:
      return matmulOf<WeightType::Q5_0>(args, units);
    case WeightType::Q5_1:
      return matmulOf<WeightType::Q5_1>(args, units);
    case WeightType::Q8_0:
      return matmulOf<WeightType::Q8_0>(args, units);
    case WeightType::Q2_K:
      return matmulOf<WeightType::Q2_K>(args, units);
    case WeightType::Q3_K:
      return matmulOf<WeightType::Q3_K>(args, units);
    case WeightType::Q4_K:
      return matmulOf<WeightType::Q4_K>(args, units);
    case WeightType::Q5_K:
      return matmulOf<WeightType::Q5_K>(args, units);
    case WeightType::Q6_K:
      return matmulOf<WeightType::Q6_K>(args, units);
  }
}

void matmulFloatBody(const MatmulFloatArgs& args, Slice units) {
  switch (args.weights.type) {
    case WeightType::F32:
      return matmulFloatOf<WeightType::F32>(args, units);
    case WeightType::F16:
      return matmulFloatOf<WeightType::F16>(args, units);
    case WeightType::BF16:
      return matmulFloatOf<WeightType::BF16>(args, units);
    case WeightType::Q4_0:
      return matmulFloatOf<WeightType::Q4_0>(args, units);
    case WeightType::Q4_1:
      return matmulFloatOf<WeightType::Q4_1>(args, units);
    case WeightType::Q5_0:
      return matmulFloatOf<WeightType::Q5_0>(args, units);
    case WeightType::Q5_1:
      return matmulFloatOf<WeightType::Q5_1>(args, units);
    case WeightType::Q8_0:
      return matmulFloatOf<WeightType::Q8_0>(args, units);
    case WeightType::Q2_K:
      return matmulFloatOf<WeightType::Q2_K>(args, units);
    case WeightType::Q3_K:
      return matmulFloatOf<WeightType::Q3_K>(args, units);
    case WeightType::Q4_K:
      return matmulFloatOf<WeightType::Q4_K>(args, units);
    case WeightType::Q5_K:
      return matmulFloatOf<WeightType::Q5_K>(args, units);
    case WeightType::Q6_K:
      return matmulFloatOf<WeightType::Q6_K>(args, units);
  }
}

}  // namespace
}  // namespace bookwheel::kernels
