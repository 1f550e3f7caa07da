// SPDX-License-Identifier: Apache-2.0
// What the kernel tests share.
#include "tests/kernels/fixtures.h"

#include "tests/support/reference.h"

#include <array>
#include <cstring>

namespace bookwheel::tests {
namespace {

using kernels::WeightType;

constexpr std::array kTypes = {
    WeightType::F32,  WeightType::F16,  WeightType::BF16, WeightType::Q4_0, WeightType::Q4_1,
    WeightType::Q5_0, WeightType::Q5_1, WeightType::Q8_0, WeightType::Q2_K, WeightType::Q3_K,
    WeightType::Q4_K, WeightType::Q5_K, WeightType::Q6_K};

// Offsets of the f16 fields in a block.
std::vector<std::size_t> halfFields(WeightType type) {
  switch (type) {
    case WeightType::Q4_0:
    case WeightType::Q5_0:
    case WeightType::Q8_0:
      return {0};
    case WeightType::Q4_1:
    case WeightType::Q5_1:
    case WeightType::Q4_K:
    case WeightType::Q5_K:
      return {0, 2};
    case WeightType::Q2_K:
      return {80, 82};
    case WeightType::Q3_K:
      return {108};
    case WeightType::Q6_K:
      return {208};
    default:
      return {};
  }
}

void putHalf(std::vector<std::byte>& bytes, std::size_t at, double value) {
  const std::uint16_t half = reference::toHalf(value);
  std::memcpy(&bytes[at], &half, sizeof half);
}

}  // namespace

std::span<const WeightType> weightTypes() { return kTypes; }

std::vector<float> randomFloats(std::size_t count, Random& random, float scale) {
  std::normal_distribution<float> normal(0.0F, scale);
  std::vector<float> out(count);
  for (float& v : out) {
    v = normal(random);
  }
  return out;
}

std::vector<std::byte> randomWeights(WeightType type, std::int64_t rows, std::int64_t columns,
                                     Random& random) {
  const kernels::WeightBlock block = kernels::weightBlock(type);
  std::vector<std::byte> out(
      static_cast<std::size_t>(rows * kernels::weightRowBytes(type, columns)));
  std::normal_distribution<float> normal(0.0F, 0.05F);
  if (block.elements == 1) {
    for (std::size_t i = 0; i < out.size(); i += static_cast<std::size_t>(block.bytes)) {
      const float value = normal(random);
      if (type == WeightType::F32) {
        std::memcpy(&out[i], &value, sizeof value);
      } else if (type == WeightType::F16) {
        putHalf(out, i, static_cast<double>(value));
      } else {
        std::memcpy(&out[i], reinterpret_cast<const std::byte*>(&value) + 2, 2);
      }
    }
    return out;
  }
  std::uniform_int_distribution<int> anyByte(0, 255);
  for (std::byte& b : out) {
    b = static_cast<std::byte>(anyByte(random));
  }
  for (std::size_t at = 0; at < out.size(); at += static_cast<std::size_t>(block.bytes)) {
    for (const std::size_t field : halfFields(type)) {
      putHalf(out, at + field, static_cast<double>(normal(random)));
    }
  }
  return out;
}

std::vector<std::byte> extremeWeights(WeightType type, std::int64_t rows, std::int64_t columns,
                                      bool ones) {
  const kernels::WeightBlock block = kernels::weightBlock(type);
  std::vector<std::byte> out(
      static_cast<std::size_t>(rows * kernels::weightRowBytes(type, columns)),
      ones ? std::byte{0xFF} : std::byte{0});
  if (type == WeightType::Q8_0) {  // the byte of greatest magnitude is -128, not all ones
    std::fill(out.begin(), out.end(), ones ? std::byte{0x80} : std::byte{0x7F});
  }
  for (std::size_t at = 0; at < out.size(); at += static_cast<std::size_t>(block.bytes)) {
    for (const std::size_t field : halfFields(type)) {
      putHalf(out, at + field, 1.0);
    }
  }
  return out;
}

Packed::Packed(WeightType type, std::int64_t rows, std::int64_t columns,
               std::span<const std::byte> source)
    : m_type(type),
      m_rows(rows),
      m_columns(columns),
      m_bytes(kernels::packedBytes(type, rows, columns)) {
  const kernels::PackArgs args{type, rows, columns, source.data(), m_bytes.data()};
  kernels::pack(args, {0, kernels::packUnits(args)});
}

Quantized::Quantized(std::span<const float> x, std::int64_t rows, std::int64_t columns)
    : codes(x.size()),
      scales(x.size() / 32),
      sums(x.size() / 16),
      m_rows(rows),
      m_columns(columns) {
  kernels::quantizeRows({x.data(), columns, this->rows()}, {0, rows});
}

kernels::QuantizedRows Quantized::rows() {
  return {m_rows, m_columns, codes.data(), scales.data(), sums.data()};
}

}  // namespace bookwheel::tests
