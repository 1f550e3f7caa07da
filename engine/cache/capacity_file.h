// SPDX-License-Identifier: Apache-2.0
// CapacityFile: all KV of one sequence in 16 bits, in a file.
#pragma once

#include "engine/cache/capacity_file_layout.h"
#include "engine/cache/row_reader.h"
#include "engine/error.h"
#include "kernels/args.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace bookwheel {

/// The complete 16-bit KV cache where memory is too small for it: CapacityTier's twin in a file.
/// Rows are written with pwritev and read with preadv, never mapped. Tokens past tokens() are
/// garbage. Engine thread; single rows are read by the threads of reader().
///
/// Disk space is taken segment by segment before anything is written into it, so that a full disk
/// shows in reserve() and nowhere later. Every failure is one Error(FileIo) with numbers; tokens()
/// and all rows below it are as before then, and the call may be repeated.
///
/// The file holds rows and nothing else. Which rows of a named one were whole when its process
/// ended is for somebody else to know (kept_book.h) and to say with adopt(). A file from
/// temporary() has no name: it is gone with the object or its process.
class CapacityFile {
 public:
  static constexpr int kSegmentTokens = CapacityFileLayout::kSegmentTokens;
  /// Reads that the disk has before it at a time. Measured (prefetch_bench): from a virtual disk
  /// four readers take a fifth of the time of one and eight a sixth; from the page cache each
  /// doubling costs some hundredths, if no core is idle.
  static constexpr int kDefaultReaders = 4;

  /// A file without a name in `folder`. Throws Error(FileMissing) if the folder is not there or may
  /// not be written, Error(FileIo) for anything else, Error(InvalidRequest) for a shape or
  /// maxTokens out of range.
  static std::unique_ptr<CapacityFile> temporary(const std::filesystem::path& folder,
                                                 const KvShape& shape, std::int64_t maxTokens,
                                                 int readers = kDefaultReaders);
  /// The file of that name, made if there is none, readable by its owner only; tokens() is 0 and
  /// nothing in it has been looked at. Throws as temporary(), Error(FileIo) for what is no file.
  static std::unique_ptr<CapacityFile> named(const std::filesystem::path& path,
                                             const KvShape& shape, std::int64_t maxTokens,
                                             int readers = kDefaultReaders);
  ~CapacityFile();
  CapacityFile(const CapacityFile&) = delete;
  CapacityFile& operator=(const CapacityFile&) = delete;

  /// Takes disk space for `count` tokens past tokens(), in whole segments. tokens() + count must
  /// not pass maxTokens().
  void reserve(std::int64_t count);
  /// Writes the rows of a layer: row i of `source` becomes token firstToken + i. firstToken >=
  /// tokens(), and all must have been reserved. source.tokenStride may be any. Many tokens at a
  /// time are cheaper: each head of each segment is one system call.
  void write(int layer, std::int64_t firstToken, const kernels::KvRows& source, std::int64_t count);
  /// The rows of `count` tokens have been written in all layers: they belong to the cache.
  void commit(std::int64_t count);
  /// Forgets all but the first `tokens` tokens, and gives disk space back that is no longer needed.
  /// Waits for rows that are being read.
  void truncate(std::int64_t tokens);
  /// The first `tokens` tokens are those that the file holds, or as many of them as are in whole
  /// segments if it is too short; space behind them is given back. Returns tokens().
  std::int64_t adopt(std::int64_t tokens);
  /// From now on truncate() leaves the rows of the first `tokens` tokens on the disk, for whoever
  /// adopts them later.
  void protect(std::int64_t tokens) { m_protectedTokens = tokens; }
  /// Exchanges the files of two objects with all that is in them; their readers stay. Shapes and
  /// maxTokens() are equal. Waits for rows that are being read.
  void swapFile(CapacityFile& other);
  /// What was written so far outlasts a power cut when it returns 0, else the error number. Any
  /// thread, but not during swapFile().
  [[nodiscard]] int sync() const noexcept;

  /// Reads tokens firstToken .. firstToken + count - 1 of one head, in order: they become rows
  /// 0 .. count - 1 of the same head of `destination` (any stride; padding is left alone). Several
  /// threads may read at a time while nothing is truncated.
  void readRange(int layer, int kvHead, std::int64_t firstToken, std::int64_t count,
                 const kernels::KvRows& destination) const;
  /// The same for all heads of a layer.
  void readLayer(int layer, std::int64_t firstToken, std::int64_t count,
                 const kernels::KvRows& destination) const;
  /// Asks the system to start reading a range of a layer that readLayer will want soon. A hint.
  void willNeed(int layer, std::int64_t firstToken, std::int64_t count) const noexcept;
  /// Raw bytes, padding included, whether or not tokens() counts them: for checksums. Any thread.
  /// Returns the error of a device that fails or a file that ends before.
  [[nodiscard]] std::optional<Error> readBytes(std::int64_t offset,
                                               std::span<std::byte> bytes) const;
  /// For ReadGroup: single rows of tokens below tokens(), read by threads.
  RowReader& reader() { return m_reader; }

  std::int64_t tokens() const { return m_tokens; }
  std::int64_t maxTokens() const { return m_maxTokens; }
  const KvShape& shape() const { return m_layout.shape; }
  const CapacityFileLayout& layout() const { return m_layout; }
  /// Disk space taken, in bytes.
  std::int64_t fileBytes() const { return m_layout.fileBytes(m_reservedTokens); }
  /// Disk space that so many tokens take.
  static std::int64_t fileBytesFor(const KvShape& shape, std::int64_t tokens);

 private:
  /// Owns a descriptor.
  class Descriptor {
   public:
    explicit Descriptor(int value) : m_value(value) {}
    Descriptor(Descriptor&& other) noexcept;
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor();
    int value() const { return m_value; }
    void swap(Descriptor& other) noexcept { std::swap(m_value, other.m_value); }

   private:
    int m_value;
  };

  CapacityFile(Descriptor descriptor, std::filesystem::path path, const KvShape& shape,
               std::int64_t maxTokens, int readers);

  /// Cuts rows of a head into transfers of one segment each: transfer(offset, pieces of memory).
  template <typename Transfer>
  void forEachTransfer(int layer, int kvHead, std::int64_t firstToken, std::int64_t count,
                       const kernels::KvRows& memory, Transfer transfer) const;

  // Constant after construction.
  const CapacityFileLayout m_layout;
  const std::int64_t m_maxTokens;

  // Of the file: swapFile() exchanges them.
  Descriptor m_descriptor;
  std::filesystem::path m_path;
  std::int64_t m_tokens = 0;
  std::int64_t m_reservedTokens = 0;  // a multiple of kSegmentTokens
  std::int64_t m_protectedTokens = 0;

  RowReader m_reader;  // last: its threads end before the descriptor closes
};

}  // namespace bookwheel
