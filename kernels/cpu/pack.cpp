// SPDX-License-Identifier: Apache-2.0
// GGUF rows to the packed order of layout.h, and one packed row back to float32.
#include "kernels/cpu.h"
#include "kernels/cpu/half.h"
#include "kernels/cpu/layout.h"
#include "kernels/cpu/weight_blocks.h"

#include <algorithm>
#include <cstring>

namespace bookwheel::kernels {
namespace {

constexpr int kVectors = kBlockColumns / 4;  // w[0] .. w[7] of layout.h

std::int64_t tiles(std::int64_t rows) { return (rows + kTileRows - 1) / kTileRows; }

// Adds lane `lane` of 32 codes to the lines of a block. A word is 4 codes, one a byte, so shifting
// a word moves 4 codes at once; codes are narrow enough that nothing crosses a byte.
void packCodes(int bits, const std::uint8_t* codes, int lane, std::byte* lines) {
  std::uint32_t w[kVectors];
  std::memcpy(w, codes, sizeof w);
  const auto put = [&](int line, std::uint32_t word) {
    std::memcpy(lines + line * kLineBytes + lane * 4, &word, sizeof word);
  };
  const auto fields = [&](int first, int shift) {  // 2 bits of each of 4 vectors
    std::uint32_t word = 0;
    for (int f = 0; f < 4; ++f) {
      word |= ((w[first + f] >> shift) & 0x03030303U) << (2 * f);
    }
    return word;
  };
  const auto plane = [&](int shift) {  // 1 bit of each of 8 vectors
    std::uint32_t word = 0;
    for (int i = 0; i < kVectors; ++i) {
      word |= ((w[i] >> shift) & 0x01010101U) << i;
    }
    return word;
  };
  if (bits == 8) {
    for (int i = 0; i < kVectors; ++i) {
      put(i, w[i]);
    }
    return;
  }
  if (bits <= 3) {
    put(0, fields(0, 0));
    put(1, fields(4, 0));
    if (bits == 3) {
      put(2, plane(2));
    }
    return;
  }
  for (int j = 0; j < 4; ++j) {
    put(j, (w[j] & 0x0F0F0F0FU) | (w[j + 4] & 0x0F0F0F0FU) << 4);
  }
  if (bits == 5) {
    put(4, plane(4));
  } else if (bits == 6) {
    put(4, fields(0, 4));
    put(5, fields(4, 4));
  }
}

void unpackCodes(int bits, const std::byte* lines, int lane, std::uint8_t* codes) {
  const auto get = [&](int line) {
    std::uint32_t word;
    std::memcpy(&word, lines + line * kLineBytes + lane * 4, sizeof word);
    return word;
  };
  std::uint32_t w[kVectors];
  for (int i = 0; i < kVectors; ++i) {
    switch (bits) {
      case 8:
        w[i] = get(i);
        break;
      case 4:
        w[i] = (get(i % 4) >> (i / 4 * 4)) & 0x0F0F0F0FU;
        break;
      case 5:
        w[i] = ((get(i % 4) >> (i / 4 * 4)) & 0x0F0F0F0FU) | ((get(4) >> i) & 0x01010101U) << 4;
        break;
      case 6:
        w[i] = ((get(i % 4) >> (i / 4 * 4)) & 0x0F0F0F0FU) |
               ((get(4 + i / 4) >> (i % 4 * 2)) & 0x03030303U) << 4;
        break;
      case 2:
        w[i] = (get(i / 4) >> (i % 4 * 2)) & 0x03030303U;
        break;
      default:
        w[i] = ((get(i / 4) >> (i % 4 * 2)) & 0x03030303U) | ((get(2) >> i) & 0x01010101U) << 2;
        break;
    }
  }
  std::memcpy(codes, w, sizeof w);
}

void putU16(std::byte* field, int lane, std::uint16_t value) {
  std::memcpy(field + 2 * lane, &value, sizeof value);
}

std::uint16_t getU16(const std::byte* field, int lane) {
  std::uint16_t value;
  std::memcpy(&value, field + 2 * lane, sizeof value);
  return value;
}

constexpr int kWordField = 2 * kTileRows;  // bytes of a 16-lane f16 field

void packHeader(ScaleKind kind, const WeightCodes& block, int lane, std::byte* header) {
  putU16(header, lane, block.d);
  switch (kind) {
    case ScaleKind::Words:
    case ScaleKind::Plain:
      return;
    case ScaleKind::Affine:
      putU16(header + kWordField, lane, block.dmin);
      return;
    case ScaleKind::SuperMin:
      putU16(header + kWordField, lane, block.dmin);
      for (int i = 0; i < 8; ++i) {
        std::byte* field = header + 2 * kWordField + i * 2 * kTileRows;
        field[lane] = static_cast<std::byte>(block.scales[2 * i]);
        field[kTileRows + lane] = static_cast<std::byte>(block.mins[2 * i]);
      }
      return;
    case ScaleKind::Super16:
      for (int i = 0; i < 16; ++i) {
        header[kWordField + i * kTileRows + lane] = static_cast<std::byte>(block.scales[i]);
      }
      return;
    case ScaleKind::SuperMin16:
      putU16(header + kWordField, lane, block.dmin);
      for (int i = 0; i < 16; ++i) {
        header[2 * kWordField + i * kTileRows + lane] =
            static_cast<std::byte>(block.scales[i] | block.mins[i] << 4);
      }
      return;
  }
}

template <typename Word>
void packWords(const PackArgs& args, std::int64_t tile, std::byte* out) {
  const std::int64_t first = tile * kTileRows;
  const std::int64_t count = std::min<std::int64_t>(kTileRows, args.rows - first);
  for (std::int64_t lane = 0; lane < kTileRows; ++lane) {
    const std::byte* row =
        args.source + (first + lane) * args.columns * static_cast<std::int64_t>(sizeof(Word));
    for (std::int64_t k = 0; k < args.columns; ++k) {
      Word word = 0;
      if (lane < count) {
        std::memcpy(&word, row + k * static_cast<std::int64_t>(sizeof(Word)), sizeof word);
      }
      std::memcpy(out + (k * kTileRows + lane) * static_cast<std::int64_t>(sizeof(Word)), &word,
                  sizeof word);
    }
  }
}

void packTile(const PackArgs& args, PackedFormat format, std::int64_t tile) {
  std::byte* codes = args.packed + tile * tileCodeBytes(format, args.columns);
  if (format.kind == ScaleKind::Words) {
    format.bits == 32 ? packWords<std::uint32_t>(args, tile, codes)
                      : packWords<std::uint16_t>(args, tile, codes);
    return;
  }
  std::byte* headers = args.packed + tiles(args.rows) * tileCodeBytes(format, args.columns) +
                       tile * tileHeaderBytes(format, args.columns);
  const std::int64_t rowBytes = weightRowBytes(args.type, args.columns);
  const int blockBytes = weightBlock(args.type).bytes;
  const std::int64_t blocks = args.columns / format.columns;
  const std::int64_t blockCodeBytes = tileCodeBytes(format, format.columns);
  const std::int64_t part = tileCodeBytes(format, kBlockColumns);
  for (std::int64_t b = 0; b < blocks; ++b) {
    for (int lane = 0; lane < kTileRows; ++lane) {
      const std::int64_t row = tile * kTileRows + lane;
      WeightCodes block{};  // rows past the end are zeros: d = 0
      if (row < args.rows) {
        splitWeightBlock(args.type, args.source + row * rowBytes + b * blockBytes, block);
      }
      packHeader(format.kind, block, lane, headers + b * format.headerBytes);
      for (int k = 0; k < format.columns; k += kBlockColumns) {
        packCodes(format.bits, block.codes + k, lane,
                  codes + b * blockCodeBytes + k / kBlockColumns * part);
      }
    }
  }
}

}  // namespace

std::int64_t packedBytes(WeightType type, std::int64_t rows, std::int64_t columns) {
  const PackedFormat format = packedFormat(type);
  if (format.columns == 0 || columns % format.columns != 0) {
    return 0;
  }
  return tiles(rows) * (tileCodeBytes(format, columns) + tileHeaderBytes(format, columns));
}

std::int64_t packUnits(const PackArgs& args) { return tiles(args.rows); }

void pack(const PackArgs& args, Slice units) {
  for (std::int64_t tile = units.begin; tile < units.end; ++tile) {
    packTile(args, packedFormat(args.type), tile);
  }
}

std::int64_t matmulUnits(const PackedMatrix& weights) { return tiles(weights.rows); }

void unpackRow(const UnpackRowArgs& args) {
  const PackedMatrix& matrix = args.weights;
  const PackedFormat format = packedFormat(matrix.type);
  const std::int64_t tile = args.row / kTileRows;
  const int lane = static_cast<int>(args.row % kTileRows);
  const std::byte* codes = matrix.data + tile * tileCodeBytes(format, matrix.columns);
  if (format.kind == ScaleKind::Words) {
    const int bytes = format.bits / 8;
    for (std::int64_t k = 0; k < matrix.columns; ++k) {
      decodeWeights(matrix.type, codes + (k * kTileRows + lane) * bytes, 1, args.out + k);
    }
    return;
  }
  const std::byte* headers = matrix.data +
                             tiles(matrix.rows) * tileCodeBytes(format, matrix.columns) +
                             tile * tileHeaderBytes(format, matrix.columns);
  const std::int64_t part = tileCodeBytes(format, kBlockColumns);
  for (std::int64_t k = 0; k < matrix.columns; k += kBlockColumns) {
    std::uint8_t block[kBlockColumns];
    unpackCodes(format.bits, codes + k / kBlockColumns * part, lane, block);
    const std::byte* header = headers + k / format.columns * format.headerBytes;
    const float d = halfToFloat(getU16(header, lane));
    for (int j = 0; j < kBlockColumns; ++j) {
      const std::int64_t sixteen = (k + j) % kSuperColumns / 16;
      const float code = matrix.type == WeightType::Q8_0
                             ? static_cast<float>(static_cast<std::int8_t>(block[j]))
                             : static_cast<float>(block[j] - format.offset);
      float scale = d;
      float plus = 0;
      switch (format.kind) {
        case ScaleKind::Words:
        case ScaleKind::Plain:
          break;
        case ScaleKind::Affine:
          plus = halfToFloat(getU16(header + kWordField, lane));
          break;
        case ScaleKind::SuperMin: {
          const std::byte* field = header + 2 * kWordField + sixteen / 2 * 2 * kTileRows;
          scale *= static_cast<float>(field[lane]);
          plus = -halfToFloat(getU16(header + kWordField, lane)) *
                 static_cast<float>(field[kTileRows + lane]);
          break;
        }
        case ScaleKind::Super16:
          scale *= static_cast<float>(
              static_cast<std::int8_t>(header[kWordField + sixteen * kTileRows + lane]));
          break;
        case ScaleKind::SuperMin16: {
          const int both = static_cast<int>(header[2 * kWordField + sixteen * kTileRows + lane]);
          scale *= static_cast<float>(both & 0x0F);
          plus = -halfToFloat(getU16(header + kWordField, lane)) * static_cast<float>(both >> 4);
          break;
        }
      }
      args.out[k + j] = scale * code + plus;
    }
  }
}

}  // namespace bookwheel::kernels
