// SPDX-License-Identifier: Apache-2.0
// ReadingEstimate: how long reading takes: seconds = a n + b n^2, from readings measured here or a
// guess.
#include "app/chat/reading_estimate.h"

#include <algorithm>

namespace bookwheel {
namespace {

/// Multiply-adds count two. Between what small and larger quantized models reach on one core with
/// AVX2.
constexpr double kGuessFlops = 40e9;

}  // namespace

Library::ModelSpeed guessSpeed(const ModelShape& shape, int cores) {
  const double layers = shape.layers;
  const double embedding = shape.embedding;
  const double heads = static_cast<double>(shape.heads) * shape.headDim;
  const double kvHeads = static_cast<double>(shape.kvHeads) * shape.headDim;
  // q and output, k and v, and the three matrices of the feed-forward part.
  const double weights = layers * (2 * embedding * heads + 2 * embedding * kvHeads +
                                   3 * embedding * shape.feedForward);
  const double flops = kGuessFlops * std::max(cores, 1);
  Library::ModelSpeed speed;
  speed.perToken = 2 * weights / flops;
  // Scores and values of n^2 / 2 pairs: 4 operations for each head element.
  speed.perTokenSquared = layers * 2 * heads / flops;
  return speed;
}

double readingSeconds(const Library::ModelSpeed& speed, std::int64_t from, std::int64_t to) {
  const auto n0 = static_cast<double>(from);
  const auto n1 = static_cast<double>(to);
  return std::max(0.0, speed.perToken * (n1 - n0) + speed.perTokenSquared * (n1 * n1 - n0 * n0));
}

void SpeedMeter::add(const PrefillStats& stats) {
  m_from = stats.tokensFromCache;
  m_last = {static_cast<double>(stats.tokensDone - stats.tokensFromCache), stats.seconds};
  if (m_last.tokens * 2 <= static_cast<double>(stats.tokensTotal - stats.tokensFromCache)) {
    m_half = m_last;
  }
}

std::optional<Library::ModelSpeed> SpeedMeter::result() const {
  // A reading that went on from the cache starts deep in the sequence: its a and b cannot be told
  // apart.
  if (m_from != 0 || m_last.tokens < kLeastTokens || m_last.seconds <= 0) {
    return std::nullopt;
  }
  Library::ModelSpeed speed;
  const double rate = m_last.seconds / m_last.tokens;
  if (m_half.tokens > 0 && m_half.tokens < m_last.tokens) {
    const double halfRate = m_half.seconds / m_half.tokens;
    speed.perTokenSquared = std::max(0.0, (rate - halfRate) / (m_last.tokens - m_half.tokens));
  }
  speed.perToken = rate - speed.perTokenSquared * m_last.tokens;
  if (speed.perToken <= 0) {
    speed = {rate, 0, 0};
  }
  return speed;
}

}  // namespace bookwheel
