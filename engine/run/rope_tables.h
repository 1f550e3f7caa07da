// SPDX-License-Identifier: Apache-2.0
// RopeTables: the angles of the rotary embedding, with a model's scaling.
#pragma once

#include "engine/model/shape.h"

#include <cstdint>
#include <span>
#include <vector>

namespace bookwheel {

/// Cosines and sines for any position, computed in double precision. Sources: RoPE arXiv
/// 2104.09864; linear scaling (position interpolation) arXiv 2306.15595; YaRN arXiv 2309.00071,
/// section 3.4; Llama 3's scaling comes as a divisor of each frequency in the model file.
/// Immutable.
class RopeTables {
 public:
  /// factors: (ropeDims / 2) divisors of the frequencies, or empty.
  RopeTables(const ModelShape& shape, std::span<const float> factors);

  /// Fills the tables of positions first .. first + rows - 1; each (rows, ropeDims / 2). YaRN's
  /// magnitude is in them.
  void fill(std::int64_t first, std::int64_t rows, std::span<float> cosines,
            std::span<float> sines) const;

  /// Radians by which one position turns each pair.
  std::span<const double> frequencies() const { return m_frequencies; }
  double magnitude() const { return m_magnitude; }

 private:
  std::vector<double> m_frequencies;  // (ropeDims / 2)
  double m_magnitude;
};

}  // namespace bookwheel
