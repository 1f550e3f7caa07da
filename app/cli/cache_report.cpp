// SPDX-License-Identifier: Apache-2.0
// What a run of decoding steps did with the pairs of the cache, as figures of the JSON.
#include "app/cli/cache_report.h"

namespace bookwheel {

namespace {

void addTo(PairStats& sum, const PairStats& pairs) {
  sum.wanted += pairs.wanted;
  sum.resident += pairs.resident;
  sum.fetchedBytes += pairs.fetchedBytes;
  sum.hiddenUs += pairs.hiddenUs;
  sum.exposedUs += pairs.exposedUs;
  sum.guesses += pairs.guesses;
  sum.rightGuesses += pairs.rightGuesses;
}

}  // namespace

void PairTotals::add(const StepStats& step) {
  addTo(m_sum, step.pairs);
  m_decodeUs += step.decodeUs;
  ++m_steps;
}

void PairTotals::add(const PairTotals& other) {
  addTo(m_sum, other.m_sum);
  m_decodeUs += other.m_decodeUs;
  m_steps += other.m_steps;
}

Json PairTotals::hitRate() const {
  return m_sum.wanted > 0 ? Json(m_sum.hitRate()) : Json(nullptr);
}

Json PairTotals::speculativeAccuracy() const {
  return m_sum.guesses > 0
             ? Json(static_cast<double>(m_sum.rightGuesses) / static_cast<double>(m_sum.guesses))
             : Json(nullptr);
}

double PairTotals::fetchedBytesPerToken() const {
  return m_steps > 0 ? static_cast<double>(m_sum.fetchedBytes) / static_cast<double>(m_steps) : 0;
}

double PairTotals::exposedFetchShare() const {
  const double fetching = m_sum.hiddenUs + m_sum.exposedUs;
  return fetching > 0 ? m_sum.exposedUs / fetching : 0;
}

double PairTotals::decodeMs() const {
  return m_steps > 0 ? m_decodeUs / 1000 / static_cast<double>(m_steps) : 0;
}

}  // namespace bookwheel
