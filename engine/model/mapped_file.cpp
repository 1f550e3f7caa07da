// SPDX-License-Identifier: Apache-2.0
#include "engine/model/mapped_file.h"

#include "engine/error.h"
#include "engine/model/printable.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace bookwheel {
namespace {

std::string quoted(const std::filesystem::path& path) { return printable(path.native(), 4096); }

std::string reason(int error) { return std::generic_category().message(error); }

std::size_t pageBytes() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : m_path(path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer. It changes nothing for files.
  do {
    m_descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (m_descriptor < 0 && errno == EINTR);
  if (m_descriptor < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) {
      throw Error(ErrorCode::FileMissing, "There is no file " + quoted(path) + "; check its name.");
    }
    const ErrorCode code = error == EIO || error == EMFILE || error == ENFILE
                               ? ErrorCode::FileIo
                               : ErrorCode::FileMissing;
    throw Error(code, "The file " + quoted(path) + " could not be opened: " + reason(error) + ".");
  }
  try {
    struct stat status {};
    if (::fstat(m_descriptor, &status) != 0) {
      throw Error(ErrorCode::FileIo,
                  "The file " + quoted(path) + " could not be examined: " + reason(errno) + ".");
    }
    if (!S_ISREG(status.st_mode)) {
      throw Error(ErrorCode::FileMissing,
                  quoted(path) + (S_ISDIR(status.st_mode) ? " is a folder, not a file."
                                                          : " is a device, not a file."));
    }
    m_size = static_cast<std::size_t>(status.st_size);
    if (m_size > 0) {
      void* data = ::mmap(nullptr, m_size, PROT_READ, MAP_SHARED, m_descriptor, 0);
      if (data == MAP_FAILED) {
        throw Error(ErrorCode::FileIo, "The file " + quoted(path) + " with its " + grouped(m_size) +
                                           " bytes could not be mapped: " + reason(errno) + ".");
      }
      m_data = static_cast<const std::byte*>(data);
    }
  } catch (...) {
    close();
    throw;
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : m_path(std::move(other.m_path)),
      m_descriptor(std::exchange(other.m_descriptor, -1)),
      m_data(std::exchange(other.m_data, nullptr)),
      m_size(std::exchange(other.m_size, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this != &other) {
    close();
    m_path = std::move(other.m_path);
    m_descriptor = std::exchange(other.m_descriptor, -1);
    m_data = std::exchange(other.m_data, nullptr);
    m_size = std::exchange(other.m_size, 0);
  }
  return *this;
}

MappedFile::~MappedFile() { close(); }

void MappedFile::close() noexcept {
  if (m_data != nullptr) {
    ::munmap(const_cast<std::byte*>(m_data), m_size);
    m_data = nullptr;
  }
  if (m_descriptor >= 0) {
    ::close(m_descriptor);
    m_descriptor = -1;
  }
  m_size = 0;
}

void MappedFile::read(std::size_t offset, std::span<std::byte> out) const {
  BOOKWHEEL_ASSERT(offset <= m_size && out.size() <= m_size - offset);
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(m_descriptor, out.data() + done, out.size() - done,
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      throw Error(ErrorCode::FileIo, "Reading the file " + quoted(m_path) + " failed at byte " +
                                         grouped(offset + done) + ": " + reason(errno) + ".");
    }
    if (got == 0) {
      throw Error(ErrorCode::FileIo, "The file " + quoted(m_path) +
                                         " was cut by another program while it was open: it had " +
                                         grouped(m_size) + " bytes and now ends at byte " +
                                         grouped(offset + done) + ".");
    }
    done += static_cast<std::size_t>(got);
  }
}

void MappedFile::requireWhole() const {
  struct stat status {};
  if (::fstat(m_descriptor, &status) != 0) {
    throw Error(ErrorCode::FileIo,
                "The file " + quoted(m_path) + " could not be examined: " + reason(errno) + ".");
  }
  if (static_cast<std::size_t>(status.st_size) != m_size) {
    throw Error(ErrorCode::FileIo,
                "The file " + quoted(m_path) +
                    " was changed by another program while it was open: it had " + grouped(m_size) +
                    " bytes and now has " + grouped(static_cast<std::uint64_t>(status.st_size)) +
                    ".");
  }
}

void MappedFile::willNeed(ByteRange range) const noexcept {
  const std::size_t end = std::min(range.end, m_size);
  const std::size_t begin = range.begin / pageBytes() * pageBytes();
  if (begin < end) {
    ::madvise(const_cast<std::byte*>(m_data) + begin, end - begin, MADV_WILLNEED);
  }
}

void MappedFile::discard(ByteRange range) const noexcept {
  const std::size_t page = pageBytes();
  if (range.begin >= range.end || range.begin >= m_size) {
    return;
  }
  // Inner pages only: the outer ones may hold a neighbour's bytes. The file's last page is whole.
  const std::size_t begin = (range.begin + page - 1) / page * page;
  const std::size_t end = range.end >= m_size ? m_size : range.end / page * page;
  if (begin < end) {
    ::madvise(const_cast<std::byte*>(m_data) + begin, end - begin, MADV_DONTNEED);
  }
}

}  // namespace bookwheel
