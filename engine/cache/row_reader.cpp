// SPDX-License-Identifier: Apache-2.0
#include "engine/cache/row_reader.h"

#include "engine/backend/signals_blocked.h"
#include "engine/cache/file_io.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace bookwheel {
namespace {

// Rows a thread takes at a time: at most so many, few enough to spread one head's rows over the
// threads, and at least so many that the lock is cheap beside their system calls.
constexpr int kRowsOfReader = 32;
constexpr int kFewestRows = 8;
// The waiting thread takes fewer: when the last row is there it goes on computing.
constexpr int kRowsOfWaiter = 8;
// Rows with less than this between them are read by one call: from the page cache a call for 256
// bytes was measured at 0.76 us and each kB more at 0.11 us, and on a disk it is the same or the
// next page.
constexpr std::int64_t kMergedGapBytes = 4096;

std::int64_t nowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

// ---- ReadGroup ----------------------------------------------------------------------------------

ReadGroup::~ReadGroup() { cancel(); }

void ReadGroup::add(std::span<RowRead> rows, ReadUrgency urgency) {
  if (rows.empty()) {
    return;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].next = i + 1 < rows.size() ? &rows[i + 1] : nullptr;
  }
  add(&rows.front(), &rows.back(), static_cast<int>(rows.size()), urgency);
}

void ReadGroup::add(RowRead* first, RowRead* last, int count, ReadUrgency urgency) {
  for (RowRead* row = first; row != nullptr; row = row->next) {
    row->failed = false;
  }
  bool wakes = false;
  {
    const std::lock_guard lock(m_reader.m_mutex);
    if (isIdleLocked()) {
      m_busySinceNs = nowNs();
      ++m_reader.m_busyGroups;
    }
    (m_first == nullptr ? m_first : m_last->next) = first;
    m_last = last;
    m_unclaimed += count;
    m_reader.enqueue(*this, urgency);
    wakes = m_reader.m_sleepers > 0;
  }
  // One: it wakes the next one if it leaves something to do. So the engine thread pays for a single
  // wake-up, however many readers a slow disk needs.
  if (wakes) {
    m_reader.m_work.notify_one();
  }
}

bool ReadGroup::isIdle() const {
  const std::lock_guard lock(m_reader.m_mutex);
  return isIdleLocked();
}

void ReadGroup::wait() {
  if (const std::optional<Error> error = waitForError()) {
    throw *error;
  }
}

std::optional<Error> ReadGroup::waitForError() {
  std::unique_lock lock(m_reader.m_mutex);
  if (m_first != nullptr) {
    m_reader.enqueue(*this, ReadUrgency::Now);
  }
  while (m_first != nullptr) {
    RowRead* const rows = m_reader.claim(*this, kRowsOfWaiter);
    lock.unlock();
    const std::optional<Error> problem = m_reader.read(rows);
    lock.lock();
    m_reader.finish(*this, problem);
  }
  m_becameIdle.wait(lock, [this] { return isIdleLocked(); });
  std::optional<Error> error;
  error.swap(m_error);
  return error;
}

void ReadGroup::cancel() noexcept {
  std::unique_lock lock(m_reader.m_mutex);
  if (m_first != nullptr) {
    ++m_running;
    m_unclaimed = 0;
    m_reader.dequeue(*this);
    for (RowRead* row = std::exchange(m_first, nullptr); row != nullptr; row = row->next) {
      row->failed = true;
    }
    m_reader.finish(*this, std::nullopt);
  }
  m_becameIdle.wait(lock, [this] { return isIdleLocked(); });
  m_error.reset();
}

std::int64_t ReadGroup::takeBusyNs() {
  const std::lock_guard lock(m_reader.m_mutex);
  return std::exchange(m_busyNs, 0);
}

// ---- RowReader ----------------------------------------------------------------------------------

RowReader::RowReader(int descriptor, const CapacityFileLayout& layout, std::filesystem::path path,
                     int threads)
    : m_layout(layout), m_threadCount(threads), m_descriptor(descriptor), m_path(std::move(path)) {
  BOOKWHEEL_ASSERT(threads >= 1);
  const SignalsBlocked blocked;
  m_threads.reserve(static_cast<std::size_t>(threads));
  try {
    for (int i = 0; i < threads; ++i) {
      m_threads.emplace_back([this] { readLoop(); });
    }
  } catch (...) {
    end();
    throw;
  }
}

RowReader::~RowReader() {
  BOOKWHEEL_ASSERT(m_busyGroups == 0);
  end();
}

void RowReader::end() {
  {
    const std::lock_guard lock(m_mutex);
    m_isEnding = true;
  }
  m_work.notify_all();
}

void RowReader::waitUntilIdle() {
  std::unique_lock lock(m_mutex);
  m_allIdle.wait(lock, [this] { return m_busyGroups == 0; });
}

void RowReader::setFile(int descriptor, std::filesystem::path path) {
  const std::lock_guard lock(m_mutex);
  BOOKWHEEL_ASSERT(m_busyGroups == 0);
  m_descriptor = descriptor;
  m_path = std::move(path);
}

void RowReader::readLoop() {
  std::unique_lock lock(m_mutex);
  for (;;) {
    ++m_sleepers;
    m_work.wait(
        lock, [this] { return m_isEnding || m_now.first != nullptr || m_ahead.first != nullptr; });
    --m_sleepers;
    if (m_isEnding) {
      return;
    }
    ReadGroup& group = m_now.first != nullptr ? *m_now.first : *m_ahead.first;
    RowRead* const rows = claim(group, kRowsOfReader);
    const bool wakes = m_sleepers > 0 && (m_now.first != nullptr || m_ahead.first != nullptr);
    lock.unlock();
    if (wakes) {
      m_work.notify_one();
    }
    const std::optional<Error> problem = read(rows);
    lock.lock();
    finish(group, problem);
  }
}

RowReader::Queue& RowReader::queueOf(const ReadGroup& group) {
  return group.m_urgency == ReadUrgency::Now ? m_now : m_ahead;
}

void RowReader::enqueue(ReadGroup& group, ReadUrgency urgency) {
  if (group.m_isQueued) {
    if (group.m_urgency == urgency || urgency == ReadUrgency::Ahead) {
      return;
    }
    dequeue(group);
  }
  group.m_urgency = urgency;
  group.m_isQueued = true;
  Queue& queue = queueOf(group);
  group.m_previousQueued = queue.last;
  group.m_nextQueued = nullptr;
  (queue.last == nullptr ? queue.first : queue.last->m_nextQueued) = &group;
  queue.last = &group;
}

void RowReader::dequeue(ReadGroup& group) {
  Queue& queue = queueOf(group);
  (group.m_previousQueued == nullptr ? queue.first : group.m_previousQueued->m_nextQueued) =
      group.m_nextQueued;
  (group.m_nextQueued == nullptr ? queue.last : group.m_nextQueued->m_previousQueued) =
      group.m_previousQueued;
  group.m_isQueued = false;
}

RowRead* RowReader::claim(ReadGroup& group, int most) {
  RowRead* const rows = group.m_first;
  RowRead* last = rows;
  const int share = group.m_unclaimed / (threads() + 1);
  int claimed = 1;
  for (; claimed < std::clamp(share, kFewestRows, most) && last->next != nullptr; ++claimed) {
    last = last->next;
  }
  group.m_unclaimed -= claimed;
  group.m_first = std::exchange(last->next, nullptr);
  if (group.m_first == nullptr) {
    dequeue(group);
  }
  ++group.m_running;
  return rows;
}

void RowReader::finish(ReadGroup& group, const std::optional<Error>& error) {
  if (error && !group.m_error) {
    group.m_error.emplace(*error);
  }
  --group.m_running;
  if (group.isIdleLocked()) {
    group.m_busyNs += nowNs() - group.m_busySinceNs;
    // Under the lock: the group may be gone once its waiter has seen that it is idle.
    group.m_becameIdle.notify_all();
    if (--m_busyGroups == 0) {
      m_allIdle.notify_all();
    }
  }
}

std::optional<Error> RowReader::read(RowRead* rows) const {
  std::optional<Error> first;
  std::array<std::byte, kMergedGapBytes> gap;
  std::array<iovec, 2 * kRowsOfReader> pieces;
  const auto pairBytes = static_cast<std::size_t>(m_layout.pairBytes());
  const auto offsetOf = [&](const RowRead& row) {
    return m_layout.rowOffset(row.layer, row.kvHead, row.token);
  };
  const auto setFailed = [&](RowRead& row, std::optional<Error> problem) {
    row.failed = problem.has_value();
    if (problem && !first) {
      first.swap(problem);
    }
  };
  while (rows != nullptr) {
    // As many as lie close together.
    const std::int64_t begin = offsetOf(*rows);
    std::int64_t end = begin;
    std::size_t count = 0;
    RowRead* row = rows;
    for (; row != nullptr; row = row->next) {
      const std::int64_t offset = offsetOf(*row);
      const std::int64_t between = offset - end;
      if (between < 0 || between > kMergedGapBytes) {
        break;
      }
      if (between > 0) {
        pieces[count++] = {gap.data(), static_cast<std::size_t>(between)};
      }
      pieces[count++] = {row->destination, pairBytes};
      end = offset + m_layout.pairBytes();
    }
    std::optional<Error> problem =
        readPieces(m_descriptor, begin, std::span(pieces).first(count), m_path);
    if (problem && rows->next == row) {
      setFailed(*rows, std::move(problem));
    } else if (problem) {
      // Which of them cannot be read?
      for (RowRead* each = rows; each != row; each = each->next) {
        pieces[0] = {each->destination, pairBytes};
        setFailed(*each,
                  readPieces(m_descriptor, offsetOf(*each), std::span(pieces).first(1), m_path));
      }
    }
    rows = row;
  }
  return first;
}

}  // namespace bookwheel
