// SPDX-License-Identifier: Apache-2.0
// Next-token distributions and how far they are apart.
#include "app/cli/eval_distributions.h"

#include <algorithm>
#include <cmath>

namespace bookwheel {

void toLogProbabilities(std::span<float> row) {
  const float best = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const float logit : row) {
    sum += std::exp(static_cast<double>(logit - best));
  }
  const double shift = static_cast<double>(best) + std::log(sum);
  for (float& logit : row) {
    logit = static_cast<float>(static_cast<double>(logit) - shift);
  }
}

double divergence(std::span<const float> expected, std::span<const float> actual) {
  double sum = 0;
  for (std::size_t id = 0; id < expected.size(); ++id) {
    const double p = std::exp(static_cast<double>(expected[id]));
    if (p > 0) {
      sum += p * (static_cast<double>(expected[id]) - static_cast<double>(actual[id]));
    }
  }
  return sum;
}

TokenId likeliest(std::span<const float> row) {
  return static_cast<TokenId>(std::max_element(row.begin(), row.end()) - row.begin());
}

}  // namespace bookwheel
