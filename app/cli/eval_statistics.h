// SPDX-License-Identifier: Apache-2.0
// Means, quantiles and confidence intervals of what an evaluation measured.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bookwheel {

double mean(std::span<const double> values);  // 0 for none

/// The value at rank share * (n - 1), rounded to the nearest rank; 0 for none. 0 <= share <= 1.
double quantile(std::vector<double> values, double share);

struct Interval {
  double low;
  double high;
};

/// 95 % confidence interval of the mean of numbers that come one after another in a text, so that
/// neighbours are alike: the percentiles of the means of 2,000 samples made of blocks of
/// `blockLength` consecutive numbers (circular block bootstrap, Politis and Romano 1992). The same
/// seed, the same interval on every machine. One value or none: the mean twice.
Interval meanInterval(std::span<const double> values, int blockLength, std::uint64_t seed);

/// 95 % interval of a share `right` of `count` independent trials (Wilson 1927); 0 and 1 for none.
Interval shareInterval(double right, std::int64_t count);

}  // namespace bookwheel
