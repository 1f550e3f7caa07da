// SPDX-License-Identifier: Apache-2.0
// The definition of correct: every operation of kernels/ in plain loops over doubles, written from
// the formulas and sharing no code with the kernels.
#pragma once

#include "kernels/args.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bookwheel::reference {

double fromHalf(std::uint16_t half);
/// Nearest, ties to even; too large becomes infinity.
std::uint16_t toHalf(double value);

/// A weight as scale times code, and what its format adds to that. Rounding errors follow the size
/// of the parts.
struct WeightParts {
  double product;
  double plus;
};

WeightParts weightParts(kernels::WeightType type, const std::byte* row, std::int64_t column);

/// One weight of a GGUF row: element `column` of the row that starts at `row`.
double weight(kernels::WeightType type, const std::byte* row, std::int64_t column);

/// The whole matrix, (rows, columns).
std::vector<double> decode(kernels::WeightType type, const std::byte* source, std::int64_t rows,
                           std::int64_t columns);

/// y (T, rows) = x (T, columns) W^T + bias; bias may be empty.
std::vector<double> matmul(std::span<const double> weights, std::int64_t rows, std::int64_t columns,
                           std::span<const double> x, std::span<const float> bias);

/// Activations as the integer path sees them: code times scale, (T, columns).
std::vector<double> dequantize(const kernels::QuantizedRows& rows);

std::vector<double> rmsNorm(std::span<const float> x, std::span<const float> weight,
                            double epsilon);

/// One head turned: pairs (2i, 2i + 1) or (i, i + dims / 2).
std::vector<double> rope(std::span<const float> head, std::span<const float> cosines,
                         std::span<const float> sines, kernels::RopeLayout layout);

double swiglu(double gate, double up);

/// Causal attention over the f16 rows of args.kv: (T, H * d). Needs no partials and no scratch.
std::vector<double> attention(const kernels::AttentionArgs& args);

}  // namespace bookwheel::reference
