// SPDX-License-Identifier: Apache-2.0
// RowReader: single rows of a capacity file, read by threads of its own while the engine computes.
#pragma once

#include "engine/cache/capacity_file_layout.h"
#include "engine/error.h"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace bookwheel {

/// One row that is to be read. The caller owns it; from ReadGroup::add until the group is idle it
/// and its destination belong to the reader.
struct RowRead {
  std::int32_t layer = 0;
  std::int32_t kvHead = 0;
  std::int64_t token = 0;
  std::uint16_t* destination = nullptr;  // (2 d) f16: K, then V
  bool failed = false;                   // set by the reader: destination holds garbage
  RowRead* next = nullptr;               // in the list that is handed over; null at its end
};

enum class ReadUrgency {
  Now,    ///< somebody is about to wait for it
  Ahead,  ///< a guess: read when nothing urgent is left
};

class RowReader;

/// Reads that are waited for together, for example those of one layer. Engine thread only. The
/// reader must outlive it; the destructor cancels.
class ReadGroup {
 public:
  explicit ReadGroup(RowReader& reader) : m_reader(reader) {}
  ~ReadGroup();
  ReadGroup(const ReadGroup&) = delete;
  ReadGroup& operator=(const ReadGroup&) = delete;

  /// Hands all `rows` to the reader's threads at once, and returns. May be called again while
  /// earlier rows are on their way; Now makes the whole group urgent. Allocates nothing. Rows that
  /// follow each other in the file are best given in that order: they are read together.
  void add(std::span<RowRead> rows, ReadUrgency urgency);
  /// The same for `count` rows that the caller has linked by `next`, from `first` to `last`.
  void add(RowRead* first, RowRead* last, int count, ReadUrgency urgency);
  /// Nothing is on its way; every destination is filled or its row says `failed`.
  bool isIdle() const;
  /// Returns when the group is idle; the calling thread reads rows of this group meanwhile. Every
  /// row has been tried; if any failed, the first error is thrown. The group may be used again.
  void wait();
  /// The same, with the first error as a value.
  std::optional<Error> waitForError();
  /// Rows that nobody reads yet are not read and count as failed; returns when the group is idle.
  /// Forgets errors.
  void cancel() noexcept;

  /// Time during which at least one row was on its way, since the last call, in nanoseconds.
  std::int64_t takeBusyNs();

 private:
  friend class RowReader;

  bool isIdleLocked() const { return m_first == nullptr && m_running == 0; }

  RowReader& m_reader;
  // All guarded by RowReader::m_mutex.
  RowRead* m_first = nullptr;  // rows nobody reads yet, in order
  RowRead* m_last = nullptr;
  int m_unclaimed = 0;  // how many these are
  int m_running = 0;    // threads that read rows of this group
  bool m_isQueued = false;
  ReadUrgency m_urgency = ReadUrgency::Ahead;
  ReadGroup* m_previousQueued = nullptr;
  ReadGroup* m_nextQueued = nullptr;
  std::optional<Error> m_error;
  std::int64_t m_busySinceNs = 0;
  std::int64_t m_busyNs = 0;
  std::condition_variable m_becameIdle;
};

/// Threads that read rows with preadv: the decode path never touches a mapping, so a slow, cut or
/// vanished file is a wait or an Error and never a page fault or SIGBUS. Urgent groups go first,
/// in the order in which they came; a group's rows are read in the order of add().
class RowReader {
 public:
  /// Does not own the descriptor; it must stay open. threads: at least 1. `path` is for messages.
  RowReader(int descriptor, const CapacityFileLayout& layout, std::filesystem::path path,
            int threads);
  /// Ends when the reads at work have ended; no group may be alive.
  ~RowReader();
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  /// Returns when no row of any group is on its way.
  void waitUntilIdle();
  /// Rows are read from another file from now on. No row is on its way.
  void setFile(int descriptor, std::filesystem::path path);
  int threads() const { return m_threadCount; }

 private:
  friend class ReadGroup;

  /// Groups with rows nobody reads yet.
  struct Queue {
    ReadGroup* first = nullptr;
    ReadGroup* last = nullptr;
  };

  void readLoop();
  void end();
  // With m_mutex held:
  Queue& queueOf(const ReadGroup& group);
  void enqueue(ReadGroup& group, ReadUrgency urgency);
  void dequeue(ReadGroup& group);
  /// Takes at most `most` rows off the group, an even share of what is left; the caller reads them
  /// and calls finish.
  RowRead* claim(ReadGroup& group, int most);
  void finish(ReadGroup& group, const std::optional<Error>& error);
  // Without:
  /// Reads a list of rows; marks those that failed and returns the first error.
  std::optional<Error> read(RowRead* rows) const;

  // Constant after construction.
  const CapacityFileLayout m_layout;
  const int m_threadCount;

  // Changed while no row is on its way, with m_mutex held.
  int m_descriptor;
  std::filesystem::path m_path;

  std::mutex m_mutex;
  std::condition_variable m_work;  // a queue has become non-empty, or the end has come
  std::condition_variable m_allIdle;
  Queue m_now;
  Queue m_ahead;
  int m_sleepers = 0;    // readers waiting for work
  int m_busyGroups = 0;  // groups that are not idle
  bool m_isEnding = false;

  std::vector<std::jthread> m_threads;  // last: they end before what they use
};

}  // namespace bookwheel
