// SPDX-License-Identifier: Apache-2.0
// The formula of each GGUF weight format. f16 fields are little-endian. Blocks are read byte by
// byte because rows of a file have no alignment.
#include "kernels/cpu/weight_blocks.h"

#include "kernels/cpu.h"
#include "kernels/cpu/half.h"
#include "kernels/cpu/layout.h"

#include <cstring>

namespace bookwheel::kernels {
namespace {

using Byte = std::uint8_t;

std::uint16_t readU16(const Byte* at) {
  std::uint16_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

std::uint32_t readU32(const Byte* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// 16 bytes of nibbles: columns 0 .. 15 are the low ones, 16 .. 31 the high ones.
void splitNibbles(const Byte* nibbles, Byte* codes) {
  for (int j = 0; j < 16; ++j) {
    codes[j] = nibbles[j] & 0x0F;
    codes[j + 16] = static_cast<Byte>(nibbles[j] >> 4);
  }
}

void addFifthBits(std::uint32_t bits, Byte* codes) {
  for (int k = 0; k < 32; ++k) {
    codes[k] = static_cast<Byte>(codes[k] | (((bits >> k) & 1U) << 4));
  }
}

// Q4_0  | d | 16 nibble bytes |                 w = d (q - 8)
// Q4_1  | d | m | 16 nibble bytes |             w = d q + m
// Q5_0  | d | 4 bytes of fifth bits | 16 |      w = d (q - 16)
// Q5_1  | d | m | 4 bytes of fifth bits | 16 |  w = d q + m
// Q8_0  | d | 32 signed bytes |                 w = d q
void split32(WeightType type, const Byte* at, WeightCodes& out) {
  out.d = readU16(at);
  at += 2;
  if (type == WeightType::Q8_0) {
    std::memcpy(out.codes, at, 32);
    return;
  }
  if (type == WeightType::Q4_1 || type == WeightType::Q5_1) {
    out.dmin = readU16(at);
    at += 2;
  }
  if (type == WeightType::Q4_0 || type == WeightType::Q4_1) {
    splitNibbles(at, out.codes);
    return;
  }
  splitNibbles(at + 4, out.codes);
  addFifthBits(readU32(at), out.codes);
}

// Q2_K  | 16 x (scale | min << 4) | 64 bytes of 2-bit codes | d | dmin |
//       w = d scale q - dmin min. Of each 128 columns, column 32 j + l has bits 2 j of byte l.
void splitQ2K(const Byte* at, WeightCodes& out) {
  const Byte* codes = at + 16;
  for (int i = 0; i < 16; ++i) {
    out.scales[i] = at[i] & 0x0F;
    out.mins[i] = static_cast<Byte>(at[i] >> 4);
  }
  for (int k = 0; k < 256; ++k) {
    out.codes[k] = (codes[k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2)) & 3;
  }
  out.d = readU16(at + 80);
  out.dmin = readU16(at + 82);
}

// Q3_K  | 32 bytes of third bits | 64 bytes of 2-bit codes as Q2_K | 12 bytes of scales | d |
//       w = d (scale - 32) (q - 4). Bit k / 32 of byte k % 32 is the third bit of column k. The low
//       nibbles of 16 scales lie in bytes 0 .. 7 (high half: scales 8 .. 15), their upper two bits
//       in bytes 8 .. 11.
void splitQ3K(const Byte* at, WeightCodes& out) {
  const Byte* codes = at + 32;
  const Byte* scales = at + 96;
  for (int i = 0; i < 16; ++i) {
    const int low = i < 8 ? scales[i] & 0x0F : scales[i - 8] >> 4;
    const int high = (scales[8 + i % 4] >> (i / 4 * 2)) & 3;
    out.scales[i] = static_cast<std::int16_t>((low | high << 4) - 32);
  }
  for (int k = 0; k < 256; ++k) {
    const int low = (codes[k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2)) & 3;
    const int high = (at[k % 32] >> (k / 32)) & 1;
    out.codes[k] = static_cast<Byte>(low | high << 2);
  }
  out.d = readU16(at + 108);
}

// 8 scales and 8 mins of 6 bits in 12 bytes: 0 .. 3 are the low bits of bytes 0 .. 3 (scales) and 4
// .. 7 (mins); 4 .. 7 have their low nibbles in bytes 8 .. 11 and their upper two bits atop bytes 0
// .. 7.
void splitSixBitScales(const Byte* at, WeightCodes& out) {
  for (int i = 0; i < 8; ++i) {
    const int scale = i < 4 ? at[i] & 63 : (at[i + 4] & 0x0F) | (at[i - 4] >> 6) << 4;
    const int min = i < 4 ? at[i + 4] & 63 : (at[i + 4] >> 4) | (at[i] >> 6) << 4;
    out.scales[2 * i] = out.scales[2 * i + 1] = static_cast<std::int16_t>(scale);
    out.mins[2 * i] = out.mins[2 * i + 1] = static_cast<Byte>(min);
  }
}

// Q4_K  | d | dmin | 12 bytes of scales | 128 nibble bytes |             w = d scale q - dmin min
// Q5_K  | d | dmin | 12 bytes of scales | 32 bytes of fifth bits | 128 |
//       Of each 64 columns, the first 32 are low nibbles of 32 bytes, the others the high ones. Bit
//       k / 32 of byte k % 32 is the fifth bit of column k.
void splitQ45K(WeightType type, const Byte* at, WeightCodes& out) {
  out.d = readU16(at);
  out.dmin = readU16(at + 2);
  splitSixBitScales(at + 4, out);
  const bool five = type == WeightType::Q5_K;
  const Byte* fifth = at + 16;
  const Byte* nibbles = five ? at + 48 : at + 16;
  for (int k = 0; k < 256; ++k) {
    const int low = (nibbles[k / 64 * 32 + k % 32] >> (k % 64 / 32 * 4)) & 0x0F;
    const int high = five ? (fifth[k % 32] >> (k / 32)) & 1 : 0;
    out.codes[k] = static_cast<Byte>(low | high << 4);
  }
}

// Q6_K  | 128 nibble bytes | 64 bytes of upper bits | 16 signed scales | d |
//       w = d scale (q - 32). Of each 128 columns, column k has nibble k / 64 of byte k % 64 and
//       bits 2 (k / 32) of upper byte k % 32.
void splitQ6K(const Byte* at, WeightCodes& out) {
  for (int k = 0; k < 256; ++k) {
    const int half = k / 128;
    const int in = k % 128;
    const int low = (at[half * 64 + in % 64] >> (in / 64 * 4)) & 0x0F;
    const int high = (at[128 + half * 32 + in % 32] >> (in / 32 * 2)) & 3;
    out.codes[k] = static_cast<Byte>(low | high << 4);
  }
  for (int i = 0; i < 16; ++i) {
    out.scales[i] = static_cast<std::int8_t>(at[192 + i]);
  }
  out.d = readU16(at + 208);
}

void decodeBlock(WeightType type, const WeightCodes& block, float* out) {
  const PackedFormat format = packedFormat(type);
  const float d = halfToFloat(block.d);
  switch (format.kind) {
    case ScaleKind::Plain:
      for (int k = 0; k < 32; ++k) {
        const int code = type == WeightType::Q8_0 ? static_cast<std::int8_t>(block.codes[k])
                                                  : block.codes[k] - format.offset;
        out[k] = d * static_cast<float>(code);
      }
      return;
    case ScaleKind::Affine: {
      const float m = halfToFloat(block.dmin);
      for (int k = 0; k < 32; ++k) {
        out[k] = d * static_cast<float>(block.codes[k]) + m;
      }
      return;
    }
    case ScaleKind::SuperMin:
    case ScaleKind::SuperMin16: {
      const float dmin = halfToFloat(block.dmin);
      for (int k = 0; k < 256; ++k) {
        out[k] = d * static_cast<float>(block.scales[k / 16]) * static_cast<float>(block.codes[k]) -
                 dmin * static_cast<float>(block.mins[k / 16]);
      }
      return;
    }
    case ScaleKind::Super16:
      for (int k = 0; k < 256; ++k) {
        out[k] = d * static_cast<float>(block.scales[k / 16]) *
                 static_cast<float>(block.codes[k] - format.offset);
      }
      return;
    case ScaleKind::Words:
      return;
  }
}

}  // namespace

void splitWeightBlock(WeightType type, const std::byte* source, WeightCodes& out) {
  const Byte* at = reinterpret_cast<const Byte*>(source);
  switch (type) {
    case WeightType::Q2_K:
      splitQ2K(at, out);
      return;
    case WeightType::Q3_K:
      splitQ3K(at, out);
      return;
    case WeightType::Q4_K:
    case WeightType::Q5_K:
      splitQ45K(type, at, out);
      return;
    case WeightType::Q6_K:
      splitQ6K(at, out);
      return;
    default:
      split32(type, at, out);
      return;
  }
}

void decodeWeights(WeightType type, const std::byte* source, std::int64_t elements, float* out) {
  const WeightBlock block = weightBlock(type);
  const Byte* at = reinterpret_cast<const Byte*>(source);
  if (type == WeightType::F32) {
    std::memcpy(out, source, static_cast<std::size_t>(elements) * sizeof(float));
    return;
  }
  if (type == WeightType::F16 || type == WeightType::BF16) {
    for (std::int64_t k = 0; k < elements; ++k) {
      const std::uint16_t word = readU16(at + 2 * k);
      out[k] = type == WeightType::F16 ? halfToFloat(word) : bfloatToFloat(word);
    }
    return;
  }
  WeightCodes codes{};
  for (std::int64_t k = 0; k < elements; k += block.elements) {
    splitWeightBlock(type, source, codes);
    decodeBlock(type, codes, out + k);
    source += block.bytes;
  }
}

}  // namespace bookwheel::kernels
