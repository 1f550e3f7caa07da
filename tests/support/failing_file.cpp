// SPDX-License-Identifier: Apache-2.0
#include "tests/support/failing_file.h"

#include "engine/error.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace bookwheel {

struct HeldFile::State {
  std::string pathPart;
  FileCall call;
  int waiting = 0;
  int mayPass = 0;
  bool isReleased = false;
  std::condition_variable hasChanged;
};

namespace {

struct Schedule {
  std::string pathPart;
  FileCall call;
  int nth;
  int error;
  FaultLength length;
  int calls = 0;
  int failures = 0;
};

std::mutex theMutex;  // guards theSchedule, theHold and what they point to
Schedule* theSchedule = nullptr;
HeldFile::State* theHold = nullptr;
std::atomic<bool> isArmed = false;  // keeps the usual path free of the mutex

void arm() {
  isArmed.store(theSchedule != nullptr || theHold != nullptr, std::memory_order_release);
}

bool isFile(int descriptor, const std::string& pathPart) {
  std::array<char, 64> link;
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", descriptor);
  std::array<char, 4096> path;
  const ssize_t length = ::readlink(link.data(), path.data(), path.size());
  return length > 0 &&
         std::string_view(path.data(), static_cast<std::size_t>(length)).find(pathPart) !=
             std::string_view::npos;
}

enum class Fate { Pass, Fail, Half };

/// What this call shall do; for Fail, errno is set.
Fate fate(FileCall call, int descriptor) {
  if (!isArmed.load(std::memory_order_acquire)) {
    return Fate::Pass;
  }
  const int before = errno;
  std::unique_lock lock(theMutex);
  if (HeldFile::State* const hold = theHold;
      hold != nullptr && hold->call == call && isFile(descriptor, hold->pathPart)) {
    ++hold->waiting;
    hold->hasChanged.notify_all();
    hold->hasChanged.wait(lock, [&] { return hold->isReleased || hold->mayPass > 0; });
    hold->mayPass -= hold->isReleased ? 0 : 1;
    --hold->waiting;
    hold->hasChanged.notify_all();
  }
  if (theSchedule == nullptr || theSchedule->call != call ||
      !isFile(descriptor, theSchedule->pathPart)) {
    errno = before;
    return Fate::Pass;
  }
  const int number = ++theSchedule->calls;
  const bool hit = theSchedule->length == FaultLength::Once ? number == theSchedule->nth
                                                            : number >= theSchedule->nth;
  errno = before;
  if (!hit) {
    return Fate::Pass;
  }
  ++theSchedule->failures;
  if (theSchedule->error == 0) {
    return Fate::Half;
  }
  errno = theSchedule->error;
  return Fate::Fail;
}

/// The function that would have been called without ours.
template <typename Function>
Function* next(const char* function) {
  void* address = ::dlsym(RTLD_NEXT, function);
  BOOKWHEEL_ASSERT(address != nullptr);
  return reinterpret_cast<Function*>(address);
}

template <typename Transfer>
ssize_t transfer(FileCall call, int descriptor, std::size_t bytes, Transfer whole) {
  switch (fate(call, descriptor)) {
    case Fate::Fail:
      return -1;
    case Fate::Half:
      return whole(std::max<std::size_t>(bytes / 2, std::min<std::size_t>(bytes, 1)));
    case Fate::Pass:
      break;
  }
  return whole(bytes);
}

/// The first `bytes` bytes of a list of pieces.
std::vector<iovec> cut(const iovec* pieces, int count, std::size_t bytes) {
  std::vector<iovec> cut;
  for (int i = 0; i < count && bytes > 0; ++i) {
    cut.push_back({pieces[i].iov_base, std::min(pieces[i].iov_len, bytes)});
    bytes -= cut.back().iov_len;
  }
  return cut;
}

std::size_t totalBytes(const iovec* pieces, int count) {
  std::size_t bytes = 0;
  for (int i = 0; i < count; ++i) {
    bytes += pieces[i].iov_len;
  }
  return bytes;
}

template <typename Call>
int plain(FileCall call, int descriptor, Call whole) {
  return fate(call, descriptor) == Fate::Fail ? -1 : whole();
}

}  // namespace

void flipBit(const std::filesystem::path& path, std::uint64_t byte, int bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(byte));
  const int value = file.get();
  if (!file) {
    throw std::runtime_error("no byte " + std::to_string(byte) + " in " + path.string());
  }
  file.seekp(static_cast<std::streamoff>(byte));
  file.put(static_cast<char>(value ^ (1 << bit)));
}

FailingFile::FailingFile(std::string pathPart, FileCall call, int nth, int error,
                         FaultLength length) {
  const std::lock_guard lock(theMutex);
  BOOKWHEEL_ASSERT(theSchedule == nullptr);
  theSchedule = new Schedule{std::move(pathPart), call, nth, error, length};
  arm();
}

FailingFile::~FailingFile() {
  const std::lock_guard lock(theMutex);
  delete std::exchange(theSchedule, nullptr);
  arm();
}

int FailingFile::calls() const {
  const std::lock_guard lock(theMutex);
  return theSchedule->calls;
}

int FailingFile::failures() const {
  const std::lock_guard lock(theMutex);
  return theSchedule->failures;
}

HeldFile::HeldFile(std::string pathPart, FileCall call)
    : m_state(new State{std::move(pathPart), call, 0, 0, false, {}}) {
  const std::lock_guard lock(theMutex);
  BOOKWHEEL_ASSERT(theHold == nullptr);
  theHold = m_state.get();
  arm();
}

HeldFile::~HeldFile() {
  release();
  std::unique_lock lock(theMutex);
  m_state->hasChanged.wait(lock, [this] { return m_state->waiting == 0; });
  theHold = nullptr;
  arm();
}

void HeldFile::waitUntilHeld(int calls) const {
  std::unique_lock lock(theMutex);
  m_state->hasChanged.wait(lock, [&] { return m_state->waiting - m_state->mayPass >= calls; });
}

void HeldFile::releaseOne() {
  const std::lock_guard lock(theMutex);
  ++m_state->mayPass;
  m_state->hasChanged.notify_all();
}

void HeldFile::release() {
  const std::lock_guard lock(theMutex);
  m_state->isReleased = true;
  m_state->hasChanged.notify_all();
}

}  // namespace bookwheel

// The C library's names. The "64" forms are what code built for large files calls.
using bookwheel::FileCall;

#define BOOKWHEEL_TRANSFER(function, kind, pointer)                                           \
  extern "C" ssize_t function(int descriptor, pointer data, std::size_t bytes) {              \
    static auto* const real = bookwheel::next<ssize_t(int, pointer, std::size_t)>(#function); \
    return bookwheel::transfer(kind, descriptor, bytes,                                       \
                               [&](std::size_t n) { return real(descriptor, data, n); });     \
  }
#define BOOKWHEEL_TRANSFER_AT(function, kind, pointer)                                        \
  extern "C" ssize_t function(int descriptor, pointer data, std::size_t bytes, off_t at) {    \
    static auto* const real =                                                                 \
        bookwheel::next<ssize_t(int, pointer, std::size_t, off_t)>(#function);                \
    return bookwheel::transfer(kind, descriptor, bytes,                                       \
                               [&](std::size_t n) { return real(descriptor, data, n, at); }); \
  }
#define BOOKWHEEL_TRANSFER_PIECES(function, kind)                                                 \
  extern "C" ssize_t function(int descriptor, const iovec* pieces, int count, off_t at) {         \
    static auto* const real = bookwheel::next<ssize_t(int, const iovec*, int, off_t)>(#function); \
    const std::size_t bytes = bookwheel::totalBytes(pieces, count);                               \
    return bookwheel::transfer(kind, descriptor, bytes, [&](std::size_t n) {                      \
      if (n == bytes) {                                                                           \
        return real(descriptor, pieces, count, at);                                               \
      }                                                                                           \
      const std::vector<iovec> part = bookwheel::cut(pieces, count, n);                           \
      return real(descriptor, part.data(), static_cast<int>(part.size()), at);                    \
    });                                                                                           \
  }
#define BOOKWHEEL_SYNC(function)                                                           \
  extern "C" int function(int descriptor) {                                                \
    static auto* const real = bookwheel::next<int(int)>(#function);                        \
    return bookwheel::plain(FileCall::Sync, descriptor, [&] { return real(descriptor); }); \
  }
#define BOOKWHEEL_TRUNCATE(function)                                       \
  extern "C" int function(int descriptor, off_t length) noexcept {         \
    static auto* const real = bookwheel::next<int(int, off_t)>(#function); \
    return bookwheel::plain(FileCall::Allocate, descriptor,                \
                            [&] { return real(descriptor, length); });     \
  }
// posix_fallocate returns the error instead of setting errno.
#define BOOKWHEEL_ALLOCATE(function)                                                \
  extern "C" int function(int descriptor, off_t offset, off_t length) {             \
    static auto* const real = bookwheel::next<int(int, off_t, off_t)>(#function);   \
    return bookwheel::fate(FileCall::Allocate, descriptor) == bookwheel::Fate::Fail \
               ? errno                                                              \
               : real(descriptor, offset, length);                                  \
  }

BOOKWHEEL_TRANSFER(read, FileCall::Read, void*)
BOOKWHEEL_TRANSFER(write, FileCall::Write, const void*)
BOOKWHEEL_TRANSFER_AT(pread, FileCall::Read, void*)
BOOKWHEEL_TRANSFER_AT(pread64, FileCall::Read, void*)
BOOKWHEEL_TRANSFER_AT(pwrite, FileCall::Write, const void*)
BOOKWHEEL_TRANSFER_AT(pwrite64, FileCall::Write, const void*)
BOOKWHEEL_TRANSFER_PIECES(preadv, FileCall::Read)
BOOKWHEEL_TRANSFER_PIECES(preadv64, FileCall::Read)
BOOKWHEEL_TRANSFER_PIECES(pwritev, FileCall::Write)
BOOKWHEEL_TRANSFER_PIECES(pwritev64, FileCall::Write)
BOOKWHEEL_SYNC(fsync)
BOOKWHEEL_SYNC(fdatasync)
BOOKWHEEL_TRUNCATE(ftruncate)
BOOKWHEEL_TRUNCATE(ftruncate64)
BOOKWHEEL_ALLOCATE(posix_fallocate)
BOOKWHEEL_ALLOCATE(posix_fallocate64)
