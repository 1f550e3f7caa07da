// SPDX-License-Identifier: Apache-2.0
// What a run of decoding steps did with the pairs of the cache, as figures of the JSON.
#pragma once

#include "app/cli/command.h"
#include "engine/run/stats.h"

#include <cstdint>

namespace bookwheel {

/// Sums over steps; what was never counted is null in the JSON, not 0.
class PairTotals {
 public:
  void add(const StepStats& step);
  void add(const PairTotals& other);

  Json hitRate() const;              // of the wanted pairs, those already fetched
  Json speculativeAccuracy() const;  // of the speculative tokens, those that came
  double fetchedBytesPerToken() const;
  double exposedFetchShare() const;  // of the fetch time, what computing did not hide
  double decodeMs() const;           // mean of a step

 private:
  PairStats m_sum;
  double m_decodeUs = 0;
  std::int64_t m_steps = 0;
};

}  // namespace bookwheel
