// SPDX-License-Identifier: Apache-2.0
#include "tests/support/failing_file.h"

#include "engine/error.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace bookwheel {
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

std::mutex theMutex;  // guards theSchedule
Schedule* theSchedule = nullptr;
std::atomic<bool> isArmed = false;  // keeps the usual path free of the mutex

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
  const std::lock_guard lock(theMutex);
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
  isArmed.store(true, std::memory_order_release);
}

FailingFile::~FailingFile() {
  const std::lock_guard lock(theMutex);
  isArmed.store(false, std::memory_order_release);
  delete std::exchange(theSchedule, nullptr);
}

int FailingFile::calls() const {
  const std::lock_guard lock(theMutex);
  return theSchedule->calls;
}

int FailingFile::failures() const {
  const std::lock_guard lock(theMutex);
  return theSchedule->failures;
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
BOOKWHEEL_SYNC(fsync)
BOOKWHEEL_SYNC(fdatasync)
BOOKWHEEL_TRUNCATE(ftruncate)
BOOKWHEEL_TRUNCATE(ftruncate64)
BOOKWHEEL_ALLOCATE(posix_fallocate)
BOOKWHEEL_ALLOCATE(posix_fallocate64)
