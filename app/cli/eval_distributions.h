// SPDX-License-Identifier: Apache-2.0
// Next-token distributions and how far they are apart.
#pragma once

#include "engine/model/prompt.h"

#include <span>

namespace bookwheel {

/// logits (vocabulary, at least one, finite) -> natural log-probabilities, in place.
void toLogProbabilities(std::span<float> row);

/// Kullback-Leibler divergence KL(expected || actual) in nats; both are natural log-probabilities
/// (vocabulary). Rounding may make it a little less than 0.
double divergence(std::span<const float> expected, std::span<const float> actual);

/// The token with the largest number; of equal ones the lowest.
TokenId likeliest(std::span<const float> row);

}  // namespace bookwheel
