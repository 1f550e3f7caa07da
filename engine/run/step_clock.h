// SPDX-License-Identifier: Apache-2.0
// StepClock: where the time of one decoding step goes, at two readings of the clock a layer.
#pragma once

#include "engine/run/stats.h"

#include <chrono>

namespace bookwheel {

/// Starts with the forward pass. attending() wraps the attention of each layer; end() is called
/// behind the logits. A step that throws leaves the times of the step before.
class StepClock {
 public:
  explicit StepClock(StepTimes& times) : m_times(times) {}

  template <typename Attend>
  void attending(Attend&& attend) {
    const Clock::time_point start = Clock::now();
    attend();
    m_attending += Clock::now() - start;
  }

  void end() {
    m_times.cacheUs = microseconds(m_attending);
    m_times.weightsUs = microseconds(Clock::now() - m_start - m_attending);
  }

 private:
  using Clock = std::chrono::steady_clock;

  static double microseconds(Clock::duration time) {
    return std::chrono::duration<double, std::micro>(time).count();
  }

  StepTimes& m_times;
  const Clock::time_point m_start = Clock::now();
  Clock::duration m_attending{};
};

}  // namespace bookwheel
