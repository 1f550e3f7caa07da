// SPDX-License-Identifier: Apache-2.0
// Where the parts of a block of the low-bit copy lie: the one layout that every instruction set
// reads.
//
// Codes of a block come in slabs of 32 lanes: two tiles of 16 lanes, as wide as the widest vector.
// Lanes are what the sums of a product run over last, so no sum runs across lanes:
//
//           lanes     slabs    inner (four to a quad)
//   keys    tokens    2        channels: d / 4 quads      one broadcast = 4 channels of the query
//   values  channels  d / 32   tokens:   16 quads         one broadcast = weights of 4 tokens
//
// A line is 64 bytes: 16 lanes of 4 bytes, byte j of lane i = inner 4 q + j of lane i. Narrow codes
// put several such vectors into one line, F = 8 / bits fields: field f of line l holds
//
//   quad l (F / 2) + f / 2, tile f % 2            1 bit:  |q0t0|q0t1|q1t0|q1t1|q2t0|q2t1|q3t0|q3t1|
//                                                 2 bits: |  q0t0 |  q0t1 |  q1t0 |  q1t1 |
//                                                 4 bits: |     q0t0      |     q0t1      |
//
// Behind the codes lie the groups, (s, i) numbered s n + i: keys: s = 64 / g runs of g tokens, i =
// the channel, n = d; values: s = ceil(d / g) runs of g channels, i = the token, n = 64.
//
//   Bits16  scales f16 [groups], zeros f16 [groups]
//   Bits8   scales u8 [groups, at least 64], zeros u8 [groups]
//           the top bits of the first 48 scales, byte i bit i: top, zeroStep, zeroOffset as f16
//           scale = top (low 7 bits)^2 / 2^14       finer where scales are small
//           zero  = zeroOffset + zeroStep byte
//
// The squares cost a scale 1.6 % of its size where it is largest (half of that on average) and
// serve channels with scales far below the largest; the 6 bytes of ranges cost no line of their
// own.
#pragma once

#include "kernels/cpu/half.h"
#include "kernels/cpu_lowbit.h"

#include <cstring>

namespace bookwheel::kernels {

static constexpr int kSlabLanes = 32;
static constexpr int kLowBitLine = 64;  // bytes
static constexpr int kMostHeadDim = 256;
static constexpr int kMostGroups = 512;  // of a block: d = 256, g = 32
static constexpr int kMostScale = 127;   // largest scale code of Bits8
static constexpr int kRangeBytes = 48;   // scales that carry the ranges

namespace {  // its functions must not be shared between units

/// One plane of codes and groups: the keys or the values of a block.
struct LowBitPlane {
  int bits;
  int slabs;
  int quads;        // of a slab
  int groupRuns;    // s
  int groupsInRun;  // n
  LowBitMetadata metadata;

  int groups() const { return groupRuns * groupsInRun; }
  std::int64_t slabBytes() const { return std::int64_t{16} * quads * bits; }
  std::int64_t scalesAt() const { return slabs * slabBytes(); }
  std::int64_t zerosAt() const {
    return scalesAt() + (metadata == LowBitMetadata::Bits16 ? 2 * groups()
                         : groups() < 64                    ? 64
                                                            : groups());
  }
  std::int64_t bytes() const {
    const std::int64_t end =
        zerosAt() + (metadata == LowBitMetadata::Bits16 ? 2 * groups() : groups());
    return (end + kLowBitLine - 1) / kLowBitLine * kLowBitLine;
  }
};

}  // namespace

static inline LowBitPlane keyPlane(const LowBitFormat& format) {
  return {format.keyBits,     kLowBitBlock / kSlabLanes,
          format.headDim / 4, kLowBitBlock / format.group,
          format.headDim,     format.metadata};
}

static inline LowBitPlane valuePlane(const LowBitFormat& format) {
  return {format.valueBits, format.headDim / kSlabLanes,
          kLowBitBlock / 4, (format.headDim + format.group - 1) / format.group,
          kLowBitBlock,     format.metadata};
}

/// The ranges of 8-bit groups.
struct LowBitRanges {
  float scaleUnit;  // scale = scaleUnit * code^2
  float zeroStep;
  float zeroOffset;
};

static inline LowBitRanges readRanges(const std::byte* scales) {
  std::uint16_t halves[3];
  for (int i = 0; i < 3; ++i) {
    unsigned bits = 0;
    for (int half = 0; half < 2; ++half) {
      std::uint64_t eight;
      std::memcpy(&eight, scales + 16 * i + 8 * half, sizeof eight);
      // Moves the top bit of byte j to bit j of the top byte.
      const std::uint64_t gathered =
          ((eight >> 7) & 0x0101010101010101U) * 0x0102040810204080U >> 56;
      bits |= static_cast<unsigned>(gathered) << (8 * half);
    }
    halves[i] = static_cast<std::uint16_t>(bits);
  }
  return {halfToFloat(halves[0]) * 0x1p-14F, halfToFloat(halves[1]), halfToFloat(halves[2])};
}

static inline void writeRanges(std::byte* scales, const std::uint16_t (&halves)[3]) {
  for (int i = 0; i < kRangeBytes; ++i) {
    const auto bit = static_cast<unsigned>(halves[i / 16] >> (i % 16) & 1);
    scales[i] = (scales[i] & std::byte{kMostScale}) | static_cast<std::byte>(bit << 7);
  }
}

/// Scale and zero of one group, and a code: for dequantizeBlock.
struct LowBitGroup {
  float scale;
  float zero;
};

static inline LowBitGroup readGroup(const LowBitPlane& plane, const std::byte* block, int group) {
  const std::byte* scales = block + plane.scalesAt();
  const std::byte* zeros = block + plane.zerosAt();
  if (plane.metadata == LowBitMetadata::Bits16) {
    std::uint16_t halves[2];
    std::memcpy(&halves[0], scales + 2 * group, 2);
    std::memcpy(&halves[1], zeros + 2 * group, 2);
    return {halfToFloat(halves[0]), halfToFloat(halves[1])};
  }
  const LowBitRanges ranges = readRanges(scales);
  const int code = static_cast<int>(scales[group]) & kMostScale;
  return {ranges.scaleUnit * static_cast<float>(code * code),
          ranges.zeroOffset + ranges.zeroStep * static_cast<float>(zeros[group])};
}

static inline int readCode(const LowBitPlane& plane, const std::byte* block, int lane, int inner) {
  const int fields = 8 / plane.bits;
  const int quad = inner / 4;
  const int field = quad % (fields / 2) * 2 + lane % kSlabLanes / 16;
  const std::byte line = block[lane / kSlabLanes * plane.slabBytes() +
                               quad / (fields / 2) * kLowBitLine + lane % 16 * 4 + inner % 4];
  return static_cast<int>(line) >> (field * plane.bits) & ((1 << plane.bits) - 1);
}

// ---- Scratch of the selection: each part of a head leaves its best tokens in it, in order.

static constexpr int kPartTokens = kSelectBlocks * kLowBitBlock;

static constexpr std::int64_t selectParts(std::int64_t blocks) {
  return (blocks + kSelectBlocks - 1) / kSelectBlocks;
}
/// Tokens that a part may leave: a multiple of 16.
static constexpr std::int64_t selectRoom(int k) {
  return ((k < kPartTokens ? k : kPartTokens) + 15) / 16 * 16;
}
/// (parts, room) sums, as much room to sift them, (parts, room) tokens.
static constexpr std::int64_t selectHeadInts(std::int64_t blocks, int k) {
  return 3 * selectParts(blocks) * selectRoom(k);
}

}  // namespace bookwheel::kernels
