// SPDX-License-Identifier: Apache-2.0
// ReadingEstimate: how long reading takes: seconds = a n + b n^2, from readings measured here or a
// guess.
#pragma once

#include "app/library/library.h"
#include "engine/model/shape.h"
#include "engine/run/stats.h"

#include <cstdint>
#include <optional>

namespace bookwheel {

/// a from the size of the weights, b from attention, for a processor that does `kGuessFlops` a
/// core. Only until the first reading on this computer.
Library::ModelSpeed guessSpeed(const ModelShape& shape, int cores);

/// Seconds for tokens `from` to `to` of a sequence.
double readingSeconds(const Library::ModelSpeed& speed, std::int64_t from, std::int64_t to);

/// Learns a and b from the progress of one reading: the first half gives one equation, all of it
/// the other.
class SpeedMeter {
 public:
  void start() { *this = SpeedMeter(); }
  void add(const PrefillStats& stats);
  /// Nothing if less than kLeastTokens were computed.
  std::optional<Library::ModelSpeed> result() const;
  static constexpr std::int64_t kLeastTokens = 256;

 private:
  struct Point {
    double tokens = 0;  // computed, not found in the cache
    double seconds = 0;
  };
  std::int64_t m_from = 0;
  Point m_half;
  Point m_last;
};

}  // namespace bookwheel
