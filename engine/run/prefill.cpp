// SPDX-License-Identifier: Apache-2.0
// Prefill: phase 1, many tokens through the model into the cache, chunk by chunk.
#include "engine/run/prefill.h"

#include "engine/error.h"
#include "engine/run/exact_attention.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

namespace bookwheel {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Tokens per second over the last few chunks.
class RecentRate {
 public:
  void add(std::int64_t tokens, double seconds) {
    Chunk& oldest = m_chunks[m_next];
    m_next = (m_next + 1) % m_chunks.size();
    m_tokens += tokens - oldest.tokens;
    m_seconds += seconds - oldest.seconds;
    oldest = {tokens, seconds};
  }
  double tokensPerSecond() const {
    return m_seconds > 0 ? static_cast<double>(m_tokens) / m_seconds : 0;
  }

 private:
  struct Chunk {
    std::int64_t tokens = 0;
    double seconds = 0;
  };
  std::array<Chunk, 4> m_chunks;
  std::size_t m_next = 0;
  std::int64_t m_tokens = 0;
  double m_seconds = 0;
};

}  // namespace

void throwNumericFault(std::int64_t position, const ModelShape& shape) {
  throw Error(ErrorCode::NumericFault,
              "The model " + (shape.name.empty() ? std::string("file") : "\"" + shape.name + "\"") +
                  " computed a number that is not finite near token " + std::to_string(position) +
                  "; its file is probably damaged: fetch it again or choose another model.");
}

Prefill::Prefill(Backend& backend, Forward& forward, KvStore& cache, const ModelShape& shape,
                 ReadingTime& readingTime, std::function<void()> committed)
    : m_backend(backend),
      m_forward(forward),
      m_cache(cache),
      m_shape(shape),
      m_readingTime(readingTime),
      m_committed(std::move(committed)) {}

std::int64_t Prefill::run(std::span<const TokenId> ids, Logits logits, PrefillStats stats,
                          const std::function<void(const PrefillStats&)>& progress,
                          const std::stop_token& stop) {
  const Clock::time_point start = Clock::now();
  const auto count = static_cast<std::int64_t>(ids.size());
  RecentRate rate;
  std::int64_t done = 0;
  while (done < count) {
    const std::int64_t rows = std::min(m_forward.maxRows(), count - done);
    const std::int64_t first = m_cache.tokens();
    const bool last = done + rows == count;
    const std::int64_t outputs = last && logits == Logits::OfLastToken ? 1 : 0;
    m_cache.reserve(rows);

    const Clock::time_point chunkStart = Clock::now();
    const bool complete =
        m_forward.run(ids.subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(rows)),
                      first, outputs, [&](const LayerRows& layer) {
                        if (stop.stop_requested()) {
                          return false;
                        }
                        attendExactly(m_backend, m_cache, m_shape, layer);
                        return true;
                      });
    const bool fault = m_backend.takeFault();
    if (!complete) {
      break;
    }
    if (fault) {
      throwNumericFault(first, m_shape);
    }
    m_cache.commit(rows);
    done += rows;
    if (m_committed) {
      m_committed();
    }

    const double seconds = secondsSince(chunkStart);
    m_readingTime.add(first, rows, seconds);
    rate.add(rows, seconds);
    if (progress) {
      stats.tokensDone = m_cache.tokens();
      stats.seconds = secondsSince(start);
      stats.tokensPerSecond = rate.tokensPerSecond();
      stats.secondsLeft = m_readingTime.seconds(m_cache.tokens(), stats.tokensTotal);
      stats.capacityBytes = m_cache.bytes();
      progress(stats);
    }
  }
  return done;
}

}  // namespace bookwheel
