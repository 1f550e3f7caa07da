// SPDX-License-Identifier: Apache-2.0
// 16-bit keys and values -> blocks of the low-bit copy, for the instruction set whose simd_*.h was
// included before. lowbit_layout.h has the layout, LowBitFormat the levels.
#pragma once

#include "kernels/cpu/lowbit_layout.h"

namespace bookwheel::kernels {
namespace {

/// The least and the largest number of each group of a plane, then its scale and zero as a reader
/// finds them.
struct GroupTable {
  alignas(64) float low[kMostGroups];   // becomes the stored zero
  alignas(64) float high[kMostGroups];  // becomes the stored scale
};

/// The nearest f16 that is not below x, |x| <= 65504.
inline std::uint16_t halfNotBelow(float x) {
  const std::uint16_t half = floatToHalf(x);
  if (halfToFloat(half) >= x) {
    return half;
  }
  return half == 0x8001 ? 0x8000
                        : static_cast<std::uint16_t>(half + ((half & 0x8000) != 0 ? -1 : 1));
}

inline std::uint16_t halfNotAbove(float x) {
  return static_cast<std::uint16_t>(halfNotBelow(-x) ^ 0x8000);
}

/// The level of code 0 and the level of the largest code.
struct Levels {
  float first;
  float last;
};
inline Levels levelsOf(float low, float high, int bits) {
  if (bits > 1) {
    return {low, high};
  }
  return {0.25F * (3.0F * low + high), 0.25F * (low + 3.0F * high)};
}

/// As published: scales and zeros rounded to f16, each for itself.
inline void writeGroups16(const LowBitPlane& plane, GroupTable& table, std::byte* block) {
  const float steps = static_cast<float>((1 << plane.bits) - 1);
  for (int i = 0; i < plane.groups(); ++i) {
    const Levels levels = levelsOf(table.low[i], table.high[i], plane.bits);
    const std::uint16_t scale = floatToHalf((levels.last - levels.first) / steps);
    const std::uint16_t zero = floatToHalf(levels.first);
    std::memcpy(block + plane.scalesAt() + 2 * i, &scale, 2);
    std::memcpy(block + plane.zerosAt() + 2 * i, &zero, 2);
    table.low[i] = halfToFloat(zero);
    table.high[i] = halfToFloat(scale);
  }
}

/// Zeros first; a scale then takes up what the rounding of its zero moved, so that the last level
/// is where it should be.
inline void writeGroups8(const LowBitPlane& plane, GroupTable& table, std::byte* block) {
  const int groups = plane.groups();
  const float steps = static_cast<float>((1 << plane.bits) - 1);
  float lowest = table.low[0];
  float highest = table.low[0];
  for (int i = 0; i < groups; ++i) {
    const Levels levels = levelsOf(table.low[i], table.high[i], plane.bits);
    table.low[i] = levels.first;
    table.high[i] = levels.last;
    lowest = levels.first < lowest ? levels.first : lowest;
    highest = levels.first > highest ? levels.first : highest;
  }
  std::byte* scales = block + plane.scalesAt();
  std::byte* zeros = block + plane.zerosAt();
  const std::uint16_t offsetHalf = halfNotAbove(lowest);
  const float offset = halfToFloat(offsetHalf);
  const std::uint16_t stepHalf = halfNotBelow((highest - offset) / 255.0F);
  const float step = halfToFloat(stepHalf);
  const float perStep = step > 0.0F ? 1.0F / step : 0.0F;
  float widest = 0.0F;
  for (int i = 0; i < groups; ++i) {
    const int wanted = static_cast<int>((table.low[i] - offset) * perStep + 0.5F);
    const int code = wanted < 255 ? wanted : 255;
    zeros[i] = static_cast<std::byte>(code);
    table.low[i] = offset + step * static_cast<float>(code);  // the product is exact
    const float scale = (table.high[i] - table.low[i]) / steps;
    table.high[i] = scale > 0.0F ? scale : 0.0F;
    widest = table.high[i] > widest ? table.high[i] : widest;
  }
  // The largest scale gets a code a little below kMostScale; a float of the largest range keeps to
  // f16's largest number and is then 1.6 % short.
  constexpr float kLargest = 65504.0F;
  const float topWanted = widest * (16384.0F / (kMostScale * kMostScale));
  const std::uint16_t topHalf = halfNotBelow(topWanted < kLargest ? topWanted : kLargest);
  const float unit = halfToFloat(topHalf) * 0x1p-14F;
  const float perUnit = unit > 0.0F ? 1.0F / unit : 0.0F;
  for (int i = 0; i < groups; ++i) {
    const int wanted = static_cast<int>(__builtin_sqrtf(table.high[i] * perUnit) + 0.5F);
    const int code = wanted < kMostScale ? wanted : kMostScale;
    scales[i] = static_cast<std::byte>(code);
    table.high[i] = unit * static_cast<float>(code * code);
  }
  std::memset(scales + groups, 0, static_cast<std::size_t>(zeros - scales - groups));
  std::memset(zeros + groups, 0, static_cast<std::size_t>(block + plane.bytes() - zeros - groups));
  writeRanges(scales, {topHalf, stepHalf, offsetHalf});
}

inline void writeGroups(const LowBitPlane& plane, GroupTable& table, std::byte* block) {
  if (plane.metadata == LowBitMetadata::Bits16) {
    writeGroups16(plane, table, block);
  } else {
    writeGroups8(plane, table, block);
  }
}

/// codes = round((x - zero) / scale) within 0 .. largest; scale 0 gives code 0.
inline Int codesOf(Float x, Float zeros, Float perScale, Float largest) {
  const Float code = mul(sub(x, zeros), perScale);
  return toInt(minimum(maximum(code, zero()), largest));
}

inline Float inverseScales(const float* scales) {
  alignas(64) float inverse[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    inverse[i] = scales[i] > 0.0F ? 1.0F / scales[i] : 0.0F;
  }
  return load(inverse);
}

/// Bytes (64 tokens, d) -> lines. kInnerStride: bytes from one inner to the next, kLaneStride: from
/// lane to lane; one of them is 1 and the other d.
inline void packCodes(const LowBitPlane& plane, const std::uint8_t* codes, int laneStride,
                      int innerStride, std::byte* block) {
  const int quadsInLine = 4 / plane.bits;
  for (int slab = 0; slab < plane.slabs; ++slab) {
    for (int first = 0; first < plane.quads; first += quadsInLine) {
      std::byte* line = block + slab * plane.slabBytes() + first / quadsInLine * kLowBitLine;
      for (int lane = 0; lane < 16; ++lane) {
        std::uint32_t word = 0;
        for (int q = 0; q < quadsInLine; ++q) {
          for (int tile = 0; tile < 2; ++tile) {
            const std::uint8_t* from = codes + (slab * kSlabLanes + tile * 16 + lane) * laneStride +
                                       4 * (first + q) * innerStride;
            std::uint32_t four = 0;
            for (int j = 0; j < 4; ++j) {
              four |= static_cast<std::uint32_t>(from[j * innerStride]) << (8 * j);
            }
            word |= four << ((2 * q + tile) * plane.bits);
          }
        }
        std::memcpy(line + 4 * lane, &word, sizeof word);
      }
    }
  }
}

inline void quantizeKeys(const LowBitPlane& plane, const std::uint16_t* rows, std::int64_t stride,
                         int d, int group, std::byte* block) {
  GroupTable table;
  alignas(64) std::uint8_t codes[kLowBitBlock * kMostHeadDim];
  for (int first = 0; first < kLowBitBlock; first += group) {
    for (int c = 0; c < d; c += kLanes) {
      Float low = loadHalves(rows + first * stride + c);
      Float high = low;
      for (int t = first + 1; t < first + group; ++t) {
        const Float x = loadHalves(rows + t * stride + c);
        low = minimum(low, x);
        high = maximum(high, x);
      }
      store(table.low + first / group * d + c, low);
      store(table.high + first / group * d + c, high);
    }
  }
  writeGroups(plane, table, block);
  const Float largest = splat(static_cast<float>((1 << plane.bits) - 1));
  for (int first = 0; first < kLowBitBlock; first += group) {
    for (int c = 0; c < d; c += kLanes) {
      const float* scales = table.high + first / group * d + c;
      const Float perScale = inverseScales(scales);
      const Float zeros = load(table.low + first / group * d + c);
      for (int t = first; t < first + group; ++t) {
        storeBytes(reinterpret_cast<std::int8_t*>(codes + t * d + c),
                   codesOf(loadHalves(rows + t * stride + c), zeros, perScale, largest));
      }
    }
  }
  packCodes(plane, codes, d, 1, block);
}

inline void quantizeValues(const LowBitPlane& plane, const std::uint16_t* rows, std::int64_t stride,
                           int d, int group, std::byte* block) {
  GroupTable table;
  alignas(64) std::uint8_t codes[kLowBitBlock * kMostHeadDim];
  for (int run = 0; run < plane.groupRuns; ++run) {
    const int begin = run * group;
    const int end = begin + group < d ? begin + group : d;
    for (int t = 0; t < kLowBitBlock; ++t) {
      Float low = loadHalves(rows + t * stride + begin);
      Float high = low;
      for (int c = begin + kLanes; c < end; c += kLanes) {
        const Float x = loadHalves(rows + t * stride + c);
        low = minimum(low, x);
        high = maximum(high, x);
      }
      table.low[run * kLowBitBlock + t] = -maxOf(sub(zero(), low));
      table.high[run * kLowBitBlock + t] = maxOf(high);
    }
  }
  writeGroups(plane, table, block);
  const Float largest = splat(static_cast<float>((1 << plane.bits) - 1));
  for (int t = 0; t < kLowBitBlock; ++t) {
    for (int c = 0; c < d; c += kLanes) {
      const int at = c / group * kLowBitBlock + t;
      const float scale = table.high[at];
      storeBytes(reinterpret_cast<std::int8_t*>(codes + t * d + c),
                 codesOf(loadHalves(rows + t * stride + c), splat(table.low[at]),
                         splat(scale > 0.0F ? 1.0F / scale : 0.0F), largest));
    }
  }
  packCodes(plane, codes, 1, d, block);
}

void quantizeKvBody(const QuantizeKvArgs& args, Slice units) {
  const LowBitFormat& format = args.copy.format;
  const int d = format.headDim;
  const LowBitPlane keys = keyPlane(format);
  const LowBitPlane values = valuePlane(format);
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const std::int64_t head = unit / args.blocks;
    const std::int64_t block = unit % args.blocks;
    const std::uint16_t* rows = args.source.data + head * args.source.headStride +
                                block * kLowBitBlock * args.source.tokenStride;
    const std::int64_t to = args.firstBlock + block;
    quantizeKeys(keys, rows, args.source.tokenStride, d, format.group,
                 args.copy.keys + head * args.copy.keyHeadStride + to * keys.bytes());
    quantizeValues(values, rows + d, args.source.tokenStride, d, format.group,
                   args.copy.values + head * args.copy.valueHeadStride + to * values.bytes());
  }
}

}  // namespace
}  // namespace bookwheel::kernels
