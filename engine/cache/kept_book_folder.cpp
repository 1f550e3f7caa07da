// SPDX-License-Identifier: Apache-2.0
// The folder of a kept book from outside: what it holds, what it takes, how it goes.
#include "engine/cache/file_io.h"
#include "engine/cache/kept_book.h"
#include "engine/cache/kept_book_files.h"
#include "engine/error.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace bookwheel {
namespace {

class Closing {
 public:
  explicit Closing(int descriptor) : m_descriptor(descriptor) {}
  ~Closing() {
    if (m_descriptor >= 0) {
      ::close(m_descriptor);
    }
  }
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;

 private:
  const int m_descriptor;
};

Error cannotUse(const std::filesystem::path& folder, int error) {
  return {ErrorCode::FileIo, "What is kept of this book in " + printablePath(folder) +
                                 " cannot be used: " + systemReason(error) +
                                 (error == ENOSPC || error == EDQUOT
                                      ? "; free disk space, then open the book again."
                                      : "; check the folder, then open the book again.")};
}

/// Whether a page could be read.
bool readPage(int descriptor, std::int64_t offset, IndexPage& page,
              const std::filesystem::path& path) {
  iovec piece{page.data(), page.size()};
  return !readPieces(descriptor, offset, {&piece, 1}, path);
}

}  // namespace

std::optional<int> openIndex(const std::filesystem::path& folder, IndexUse use) {
  const std::filesystem::path path = folder / kIndexName;
  const int flags = (use == IndexUse::Read ? O_RDONLY : O_RDWR) |
                    (use == IndexUse::Begin ? O_CREAT : 0) | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW |
                    O_NONBLOCK;  // a named pipe must not wait for its other end
  for (;;) {
    int descriptor = -1;
    do {
      descriptor = ::open(path.c_str(), flags, S_IRUSR | S_IWUSR);
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0) {
      if (errno == ENOENT && use != IndexUse::Begin) {
        return std::nullopt;
      }
      throw cannotUse(folder, errno);
    }
    struct stat status {};
    if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
      ::close(descriptor);
      throw Error(ErrorCode::FileIo,
                  printablePath(path) + " is no file; remove it, then open the book again.");
    }
    if (use == IndexUse::Read) {
      return descriptor;
    }
    int result = 0;
    do {
      result = ::flock(descriptor, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EWOULDBLOCK) {
      ::close(descriptor);
      throw Error(ErrorCode::FileIo, "What is kept of this book in " + printablePath(folder) +
                                         " is in use by another program; close the book there.");
    }
    // Any other error: a file system without locks. Between opening and locking somebody may have
    // deleted the book: then this file is nobody's.
    if (::fstat(descriptor, &status) == 0 && status.st_nlink > 0) {
      return descriptor;
    }
    ::close(descriptor);
  }
}

std::optional<KeptBookFacts> keptBookFacts(const std::filesystem::path& folder) {
  std::optional<int> descriptor;
  try {
    descriptor = openIndex(folder, IndexUse::Read);
  } catch (const Error&) {
    return std::nullopt;  // nothing that can be used
  }
  if (!descriptor) {
    return std::nullopt;
  }
  const Closing closing(*descriptor);
  const std::filesystem::path path = folder / kIndexName;
  IndexPage page;
  if (!readPage(*descriptor, 0, page, path)) {
    return std::nullopt;
  }
  const std::optional<IndexHeader> header = decodeHeader(page);
  if (!header || header->version != kIndexVersion) {
    return std::nullopt;
  }
  const std::uint64_t seed = seedOf(page);
  KeptBookFacts facts{header->documentTokens, 0, keptBookBytes(folder)};
  for (std::int64_t segment = 0; facts.keptTokens < facts.documentTokens; ++segment) {
    if (!readPage(*descriptor, (segment + 1) * kIndexPage, page, path)) {
      break;
    }
    const std::optional<SegmentRecord> record = decodeRecord(page, segment, seed);
    if (!record) {
      break;
    }
    facts.keptTokens += static_cast<std::int64_t>(record->ids.size());
    if (record->ids.size() < CapacityFileLayout::kSegmentTokens) {
      break;
    }
  }
  return facts;
}

std::int64_t keptBookBytes(const std::filesystem::path& folder) {
  std::int64_t bytes = 0;
  for (const char* const name : kBookFiles) {
    struct stat status {};
    if (::lstat((folder / name).c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      bytes += static_cast<std::int64_t>(status.st_blocks) * 512;
    }
  }
  return bytes;
}

void removeKeptBook(const std::filesystem::path& folder) {
  // Held until all is gone, so that nobody begins to use what is being deleted.
  const std::optional<int> index = openIndex(folder, IndexUse::Lock);
  const Closing closing(index.value_or(-1));
  for (const char* const name : kBookFiles) {
    if (::unlink((folder / name).c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
      throw Error(ErrorCode::FileIo, "What is kept of this book could not be deleted: " +
                                         printablePath(folder / name) + ": " + systemReason(errno) +
                                         "; check the folder.");
    }
  }
  if (::rmdir(folder.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR && errno != ENOTEMPTY &&
      errno != EEXIST) {
    throw Error(ErrorCode::FileIo, "The folder " + printablePath(folder) +
                                       " could not be deleted: " + systemReason(errno) +
                                       "; check the folder above it.");
  }
}

}  // namespace bookwheel
