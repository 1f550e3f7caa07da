// SPDX-License-Identifier: Apache-2.0
// Random blocks of every weight format. Each is written by its own definition (codes drawn evenly,
// scales so that the decoded weights have the wanted deviation): no quantizer is needed, and every
// bit pattern of the codes occurs.
#include "tests/support/seeded_random.h"
#include "tests/support/tiny_model.h"

#include <array>
#include <bit>
#include <cmath>
#include <stdexcept>

namespace bookwheel {
namespace {

using kernels::WeightType;

/// IEEE half precision, rounded to nearest; |value| must be below 65,504.
std::uint16_t half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  if (std::abs(value) < 0x1p-14f) {  // subnormal: a multiple of 2^-24
    return static_cast<std::uint16_t>(
        sign | static_cast<std::uint32_t>(std::lround(std::abs(value) * 0x1p24f)));
  }
  const std::uint32_t rounded = (bits & 0x7FFFFFFFu) + 0x0FFFu + ((bits >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

std::uint16_t brain(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

class BlockWriter {
 public:
  BlockWriter(WeightType type, float deviation, std::uint64_t seed)
      : m_type(type), m_deviation(deviation), m_random(seed) {}

  std::vector<std::byte> write(std::int64_t elements) {
    const kernels::WeightBlock block = kernels::weightBlock(m_type);
    if (block.elements == 0 || elements % block.elements != 0) {
      throw std::runtime_error("no whole number of blocks");
    }
    const std::int64_t blocks = elements / block.elements;
    m_out.reserve(static_cast<std::size_t>(blocks * block.bytes));
    for (std::int64_t i = 0; i < blocks; ++i) {
      writeBlock();
    }
    return std::move(m_out);
  }

 private:
  void writeBlock() {
    // Codes are even over `levels` values: their deviation is levels / sqrt(12).
    switch (m_type) {
      case WeightType::F32:
        put(even());
        break;
      case WeightType::F16:
        put(half(even()));
        break;
      case WeightType::BF16:
        put(brain(even()));
        break;
      case WeightType::Q4_0:
        put(half(step(16)));
        codes(16);
        break;
      case WeightType::Q5_0:
        put(half(step(32)));
        codes(4 + 16);
        break;
      case WeightType::Q8_0:
        put(half(step(256)));
        codes(32);
        break;
      case WeightType::Q4_1:
        scaleAndMinimum(16);
        codes(16);
        break;
      case WeightType::Q5_1:
        scaleAndMinimum(32);
        codes(4 + 16);
        break;
      case WeightType::Q2_K: {
        // weight = d * scale * (0..3) - dmin * minimum, with scale == minimum in each byte
        for (int i = 0; i < 16; ++i) {
          put(static_cast<std::uint8_t>(0x11 * m_random.below(16)));
        }
        codes(64);
        scaleAndMinimumOf(4, kNibbleScale);
        break;
      }
      case WeightType::Q3_K:
        codes(32 + 64 + 12);  // scales are 6-bit numbers around 0
        put(half(step(8) / kSignedSixBitScale));
        break;
      case WeightType::Q4_K:
        scaleAndMinimumOf(16, kSixBitScale);
        sixBitScales();
        codes(128);
        break;
      case WeightType::Q5_K:
        scaleAndMinimumOf(32, kSixBitScale);
        sixBitScales();
        codes(32 + 128);
        break;
      case WeightType::Q6_K:
        codes(128 + 64 + 16);  // scales are signed bytes
        put(half(step(64) / kSignedByteScale));
        break;
    }
  }

  // Root mean squares of the block's own scales, even over their range.
  static constexpr float kNibbleScale = 8.8f;         // 0..15
  static constexpr float kSixBitScale = 36.5f;        // 0..63
  static constexpr float kSignedSixBitScale = 18.5f;  // -32..31
  static constexpr float kSignedByteScale = 73.9f;    // -128..127

  float even() { return m_deviation * 1.7320508f * (2.0f * m_random.unit() - 1.0f); }
  /// The distance of two codes, a different one for each block.
  float step(int levels) {
    return m_deviation * 3.4641016f / static_cast<float>(levels) * (0.75f + 0.5f * m_random.unit());
  }
  /// weight = d * code + m with m = -d * (levels - 1) / 2.
  void scaleAndMinimum(int levels) {
    const float d = step(levels);
    put(half(d));
    put(half(-d * static_cast<float>(levels - 1) / 2.0f));
  }
  /// weight = d * scale * code - dmin * minimum, where scale == minimum.
  void scaleAndMinimumOf(int levels, float scale) {
    const float d = step(levels) / scale;
    put(half(d));
    put(half(d * static_cast<float>(levels - 1) / 2.0f));
  }
  /// Eight 6-bit scales and eight equal minimums in 12 bytes, as Q4_K and Q5_K pack them.
  void sixBitScales() {
    std::array<unsigned, 8> scale;
    for (unsigned& value : scale) {
      value = m_random.below(64);
    }
    for (int repeat = 0; repeat < 2; ++repeat) {  // scales, then minimums
      for (std::size_t i = 0; i < 4; ++i) {
        put(static_cast<std::uint8_t>(scale[i] | (scale[i + 4] >> 4 << 6)));
      }
    }
    for (std::size_t i = 4; i < 8; ++i) {
      put(static_cast<std::uint8_t>((scale[i] & 15u) * 0x11u));
    }
  }
  void codes(int bytes) {
    for (int i = 0; i < bytes; ++i) {
      put(static_cast<std::uint8_t>(m_random.below(256)));
    }
  }
  template <typename T>
  void put(T value) {
    const std::vector<std::byte> bytes = bytesOf(value);
    m_out.insert(m_out.end(), bytes.begin(), bytes.end());
  }

  WeightType m_type;
  float m_deviation;
  SeededRandom m_random;
  std::vector<std::byte> m_out;
};

}  // namespace

std::vector<std::byte> seededWeights(WeightType type, std::int64_t elements, float deviation,
                                     std::uint64_t seed) {
  return BlockWriter(type, deviation, seed).write(elements);
}

}  // namespace bookwheel
