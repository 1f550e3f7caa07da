// SPDX-License-Identifier: Apache-2.0
// The weight formats of GGUF files: block sizes in elements and bytes. The formula of each format
// stands with its decoder in cpu/weight_blocks.cpp. Source: the GGML quantization formats as
// stored in GGUF v3 files.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bookwheel::kernels {

/// Values are GGUF's own type numbers.
enum class WeightType : std::uint32_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q2_K = 10,
  Q3_K = 11,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14,
  BF16 = 30,
};

/// A format: `elements` consecutive weights of one row occupy `bytes` bytes.
struct WeightBlock {
  const char* name;
  int elements;
  int bytes;
};

/// The block of a format, or one with elements == 0 for a number that is none of the above.
constexpr WeightBlock weightBlock(WeightType type) {
  switch (type) {
    case WeightType::F32: return {"F32", 1, 4};
    case WeightType::F16: return {"F16", 1, 2};
    case WeightType::BF16: return {"BF16", 1, 2};
    case WeightType::Q4_0: return {"Q4_0", 32, 18};
    case WeightType::Q4_1: return {"Q4_1", 32, 20};
    case WeightType::Q5_0: return {"Q5_0", 32, 22};
    case WeightType::Q5_1: return {"Q5_1", 32, 24};
    case WeightType::Q8_0: return {"Q8_0", 32, 34};
    case WeightType::Q2_K: return {"Q2_K", 256, 84};
    case WeightType::Q3_K: return {"Q3_K", 256, 110};
    case WeightType::Q4_K: return {"Q4_K", 256, 144};
    case WeightType::Q5_K: return {"Q5_K", 256, 176};
    case WeightType::Q6_K: return {"Q6_K", 256, 210};
  }
  return {"unknown", 0, 0};
}

/// Bytes of one row of `columns` weights. columns must be a multiple of the block's elements.
constexpr std::int64_t weightRowBytes(WeightType type, std::int64_t columns) {
  const WeightBlock block = weightBlock(type);
  return columns / block.elements * block.bytes;
}

}  // namespace bookwheel::kernels
