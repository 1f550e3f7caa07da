// SPDX-License-Identifier: Apache-2.0
// Files that fail on cue: damaged on disk, or by system calls that fail while a test runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace bookwheel {

/// Turns one bit of a file round. Throws std::runtime_error if there is no such byte.
void flipBit(const std::filesystem::path& path, std::uint64_t byte, int bit);

enum class FileCall {
  Read,      ///< read, pread, preadv
  Write,     ///< write, pwrite, pwritev
  Sync,      ///< fsync, fdatasync
  Allocate,  ///< posix_fallocate, ftruncate
};

enum class FaultLength { Once, FromThenOn };

/// While it lives, the `nth` call (from 1) of a kind on a file whose path contains `pathPart` fails
/// with `error` (EIO, ENOSPC, EINTR, ...); with error 0 a read or write does only half of the bytes
/// (at least one). Works by taking the place of the C library's functions in the test's own
/// program, so the code under test stays as it is; the functions of an uninstrumented library
/// (SQLite) are reached as well. One at a time in a process (asserted); any thread's calls count.
class FailingFile {
 public:
  FailingFile(std::string pathPart, FileCall call, int nth, int error,
              FaultLength length = FaultLength::Once);
  FailingFile(const FailingFile&) = delete;
  FailingFile& operator=(const FailingFile&) = delete;
  ~FailingFile();

  /// Calls of the kind on such files so far, and how many of them were made to fail.
  int calls() const;
  int failures() const;
};

/// A device that does not answer until it is told to: while it lives and until release(), calls of
/// the kind on such files wait, in whatever thread they are made. One at a time in a process
/// (asserted). What a FailingFile does to a call is done when the call goes on.
class HeldFile {
 public:
  HeldFile(std::string pathPart, FileCall call);
  HeldFile(const HeldFile&) = delete;
  HeldFile& operator=(const HeldFile&) = delete;
  ~HeldFile();  ///< releases, and returns when no call waits any more

  /// Returns when at least so many calls are waiting.
  void waitUntilHeld(int calls) const;
  /// Lets one waiting or later call pass.
  void releaseOne();
  /// Lets waiting and later calls pass.
  void release();

  struct State;  // for the functions that stand in for the C library's

 private:
  std::unique_ptr<State> m_state;
};

}  // namespace bookwheel
