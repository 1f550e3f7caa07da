// SPDX-License-Identifier: Apache-2.0
#include "engine/cache/capacity_file.h"

#include "engine/cache/file_io.h"
#include "engine/error.h"
#include "engine/model/printable.h"

#include <fcntl.h>
#include <sys/file.h>
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

/// Returns 0 or the error number.
int syncFolder(const std::filesystem::path& folder) {
  const int descriptor = openFile(folder, O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) {
    return errno;
  }
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  // A file system without it has nothing to sync.
  return error == EINVAL ? 0 : error;
}

/// One process at a time. Throws if another one has it.
void lockFile(int descriptor, const std::filesystem::path& path) {
  int result = 0;
  do {
    result = ::flock(descriptor, LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno == EWOULDBLOCK) {
    throw Error(ErrorCode::FileIo, "The cache file " + printablePath(path) +
                                       " is in use by another program; close that first.");
  }
  // Any other error: a file system without locks.
}

void throwIf(std::optional<Error> error) {
  if (error) {
    throw *error;
  }
}

std::span<iovec> one(iovec& piece) { return {&piece, 1}; }

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

CapacityFile::CapacityFile(Descriptor descriptor, std::filesystem::path path, Life life,
                           const KvShape& shape, std::int64_t maxTokens, int readers)
    : m_descriptor(std::move(descriptor)),
      m_path(std::move(path)),
      m_life(life),
      m_layout{shape},
      m_maxTokens(maxTokens),
      m_boot(currentBoot()),
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
  return std::unique_ptr<CapacityFile>(new CapacityFile(
      std::move(descriptor), folder / "(temporary)", Life::Temporary, shape, maxTokens, readers));
}

std::unique_ptr<CapacityFile> CapacityFile::create(const std::filesystem::path& path,
                                                   const KvShape& shape, std::int64_t maxTokens,
                                                   const KvFingerprint& fingerprint, int readers) {
  check(shape, maxTokens, readers);
  Descriptor descriptor(openFile(path, O_RDWR | O_CREAT | O_EXCL));
  if (descriptor.value() < 0) {
    if (const int error = errno; error != EEXIST) {
      throw cannotCreate(folderOf(path), error);
    }
    throw Error(ErrorCode::FileIo, "There is a file " + printablePath(path) +
                                       " already; delete it or choose another name.");
  }
  try {
    lockFile(descriptor.value(), path);
    std::unique_ptr<CapacityFile> file(
        new CapacityFile(std::move(descriptor), path, Life::Kept, shape, maxTokens, readers));
    file->writeHeader(fingerprint);
    return file;
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
}

std::unique_ptr<CapacityFile> CapacityFile::open(const std::filesystem::path& path,
                                                 const KvShape& shape, std::int64_t maxTokens,
                                                 const KvFingerprint& fingerprint, int readers) {
  check(shape, maxTokens, readers);
  // O_NONBLOCK: opening a named pipe must not wait for its other end. It changes nothing for files.
  Descriptor descriptor(openFile(path, O_RDWR | O_NONBLOCK));
  if (descriptor.value() < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) {
      throw Error(ErrorCode::FileMissing,
                  "There is no cache file " + printablePath(path) + "; read the document again.");
    }
    throw Error(error == EACCES || error == EPERM || error == EROFS || error == EISDIR
                    ? ErrorCode::FileMissing
                    : ErrorCode::FileIo,
                "The cache file " + printablePath(path) +
                    " could not be opened: " + systemReason(error) + "; read the document again.");
  }
  struct stat status {};
  if (::fstat(descriptor.value(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::FileMissing,
                printablePath(path) + " is no file; choose another name for the cache file.");
  }
  lockFile(descriptor.value(), path);
  std::unique_ptr<CapacityFile> file(
      new CapacityFile(std::move(descriptor), path, Life::Kept, shape, maxTokens, readers));
  file->readHeader(fingerprint, status.st_size);
  return file;
}

CapacityFile::~CapacityFile() {
  if (m_generation > 0) {  // a kept file whose header is whole
    try {
      sync();
    } catch (const Error&) {
      // The header counts less than there is, and what it counts is whole.
    }
  }
}

void CapacityFile::writeHeader(const KvFingerprint& fingerprint) {
  // Whole pages, so that a record never needs new space.
  std::array<std::byte, CapacityFileLayout::kHeaderBytes> header{};
  const auto identity = encodeIdentity(m_layout.shape, fingerprint);
  std::copy(identity.begin(), identity.end(), header.begin());
  iovec piece{header.data(), header.size()};
  throwIf(writePieces(m_descriptor.value(), 0, one(piece), m_path));
  writeRecord(0, 0);
  // The name as well shall outlast a power cut.
  int error = ::fsync(m_descriptor.value()) == 0 ? 0 : errno;
  if (error == 0) {
    error = syncFolder(folderOf(m_path));
  }
  if (error != 0) {
    throw cannotCreate(folderOf(m_path), error);
  }
}

void CapacityFile::readHeader(const KvFingerprint& fingerprint, std::int64_t fileBytes) {
  const std::string file = "The cache file " + printablePath(m_path);
  if (fileBytes < CapacityFileLayout::kHeaderBytes) {
    throw Error(ErrorCode::FileIo, file + " has " + number(fileBytes) + " bytes and its header " +
                                       number(CapacityFileLayout::kHeaderBytes) +
                                       "; read the document again.");
  }
  std::array<std::byte, kIdentityBytes> identity;
  iovec piece{identity.data(), identity.size()};
  throwIf(readPieces(m_descriptor.value(), 0, one(piece), m_path));
  checkIdentity(identity, m_layout.shape, fingerprint, m_path);

  std::optional<CapacityFileRecord> newest;
  for (const std::uint64_t generation : {0, 1}) {
    std::array<std::byte, kRecordBytes> bytes;
    piece = {bytes.data(), bytes.size()};
    throwIf(readPieces(m_descriptor.value(), recordOffset(generation), one(piece), m_path));
    const std::optional<CapacityFileRecord> record = decodeRecord(bytes);
    if (record && record->generation % 2 == generation &&
        (!newest || record->generation > newest->generation)) {
      newest = record;
    }
  }
  if (!newest) {
    throw Error(ErrorCode::FileIo, file +
                                       " is damaged: neither record of how many tokens it holds "
                                       "fits its checksum; read the document again.");
  }
  // Since another start of the system only synced rows can be relied upon.
  const bool isSameStart = newest->boot == m_boot && m_boot != decltype(m_boot){};
  const std::int64_t tokens = isSameStart ? newest->tokens : newest->syncedTokens;
  if (tokens > m_maxTokens) {
    throw Error(ErrorCode::DoesNotFit, file + " holds " + number(tokens) +
                                           " tokens and the context is " + number(m_maxTokens) +
                                           "; choose a larger context.");
  }
  if (fileBytes < m_layout.fileBytes(tokens)) {
    throw Error(ErrorCode::FileIo, file + " was cut: its " + number(tokens) + " tokens take " +
                                       number(m_layout.fileBytes(tokens)) + " bytes and it has " +
                                       number(fileBytes) + "; read the document again.");
  }
  m_tokens = tokens;
  m_syncedTokens = newest->syncedTokens;
  m_generation = newest->generation;
  // Space behind the tokens may be there or may have holes: reserve() makes sure of it anew.
  m_reservedTokens = m_layout.segments(tokens) * kSegmentTokens;
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
  const std::int64_t tokens = m_tokens + count;
  if (m_life == Life::Kept && count > 0) {
    throwIfSyncFailed();
    if (tokens - m_syncedTokens >= kSegmentTokens) {
      syncDisk();
      writeRecord(tokens, tokens);
      m_syncedTokens = tokens;
    } else {
      writeRecord(tokens, m_syncedTokens);
    }
  }
  m_tokens = tokens;
}

void CapacityFile::truncate(std::int64_t tokens) {
  BOOKWHEEL_ASSERT(tokens >= 0 && tokens <= m_tokens);
  m_reader.waitUntilIdle();
  if (m_life == Life::Kept && (tokens < m_tokens || m_syncError != 0)) {
    const bool mustSync = tokens < m_syncedTokens || m_syncError != 0;
    const std::int64_t syncedTokens = std::min(tokens, m_syncedTokens);
    writeRecord(tokens, syncedTokens);
    if (mustSync) {
      // Before rows that the disk's header still counts are written over.
      syncDisk();
      m_syncedTokens = syncedTokens;
      if (tokens == syncedTokens) {
        m_syncError = 0;
      }
    }
  }
  m_tokens = tokens;
  // One segment stays: the next answer needs it again.
  const std::int64_t kept = (m_layout.segments(tokens) + 1) * kSegmentTokens;
  if (kept < m_reservedTokens && ::ftruncate(m_descriptor.value(), m_layout.fileBytes(kept)) == 0) {
    m_reservedTokens = kept;
  }
}

void CapacityFile::sync() {
  if (m_life == Life::Temporary) {
    return;
  }
  struct stat status {};
  if (::fstat(m_descriptor.value(), &status) == 0 && status.st_nlink == 0) {
    throw Error(ErrorCode::FileIo, "The cache file " + printablePath(m_path) +
                                       " was deleted while it was in use: its " + number(m_tokens) +
                                       " tokens last until the program ends.");
  }
  throwIfSyncFailed();
  if (m_syncedTokens < m_tokens) {
    syncDisk();
    writeRecord(m_tokens, m_tokens);
    syncDisk();  // the record itself
    m_syncedTokens = m_tokens;
  }
}

void CapacityFile::writeRecord(std::int64_t tokens, std::int64_t syncedTokens) {
  auto bytes = encodeRecord({m_generation + 1, tokens, syncedTokens, m_boot});
  iovec piece{bytes.data(), bytes.size()};
  // A record that was half written is written anew: the generation counts only whole ones.
  throwIf(writePieces(m_descriptor.value(), recordOffset(m_generation + 1), one(piece), m_path));
  ++m_generation;
}

void CapacityFile::syncDisk() {
  int result = 0;
  do {
    result = ::fdatasync(m_descriptor.value());
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    m_syncError = errno;
    try {
      // The system may have thrown unsynced rows away: whoever opens the file next is not to count
      // them.
      writeRecord(m_syncedTokens, m_syncedTokens);
    } catch (const Error&) {
      // Nothing can be written any more.
    }
    throwIfSyncFailed();
  }
}

void CapacityFile::throwIfSyncFailed() const {
  if (m_syncError != 0) {
    throw Error(ErrorCode::FileIo,
                "The cache file " + printablePath(m_path) + " could not be written to its disk: " +
                    systemReason(m_syncError) + "; of its " + number(m_tokens) + " tokens " +
                    number(m_syncedTokens) + " are safe. Check the disk, then read on from there.");
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
