// SPDX-License-Identifier: Apache-2.0
// Means, quantiles and confidence intervals of what an evaluation measured.
#include "app/cli/eval_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace bookwheel {

namespace {

constexpr int kSamples = 2000;
constexpr double kLowShare = 0.025;
constexpr double kHighShare = 0.975;
constexpr double kNormalQuantile = 1.959964;  // of 0.975

}  // namespace

double mean(std::span<const double> values) {
  return values.empty() ? 0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) {
    return 0;
  }
  const auto rank =
      static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

Interval meanInterval(std::span<const double> values, int blockLength, std::uint64_t seed) {
  if (values.size() < 2) {
    return {mean(values), mean(values)};
  }
  const std::size_t count = values.size();
  const std::size_t length =
      std::clamp<std::size_t>(static_cast<std::size_t>(blockLength), 1, count);
  // std::uniform_int_distribution differs from library to library, the generator itself does not.
  std::mt19937_64 random(seed);
  std::vector<double> means;
  means.reserve(kSamples);
  for (int sample = 0; sample < kSamples; ++sample) {
    double sum = 0;
    for (std::size_t taken = 0; taken < count;) {
      const std::size_t begin = static_cast<std::size_t>(random() % count);
      for (std::size_t i = 0; i < length && taken < count; ++i, ++taken) {
        sum += values[(begin + i) % count];
      }
    }
    means.push_back(sum / static_cast<double>(count));
  }
  return {quantile(means, kLowShare), quantile(means, kHighShare)};
}

Interval shareInterval(double right, std::int64_t count) {
  if (count == 0) {
    return {0, 1};
  }
  const auto n = static_cast<double>(count);
  const double share = right / n;
  const double z2 = kNormalQuantile * kNormalQuantile;
  const double middle = (share + z2 / (2 * n)) / (1 + z2 / n);
  const double half =
      kNormalQuantile / (1 + z2 / n) * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace bookwheel
