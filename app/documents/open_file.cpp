// SPDX-License-Identifier: Apache-2.0
// Opens a document for a helper process, and recognizes it again.
#include "app/documents/open_file.h"

#include <QCoreApplication>
#include <QCryptographicHash>
#include <QFile>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace bookwheel {
namespace {

std::int64_t modified(const struct stat& status) {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

struct Words {
  Q_DECLARE_TR_FUNCTIONS(bookwheel::ImportClient)
};

}  // namespace

FileHandle::~FileHandle() {
  if (m_fd >= 0) {
    ::close(m_fd);
  }
}

FileHandle::FileHandle(FileHandle&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)) {}

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  std::swap(m_fd, other.m_fd);
  return *this;
}

FileHandle FileHandle::duplicate() const {
  constexpr int kBehindStandardStreams = 3;
  return FileHandle(m_fd >= 0 ? ::fcntl(m_fd, F_DUPFD_CLOEXEC, kBehindStandardStreams) : -1);
}

OpenedFile openDocumentFile(const QString& path, QString& reason) {
  OpenedFile file;
  const FileHandle first(
      ::open(QFile::encodeName(path).constData(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!first.isOpen()) {
    reason = errno == ENOENT   ? Words::tr("there is no such file")
             : errno == EACCES ? Words::tr("its permissions do not let you read it")
                               : QString::fromLocal8Bit(::strerror(errno));
    return file;
  }
  struct stat status {};
  if (::fstat(first.fd(), &status) != 0 || !S_ISREG(status.st_mode)) {
    reason = S_ISDIR(status.st_mode) ? Words::tr("it is a folder")
                                     : Words::tr("it is a device or pipe, not a file");
    return file;
  }
  // Not 0, 1 or 2, which mean other things to the helper.
  file.handle = first.duplicate();
  file.bytes = status.st_size;
  file.modifiedNs = modified(status);
  if (!file.handle.isOpen()) {
    reason = QString::fromLocal8Bit(::strerror(errno));
  }
  return file;
}

bool wasChanged(const OpenedFile& file) {
  struct stat status {};
  return ::fstat(file.handle.fd(), &status) != 0 || status.st_size != file.bytes ||
         modified(status) != file.modifiedNs;
}

void rewindFile(const FileHandle& handle) { ::lseek(handle.fd(), 0, SEEK_SET); }

QByteArray sha256Of(const FileHandle& handle, const std::function<bool()>& stopped) {
  constexpr qsizetype kPiece = 1024 * 1024;
  QByteArray piece(kPiece, Qt::Uninitialized);
  QCryptographicHash hash(QCryptographicHash::Sha256);
  off_t at = 0;
  while (!stopped()) {
    const ssize_t count = ::pread(handle.fd(), piece.data(), static_cast<std::size_t>(kPiece), at);
    if (count == 0) {
      return hash.result();
    }
    if (count > 0) {
      hash.addData(QByteArrayView(piece.constData(), count));
      at += count;
    } else if (errno != EINTR) {
      break;
    }
  }
  return {};
}

}  // namespace bookwheel
