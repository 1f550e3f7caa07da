// SPDX-License-Identifier: Apache-2.0
// RopeTables: the angles of the rotary embedding, with a model's scaling.
#include "engine/run/rope_tables.h"

#include "engine/error.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bookwheel {

namespace {

// YaRN's beta: pairs that turn more than 32 times within the original context keep their frequency,
// those that turn less than once are interpolated, the ones between are mixed.
constexpr double kFastTurns = 32.0;
constexpr double kSlowTurns = 1.0;

/// The (fractional) pair that turns `turns` times within `tokens` positions.
double pairThatTurns(double turns, std::int64_t tokens, int ropeDims, double base) {
  return ropeDims * std::log(static_cast<double>(tokens) / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(base));
}

}  // namespace

RopeTables::RopeTables(const ModelShape& shape, std::span<const float> factors)
    : m_magnitude(shape.ropeScaling.attentionFactor) {
  const RopeScaling& scaling = shape.ropeScaling;
  const int pairs = shape.ropeDims / 2;
  BOOKWHEEL_ASSERT(factors.empty() || factors.size() == static_cast<std::size_t>(pairs));

  const bool yarn = scaling.kind == RopeScalingKind::Yarn;
  double firstMixed = 0;
  double lastMixed = 0;
  if (yarn) {
    const std::int64_t original =
        scaling.originalTokens > 0 ? scaling.originalTokens : shape.contextTokens;
    firstMixed = std::max(
        0.0, std::floor(pairThatTurns(kFastTurns, original, shape.ropeDims, shape.ropeBase)));
    lastMixed =
        std::min(shape.ropeDims - 1.0,
                 std::ceil(pairThatTurns(kSlowTurns, original, shape.ropeDims, shape.ropeBase)));
    m_magnitude *= 1.0 + 0.1 * std::log(scaling.factor);
  }

  m_frequencies.reserve(static_cast<std::size_t>(pairs));
  for (int pair = 0; pair < pairs; ++pair) {
    double frequency = std::pow(shape.ropeBase, -2.0 * pair / shape.ropeDims);
    if (!factors.empty()) {
      frequency /= factors[static_cast<std::size_t>(pair)];
    }
    if (scaling.kind == RopeScalingKind::Linear) {
      frequency /= scaling.factor;
    } else if (yarn) {
      const double position = (pair - firstMixed) / std::max(0.001, lastMixed - firstMixed);
      const double interpolated = std::clamp(position, 0.0, 1.0);
      frequency = frequency * (1.0 - interpolated) + frequency / scaling.factor * interpolated;
    }
    m_frequencies.push_back(frequency);
  }
}

void RopeTables::fill(std::int64_t first, std::int64_t rows, std::span<float> cosines,
                      std::span<float> sines) const {
  BOOKWHEEL_ASSERT(cosines.size() >= static_cast<std::size_t>(rows) * m_frequencies.size() &&
                   sines.size() >= static_cast<std::size_t>(rows) * m_frequencies.size());
  std::size_t at = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    const double position = static_cast<double>(first + row);
    for (const double frequency : m_frequencies) {
      cosines[at] = static_cast<float>(std::cos(position * frequency) * m_magnitude);
      sines[at] = static_cast<float>(std::sin(position * frequency) * m_magnitude);
      ++at;
    }
  }
}

}  // namespace bookwheel
