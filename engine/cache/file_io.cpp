// SPDX-License-Identifier: Apache-2.0
#include "engine/cache/file_io.h"

#include "engine/model/printable.h"

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <system_error>

namespace bookwheel {
namespace {

/// Drops the first `bytes` bytes of the list.
std::span<iovec> advanced(std::span<iovec> pieces, std::size_t bytes) {
  while (!pieces.empty() && bytes >= pieces.front().iov_len) {
    bytes -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (bytes > 0) {
    pieces.front().iov_base = static_cast<std::byte*>(pieces.front().iov_base) + bytes;
    pieces.front().iov_len -= bytes;
  }
  return pieces;
}

std::string at(const std::filesystem::path& path, std::int64_t offset) {
  return "the cache file " + printablePath(path) + " at byte " +
         grouped(static_cast<std::uint64_t>(offset));
}

Error readError(const std::filesystem::path& path, std::int64_t offset, int error) {
  return {ErrorCode::FileIo, "Reading " + at(path, offset) + " failed: " + systemReason(error) +
                                 "; check the disk, then read the document again."};
}

Error cutError(const std::filesystem::path& path, std::int64_t offset) {
  return {ErrorCode::FileIo, "The cache file " + printablePath(path) +
                                 " was cut by another program: it ends before byte " +
                                 grouped(static_cast<std::uint64_t>(offset) + 1) +
                                 "; read the document again."};
}

Error writeError(const std::filesystem::path& path, std::int64_t offset, int error) {
  const bool isFull = error == ENOSPC || error == EDQUOT;
  return {ErrorCode::FileIo, "Writing " + at(path, offset) + " failed: " + systemReason(error) +
                                 (isFull ? "; free disk space, then try again."
                                         : "; check the disk, or choose another folder.")};
}

}  // namespace

std::optional<Error> readPieces(int descriptor, std::int64_t offset, std::span<iovec> pieces,
                                const std::filesystem::path& path) {
  BOOKWHEEL_ASSERT(pieces.size() <= kMostPieces);
  while (!pieces.empty()) {
    // A single row is what decoding reads most, and pread takes a tenth less time for it.
    const ssize_t got =
        pieces.size() == 1
            ? ::pread(descriptor, pieces[0].iov_base, pieces[0].iov_len, offset)
            : ::preadv(descriptor, pieces.data(), static_cast<int>(pieces.size()), offset);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return got < 0 ? readError(path, offset, errno) : cutError(path, offset);
    }
    offset += got;
    pieces = advanced(pieces, static_cast<std::size_t>(got));
  }
  return std::nullopt;
}

std::optional<Error> writePieces(int descriptor, std::int64_t offset, std::span<iovec> pieces,
                                 const std::filesystem::path& path) {
  BOOKWHEEL_ASSERT(pieces.size() <= kMostPieces);
  while (!pieces.empty()) {
    const ssize_t done =
        ::pwritev(descriptor, pieces.data(), static_cast<int>(pieces.size()), offset);
    if (done < 0 && errno == EINTR) {
      continue;
    }
    if (done <= 0) {
      // A file system that writes nothing and names no error has no room.
      return writeError(path, offset, done < 0 ? errno : ENOSPC);
    }
    offset += done;
    pieces = advanced(pieces, static_cast<std::size_t>(done));
  }
  return std::nullopt;
}

std::string printablePath(const std::filesystem::path& path) {
  return printable(path.native(), 4096);
}

std::string systemReason(int error) { return std::generic_category().message(error); }

std::string megabytes(std::int64_t bytes) {
  return grouped(static_cast<std::uint64_t>((bytes + (1 << 20) - 1) >> 20)) + " MB";
}

}  // namespace bookwheel
