// SPDX-License-Identifier: Apache-2.0
#include "engine/cache/capacity_file.h"

#include "engine/cache/file_io.h"
#include "engine/error.h"
#include "engine/model/printable.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

namespace bookwheel {
namespace {

constexpr int kMostReaders = 64;
/// More tokens than any context; keeps every offset far below 2^63.
constexpr std::int64_t kMostFileTokens = std::int64_t{1} << 32;
// What a model file may say (engine/model/shape.h checks it); keeps offsets far below 2^63.
constexpr int kMostLayers = 1024;
constexpr int kMostHeads = 1024;
constexpr int kMostHeadDim = 1024;

std::string number(std::int64_t value) { return grouped(static_cast<std::uint64_t>(value)); }

void check(const KvShape& shape, std::int64_t maxTokens, int readers) {
  if (shape.layers < 1 || shape.layers > kMostLayers || shape.kvHeads < 1 ||
      shape.kvHeads > kMostHeads || shape.headDim < 1 || shape.headDim > kMostHeadDim ||
      maxTokens < 1 || maxTokens > kMostFileTokens) {
    throw Error(ErrorCode::InvalidRequest,
                "A cache file cannot hold " + std::to_string(maxTokens) + " tokens of " +
                    std::to_string(shape.layers) + " layers of " + std::to_string(shape.kvHeads) +
                    " KV heads of " + std::to_string(shape.headDim) + " numbers; it holds up to " +
                    number(kMostFileTokens) + " tokens of 1,024 of each.");
  }
  if (readers < 1 || readers > kMostReaders) {
    throw Error(ErrorCode::InvalidRequest, "The number of reading threads must be between 1 and " +
                                               std::to_string(kMostReaders) + ", not " +
                                               std::to_string(readers) + ".");
  }
}

/// open() that signals do not interrupt.
int openFile(const std::filesystem::path& path, int flags) {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, S_IRUSR | S_IWUSR);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

/// For a file that could not be made in `folder`.
Error cannotCreate(const std::filesystem::path& folder, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return {ErrorCode::FileMissing, "There is no folder " + printablePath(folder) +
                                        " for the cache file; choose another one."};
  }
  const bool isForbidden = error == EACCES || error == EPERM || error == EROFS;
  return {isForbidden ? ErrorCode::FileMissing : ErrorCode::FileIo,
          "A cache file could not be made in the folder " + printablePath(folder) + ": " +
              systemReason(error) +
              (error == ENOSPC || error == EDQUOT ? "; free disk space, then try again."
                                                  : "; choose another folder.")};
}

/// A file nobody else can open. Returns -1 with errno.
int openNameless(const std::filesystem::path& folder) {
  const int descriptor = openFile(folder, O_TMPFILE | O_RDWR);
  if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) {
    return descriptor;
  }
  // Not every file system has such files: make one with a name and take the name away.
  std::string name = (folder / ".bookwheel-XXXXXX").native();
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) {
    ::unlink(name.c_str());
  }
  return named;
}

std::filesystem::path folderOf(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

void throwIf(std::optional<Error> error) {
  if (error) {
    throw *error;
  }
}

std::string freeSpace(int descriptor) {
  struct statvfs status {};
  if (::fstatvfs(descriptor, &status) != 0) {
    return "too little";
  }
  return megabytes(static_cast<std::int64_t>(status.f_bavail) *
                   static_cast<std::int64_t>(status.f_frsize));
}

}  // namespace

// ---- Opening ------------------------------------------------------------------------------------

CapacityFile::Descriptor::Descriptor(Descriptor&& other) noexcept
    : m_value(std::exchange(other.m_value, -1)) {}

CapacityFile::Descriptor::~Descriptor() {
  if (m_value >= 0) {
    ::close(m_value);
  }
}

CapacityFile::CapacityFile(Descriptor descriptor, std::filesystem::path path, const KvShape& shape,
                           std::int64_t maxTokens, int readers)
    : m_layout{shape},
      m_maxTokens(maxTokens),
      m_descriptor(std::move(descriptor)),
      m_path(std::move(path)),
      m_reader(m_descriptor.value(), m_layout, m_path, readers) {
  // Single rows are read here and there: reading ahead of them would be wasted. readLayer's large
  // reads name their range in full, and willNeed asks for the next one.
  ::posix_fadvise(m_descriptor.value(), 0, 0, POSIX_FADV_RANDOM);
}

std::unique_ptr<CapacityFile> CapacityFile::temporary(const std::filesystem::path& folder,
                                                      const KvShape& shape, std::int64_t maxTokens,
                                                      int readers) {
  check(shape, maxTokens, readers);
  Descriptor descriptor(openNameless(folder));
  if (descriptor.value() < 0) {
    throw cannotCreate(folder, errno);
  }
  return std::unique_ptr<CapacityFile>(
      new CapacityFile(std::move(descriptor), folder / "(temporary)", shape, maxTokens, readers));
}

std::unique_ptr<CapacityFile> CapacityFile::named(const std::filesystem::path& path,
                                                  const KvShape& shape, std::int64_t maxTokens,
                                                  int readers) {
  check(shape, maxTokens, readers);
  // O_NONBLOCK: opening a named pipe must not wait for its other end. It changes nothing for files.
  Descriptor descriptor(openFile(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK));
  if (descriptor.value() < 0) {
    throw cannotCreate(folderOf(path), errno);
  }
  struct stat status {};
  if (::fstat(descriptor.value(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::FileIo,
                printablePath(path) + " is no file; choose another folder for the cache.");
  }
  return std::unique_ptr<CapacityFile>(
      new CapacityFile(std::move(descriptor), path, shape, maxTokens, readers));
}

CapacityFile::~CapacityFile() = default;

std::int64_t CapacityFile::adopt(std::int64_t tokens) {
  BOOKWHEEL_ASSERT(tokens >= 0 && tokens <= m_maxTokens);
  m_reader.waitUntilIdle();
  struct stat status {};
  const bool isKnown = ::fstat(m_descriptor.value(), &status) == 0;
  const std::int64_t segments = isKnown ? status.st_size / m_layout.segmentBytes() : 0;
  m_tokens = std::min(tokens, segments * kSegmentTokens);
  m_reservedTokens = m_layout.segments(m_tokens) * kSegmentTokens;
  // What is behind is of nobody; that it cannot be given back harms nobody either: reserve() makes
  // sure of the space it needs.
  [[maybe_unused]] const int ignored =
      ::ftruncate(m_descriptor.value(), m_layout.fileBytes(m_reservedTokens));
  return m_tokens;
}

void CapacityFile::swapFile(CapacityFile& other) {
  const auto same = [](const KvShape& a, const KvShape& b) {
    return a.layers == b.layers && a.kvHeads == b.kvHeads && a.headDim == b.headDim;
  };
  BOOKWHEEL_ASSERT(same(shape(), other.shape()) && m_maxTokens == other.m_maxTokens);
  m_reader.waitUntilIdle();
  other.m_reader.waitUntilIdle();
  m_descriptor.swap(other.m_descriptor);
  std::swap(m_path, other.m_path);
  std::swap(m_tokens, other.m_tokens);
  std::swap(m_reservedTokens, other.m_reservedTokens);
  std::swap(m_protectedTokens, other.m_protectedTokens);
  m_reader.setFile(m_descriptor.value(), m_path);
  other.m_reader.setFile(other.m_descriptor.value(), other.m_path);
}

int CapacityFile::sync() const noexcept {
  int result = 0;
  do {
    result = ::fdatasync(m_descriptor.value());
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

// ---- Growing ------------------------------------------------------------------------------------

void CapacityFile::reserve(std::int64_t count) {
  BOOKWHEEL_ASSERT(count >= 0 && m_tokens + count <= m_maxTokens);
  while (m_reservedTokens < m_tokens + count) {
    const std::int64_t begin = m_layout.fileBytes(m_reservedTokens);
    int error = 0;
    do {
      error = ::posix_fallocate(m_descriptor.value(), begin, m_layout.segmentBytes());
    } while (error == EINTR);
    if (error != 0) {
      // What was had of the segment is of no use and may be what others miss.
      [[maybe_unused]] const int ignored = ::ftruncate(m_descriptor.value(), begin);
      const std::string needs = "The cache of " + number(m_tokens) + " tokens in " +
                                printablePath(m_path) + " needs " +
                                megabytes(m_layout.fileBytes(m_tokens + count) - begin) +
                                " more of disk space for " + number(count) + " further tokens";
      if (error == ENOSPC) {
        throw Error(ErrorCode::FileIo, needs + ", and " + freeSpace(m_descriptor.value()) +
                                           " are free; free disk space or choose another folder.");
      }
      throw Error(ErrorCode::FileIo,
                  needs + ", which the system does not give: " + systemReason(error) +
                      (error == EDQUOT ? "; free space in your quota or choose another folder."
                                       : "; check the disk or choose another folder."));
    }
    m_reservedTokens += kSegmentTokens;
  }
}

void CapacityFile::write(int layer, std::int64_t firstToken, const kernels::KvRows& source,
                         std::int64_t count) {
  BOOKWHEEL_ASSERT(layer >= 0 && layer < m_layout.shape.layers && count >= 0);
  BOOKWHEEL_ASSERT(firstToken >= m_tokens && firstToken + count <= m_reservedTokens);
  BOOKWHEEL_ASSERT(source.kvHeads == m_layout.shape.kvHeads &&
                   source.headDim == m_layout.shape.headDim);
  for (int head = 0; head < m_layout.shape.kvHeads; ++head) {
    forEachTransfer(layer, head, firstToken, count, source,
                    [&](std::int64_t offset, std::span<iovec> pieces) {
                      throwIf(writePieces(m_descriptor.value(), offset, pieces, m_path));
                    });
  }
}

void CapacityFile::commit(std::int64_t count) {
  BOOKWHEEL_ASSERT(count >= 0 && m_tokens + count <= m_reservedTokens);
  m_tokens += count;
}

void CapacityFile::truncate(std::int64_t tokens) {
  BOOKWHEEL_ASSERT(tokens >= 0 && tokens <= m_tokens);
  m_reader.waitUntilIdle();
  m_tokens = tokens;
  // One segment stays: the next answer needs it again.
  const std::int64_t kept =
      std::max(m_layout.segments(tokens) + 1, m_layout.segments(m_protectedTokens)) *
      kSegmentTokens;
  if (kept < m_reservedTokens && ::ftruncate(m_descriptor.value(), m_layout.fileBytes(kept)) == 0) {
    m_reservedTokens = kept;
  }
}

// ---- Reading ------------------------------------------------------------------------------------

template <typename Transfer>
void CapacityFile::forEachTransfer(int layer, int kvHead, std::int64_t firstToken,
                                   std::int64_t count, const kernels::KvRows& memory,
                                   Transfer transfer) const {
  // What follows each row in the file and is of no interest; written as zeros.
  std::array<std::byte, CapacityFileLayout::kRowAlignment> padding{};
  std::array<iovec, kMostPieces> pieces;
  const auto pairBytes = static_cast<std::size_t>(m_layout.pairBytes());
  const auto paddingBytes = static_cast<std::size_t>(m_layout.rowBytes() - m_layout.pairBytes());
  const bool isDense = paddingBytes == 0 && memory.tokenStride == 2 * m_layout.shape.headDim;
  std::uint16_t* const head = memory.data + kvHead * memory.headStride;

  for (std::int64_t done = 0; done < count;) {
    const std::int64_t token = firstToken + done;
    std::int64_t rows = std::min(count - done, kSegmentTokens - token % kSegmentTokens);
    std::uint16_t* const first = head + done * memory.tokenStride;
    std::size_t used = 0;
    if (isDense) {
      pieces[used++] = {first, pairBytes * static_cast<std::size_t>(rows)};
    } else {
      rows = std::min<std::int64_t>(rows, kMostPieces / 2);
      for (std::int64_t row = 0; row < rows; ++row) {
        pieces[used++] = {first + row * memory.tokenStride, pairBytes};
        if (paddingBytes > 0) {
          pieces[used++] = {padding.data(), paddingBytes};
        }
      }
    }
    transfer(m_layout.rowOffset(layer, kvHead, token), std::span(pieces).first(used));
    done += rows;
  }
}

void CapacityFile::readRange(int layer, int kvHead, std::int64_t firstToken, std::int64_t count,
                             const kernels::KvRows& destination) const {
  BOOKWHEEL_ASSERT(layer >= 0 && layer < m_layout.shape.layers);
  BOOKWHEEL_ASSERT(kvHead >= 0 && kvHead < m_layout.shape.kvHeads);
  BOOKWHEEL_ASSERT(firstToken >= 0 && count >= 0 && firstToken + count <= m_tokens);
  BOOKWHEEL_ASSERT(destination.headDim == m_layout.shape.headDim);
  forEachTransfer(layer, kvHead, firstToken, count, destination,
                  [&](std::int64_t offset, std::span<iovec> pieces) {
                    throwIf(readPieces(m_descriptor.value(), offset, pieces, m_path));
                  });
}

void CapacityFile::readLayer(int layer, std::int64_t firstToken, std::int64_t count,
                             const kernels::KvRows& destination) const {
  for (int head = 0; head < m_layout.shape.kvHeads; ++head) {
    readRange(layer, head, firstToken, count, destination);
  }
}

std::optional<Error> CapacityFile::readBytes(std::int64_t offset,
                                             std::span<std::byte> bytes) const {
  iovec piece{bytes.data(), bytes.size()};
  return readPieces(m_descriptor.value(), offset, {&piece, 1}, m_path);
}

void CapacityFile::willNeed(int layer, std::int64_t firstToken, std::int64_t count) const noexcept {
  for (int head = 0; head < m_layout.shape.kvHeads; ++head) {
    for (std::int64_t token = firstToken; token < firstToken + count;) {
      const std::int64_t rows =
          std::min(firstToken + count - token, kSegmentTokens - token % kSegmentTokens);
      ::posix_fadvise(m_descriptor.value(), m_layout.rowOffset(layer, head, token),
                      rows * m_layout.rowBytes(), POSIX_FADV_WILLNEED);
      token += rows;
    }
  }
}

std::int64_t CapacityFile::fileBytesFor(const KvShape& shape, std::int64_t tokens) {
  return CapacityFileLayout{shape}.fileBytes(tokens);
}

}  // namespace bookwheel
