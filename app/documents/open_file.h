// SPDX-License-Identifier: Apache-2.0
// Opens a document for a helper process, and recognizes it again.
#pragma once

#include <QByteArray>
#include <QString>

#include <cstdint>
#include <functional>

namespace bookwheel {

/// A file descriptor that closes itself.
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int fd) : m_fd(fd) {}
  ~FileHandle();
  FileHandle(FileHandle&& other) noexcept;
  FileHandle& operator=(FileHandle&& other) noexcept;
  int fd() const { return m_fd; }
  bool isOpen() const { return m_fd >= 0; }
  /// A second handle on the same open file (and file position).
  FileHandle duplicate() const;

 private:
  int m_fd = -1;
};

struct OpenedFile {
  FileHandle handle;
  std::int64_t bytes = 0;
  std::int64_t modifiedNs = 0;
};

/// Opens a regular file for reading, never waits for a pipe or device. When it cannot, the handle
/// is not open and `reason` says why in a few words.
OpenedFile openDocumentFile(const QString& path, QString& reason);
/// True when the open file has other bytes or another time of change than when it was opened.
bool wasChanged(const OpenedFile& file);
void rewindFile(const FileHandle& handle);

/// SHA-256 of the whole file, 32 bytes, read without moving its position; empty when reading failed
/// or `stopped` said so between two pieces.
QByteArray sha256Of(const FileHandle& handle, const std::function<bool()>& stopped);

}  // namespace bookwheel
