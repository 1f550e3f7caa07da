// SPDX-License-Identifier: Apache-2.0
// MappedFile: a whole file as read-only memory, whose pages can be given back.
#pragma once

#include "engine/model/prompt.h"

#include <cstddef>
#include <filesystem>
#include <span>

namespace bookwheel {

/// A read-only mapping of one regular file, with the file kept open beside it. Move-only; the bytes
/// stay at the same address when the object is moved. Any thread may read.
///
/// A file that another program cuts while it is mapped: touching a page behind the new end raises
/// SIGBUS, which ends the process, and no check beforehand can rule that out. Two habits keep the
/// danger to the few milliseconds in which a header is parsed:
/// * long work on the bytes (packing weights) goes through read(), which is pread and turns a cut
///   into Error(FileIo);
/// * what is needed later is copied out, and requireWhole() is called before bytes() is used again.
/// A file that is replaced by renaming (what downloads and package managers do) is no danger: the
/// mapping keeps the old file.
class MappedFile {
 public:
  /// Opens and maps. Throws Error(FileMissing) if there is no such file, it is no regular file or
  /// may not be read, Error(FileIo) if the system refuses the mapping. An empty file is an empty
  /// span.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  const std::filesystem::path& path() const { return m_path; }
  /// The whole file as it was at opening; valid as long as the object (or the one it was moved to).
  std::span<const std::byte> bytes() const { return {m_data, m_size}; }
  std::size_t size() const { return m_size; }

  /// Copies `out.size()` bytes from `offset` on. Does not touch the mapping, so a cut file or a bad
  /// disk is Error(FileIo), never SIGBUS. The range must lie within size() (asserted).
  void read(std::size_t offset, std::span<std::byte> out) const;
  /// Throws Error(FileIo) if the file is no longer as long as it was when it was opened.
  void requireWhole() const;

  /// Asks the system to start reading these bytes. A hint: never fails.
  void willNeed(ByteRange range) const noexcept;
  /// Takes the pages that lie wholly inside the range out of this process: they no longer count as
  /// its memory. The system keeps them in its file cache while it has room, so the next start is
  /// fast. The bytes stay readable. A hint: never fails.
  void discard(ByteRange range) const noexcept;

 private:
  void close() noexcept;

  std::filesystem::path m_path;
  int m_descriptor = -1;
  const std::byte* m_data = nullptr;
  std::size_t m_size = 0;
};

}  // namespace bookwheel
