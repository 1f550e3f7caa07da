// SPDX-License-Identifier: Apache-2.0
// TensorType: every tensor type a GGUF file may name, also those the kernels do not read.
#pragma once

#include "kernels/weight_blocks.h"

#include <cstdint>
#include <optional>
#include <string>

namespace bookwheel {

/// A GGUF tensor type number. Sizes are known for all types in use in 2026, so a file with a type
/// that the kernels do not read can still be checked and described.
class TensorType {
 public:
  TensorType() = default;
  explicit TensorType(std::uint32_t number) : m_number(number) {}

  std::uint32_t number() const { return m_number; }
  /// "Q4_K", "IQ4_XS", ...; "type 57" for a number without a known name.
  std::string name() const;
  /// Consecutive elements of a row that are stored together, and their bytes; 0 if not known.
  int blockElements() const;
  int blockBytes() const;
  /// The kernels' type, or nullopt if Bookwheel does not read this one.
  std::optional<kernels::WeightType> readable() const;

 private:
  std::uint32_t m_number = 0;
};

}  // namespace bookwheel
