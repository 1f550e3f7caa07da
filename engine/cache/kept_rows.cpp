// SPDX-License-Identifier: Apache-2.0
#include "engine/cache/kept_rows.h"

#include "engine/backend/signals_blocked.h"
#include "engine/error.h"
#include "engine/model/digest.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace bookwheel {
namespace {

constexpr std::int64_t kSegmentTokens = CapacityFileLayout::kSegmentTokens;
// Of a file at a time: few calls, and it stays in the processor's cache until it is added up.
constexpr std::int64_t kPieceBytes = 512 << 10;

/// Adds `bytes` bytes of a file from `offset` on.
void add(Digester& digester, const CapacityFile& file, std::int64_t offset, std::int64_t bytes,
         std::vector<std::byte>& piece) {
  for (const std::int64_t end = offset + bytes; offset < end;) {
    const auto part = std::span(piece).first(
        static_cast<std::size_t>(std::min<std::int64_t>(std::ssize(piece), end - offset)));
    if (const std::optional<Error> error = file.readBytes(offset, part)) {
      throw *error;
    }
    digester.add(part);
    offset += std::ssize(part);
  }
}

void add(Digester& digester, const CapacityTier& tier, const KvShape& shape,
         std::int64_t firstToken, std::int64_t count) {
  for (int layer = 0; layer < shape.layers; ++layer) {
    const kernels::KvRows rows = tier.rows(layer);
    for (int head = 0; head < shape.kvHeads; ++head) {
      digester.add(std::as_bytes(
          std::span(rows.data + head * rows.headStride + firstToken * rows.tokenStride,
                    static_cast<std::size_t>(count * rows.tokenStride))));
    }
  }
}

/// One of the threads that go through the segments; whichever is free takes the next.
class Restoring {
 public:
  Restoring(const KeptBook& book, const CapacityFile& file, const CapacityTier* tier,
            const std::stop_token& stop)
      : m_book(book), m_file(file), m_tier(tier), m_stop(stop), m_firstBad(count()) {}

  std::int64_t count() const { return std::ssize(m_book.segments()); }
  std::int64_t firstBad() const { return m_firstBad.load(); }

  template <typename Done>
  void work(Done done) {
    for (;;) {
      const std::int64_t segment = m_next.fetch_add(1);
      if (segment >= m_firstBad.load() || m_stop.stop_requested()) {
        return;
      }
      if (!isWhole(segment)) {
        std::int64_t bad = m_firstBad.load();
        while (segment < bad && !m_firstBad.compare_exchange_weak(bad, segment)) {
        }
      }
      done(static_cast<double>(m_done.fetch_add(1) + 1) / static_cast<double>(count()));
    }
  }

 private:
  bool isWhole(std::int64_t segment) const {
    const KeptBook::Segment expected = m_book.segments()[static_cast<std::size_t>(segment)];
    const std::int64_t first = segment * kSegmentTokens;
    if (first + expected.tokens > m_file.tokens()) {
      return false;  // the file was cut
    }
    try {
      if (m_tier == nullptr) {
        return checksumOfRows(m_file, first, expected.tokens) == expected.rows;
      }
      for (int layer = 0; layer < m_file.shape().layers; ++layer) {
        kernels::KvRows rows = m_tier->rows(layer);
        rows.data += first * rows.tokenStride;
        m_file.readLayer(layer, first, expected.tokens, rows);
      }
      return checksumOfRows(*m_tier, first, expected.tokens) == expected.rows;
    } catch (const Error&) {
      return false;  // what cannot be read is as good as damaged
    }
  }

  const KeptBook& m_book;
  const CapacityFile& m_file;
  const CapacityTier* const m_tier;
  const std::stop_token& m_stop;
  std::atomic<std::int64_t> m_next = 0;
  std::atomic<std::int64_t> m_done = 0;
  std::atomic<std::int64_t> m_firstBad;
};

}  // namespace

std::uint64_t checksumOfRows(const CapacityTier& tier, std::int64_t firstToken,
                             std::int64_t count) {
  Digester digester;
  add(digester, tier, tier.shape(), firstToken, count);
  return digester.shortDigest();
}

std::uint64_t checksumOfRows(const CapacityFile& file, std::int64_t firstToken,
                             std::int64_t count) {
  BOOKWHEEL_ASSERT(firstToken % kSegmentTokens == 0 && count <= kSegmentTokens);
  const CapacityFileLayout& layout = file.layout();
  Digester digester;
  std::vector<std::byte> piece(kPieceBytes);
  if (count == kSegmentTokens) {
    add(digester, file, layout.rowOffset(0, 0, firstToken), layout.segmentBytes(), piece);
    return digester.shortDigest();
  }
  for (int layer = 0; layer < layout.shape.layers; ++layer) {
    for (int head = 0; head < layout.shape.kvHeads; ++head) {
      add(digester, file, layout.rowOffset(layer, head, firstToken), count * layout.rowBytes(),
          piece);
    }
  }
  return digester.shortDigest();
}

RestoredRows restoreRows(const KeptBook& book, CapacityFile& file, const CapacityTier* tier,
                         int threads, const std::function<void(double share)>& progress,
                         const std::stop_token& stop) {
  RestoredRows restored;
  restored.damage = book.damage();
  file.adopt(book.tokens());
  Restoring restoring(book, file, tier, stop);
  {
    std::vector<std::jthread> helpers;
    const std::int64_t most = std::min<std::int64_t>(threads, restoring.count());
    try {
      const SignalsBlocked blocked;
      for (std::int64_t i = 1; i < most; ++i) {
        helpers.emplace_back([&restoring] { restoring.work([](double) {}); });
      }
    } catch (const std::system_error&) {
      // No more threads to be had: fewer do it.
    }
    restoring.work([&](double share) {
      if (progress) {
        progress(share);
      }
    });
  }
  restored.isStopped = stop.stop_requested();
  if (progress && !restored.isStopped) {
    progress(1);  // the last segment may have been another thread's
  }
  restored.tokens = book.tokens();
  if (const std::int64_t bad = restoring.firstBad(); bad < restoring.count()) {
    restored.tokens = bad * kSegmentTokens;
    restored.damage = book.damageOf(bad);
  }
  if (!restored.isStopped) {
    file.adopt(restored.tokens);
  }
  return restored;
}

}  // namespace bookwheel
