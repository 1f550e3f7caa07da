// SPDX-License-Identifier: Apache-2.0
// What the kernel tests share: instruction sets as data rows, seeded numbers, weights in every
// format.
#pragma once

#include "kernels/cpu.h"

#include <QTest>

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace bookwheel::tests {

/// The 13 formats.
std::span<const kernels::WeightType> weightTypes();

/// Sets an instruction set and puts the old one back.
class WithInstructionSet {
 public:
  explicit WithInstructionSet(kernels::InstructionSet set) : m_before(kernels::instructionSet()) {
    kernels::setInstructionSet(set);
  }
  ~WithInstructionSet() { kernels::setInstructionSet(m_before); }
  WithInstructionSet(const WithInstructionSet&) = delete;
  WithInstructionSet& operator=(const WithInstructionSet&) = delete;

 private:
  kernels::InstructionSet m_before;
};

/// Memory with the alignment that packed matrices and scratch need; a sanitizer sees its exact end.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::int64_t bytes)
      : m_data(static_cast<std::byte*>(
            ::operator new(static_cast<std::size_t>(bytes), std::align_val_t{64}))) {}
  ~AlignedBytes() { ::operator delete(m_data, std::align_val_t{64}); }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;
  std::byte* data() { return m_data; }

 private:
  std::byte* m_data;
};

using Random = std::mt19937;

std::vector<float> randomFloats(std::size_t count, Random& random, float scale = 1.0F);

/// Rows of random bytes with every f16 field replaced by `d(random)`: valid weights of the format
/// with all codes and sub-block scales occurring.
std::vector<std::byte> randomWeights(kernels::WeightType type, std::int64_t rows,
                                     std::int64_t columns, Random& random);

/// Rows in which every code bit and every scale bit is `ones`, d and m are 1.
std::vector<std::byte> extremeWeights(kernels::WeightType type, std::int64_t rows,
                                      std::int64_t columns, bool ones);

/// A packed matrix and its memory.
class Packed {
 public:
  Packed(kernels::WeightType type, std::int64_t rows, std::int64_t columns,
         std::span<const std::byte> source);
  kernels::PackedMatrix matrix() { return {m_type, m_rows, m_columns, m_bytes.data()}; }

 private:
  kernels::WeightType m_type;
  std::int64_t m_rows;
  std::int64_t m_columns;
  AlignedBytes m_bytes;
};

/// Quantized activations and their memory.
class Quantized {
 public:
  Quantized(std::span<const float> x, std::int64_t rows, std::int64_t columns);
  kernels::QuantizedRows rows();
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
  std::vector<std::int16_t> sums;

 private:
  std::int64_t m_rows;
  std::int64_t m_columns;
};

}  // namespace bookwheel::tests
