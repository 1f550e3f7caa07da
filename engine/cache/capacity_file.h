// SPDX-License-Identifier: Apache-2.0
// CapacityFile: all KV of one sequence in 16 bits, in a file.
#pragma once

#include "engine/cache/capacity_file_header.h"
#include "engine/cache/capacity_file_layout.h"
#include "engine/cache/row_reader.h"
#include "kernels/args.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace bookwheel {

/// The complete 16-bit KV cache where memory is too small for it: CapacityTier's twin in a file.
/// Rows are written with pwritev and read with preadv, never mapped. Tokens past tokens() are
/// garbage. Engine thread; single rows are read by the threads of reader().
///
/// Disk space is taken segment by segment before anything is written into it, so that a full disk
/// shows in reserve() and nowhere later. Every failure is one Error(FileIo) with numbers; tokens()
/// and all rows below it are as before then, and the call may be repeated.
///
/// A kept file survives its process and the machine:
/// * commit() counts tokens in the header after their rows have been written: a process that is
///   killed at any moment leaves a file whose counted tokens are complete. No sync is needed for
///   that, since the system keeps what a dead process has written.
/// * Rows are synced (fdatasync) once every kSegmentTokens tokens, in sync() and at the end; the
///   header names that count too, and the system start (boot id) it was written in. After a power
///   cut only synced tokens count. truncate() below that count syncs the header before it returns.
/// * A sync that fails is not repeated as if it could still succeed: rows past syncedTokens() may
/// be
///   lost, and commit() refuses until truncate() has brought tokens() down to syncedTokens().
/// A file from temporary() has no name: it is gone with the object or its process, and never
/// synced.
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
  /// A new file that is kept, locked against other processes and readable by its owner only. Throws
  /// as temporary(), and Error(FileIo) if there is a file already.
  static std::unique_ptr<CapacityFile> create(const std::filesystem::path& path,
                                              const KvShape& shape, std::int64_t maxTokens,
                                              const KvFingerprint& fingerprint,
                                              int readers = kDefaultReaders);
  /// A kept file with what it holds. The file is hostile input: sizes follow from `shape`, never
  /// from the file. Throws Error(FileMissing) if there is none, Error(InvalidRequest) if it is of
  /// another shape, model or text, Error(DoesNotFit) if it holds more than maxTokens, Error(FileIo)
  /// if it is damaged, cut, of another version, or in use. The caller reads the document anew then.
  static std::unique_ptr<CapacityFile> open(const std::filesystem::path& path, const KvShape& shape,
                                            std::int64_t maxTokens,
                                            const KvFingerprint& fingerprint,
                                            int readers = kDefaultReaders);
  /// Syncs a kept file if it can; nobody may be reading rows.
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
  /// Makes all tokens() of a kept file outlast a power cut; nothing for a temporary one. Throws
  /// Error(FileIo) if that failed or somebody has deleted the file.
  void sync();

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
  /// For ReadGroup: single rows of tokens below tokens(), read by threads.
  RowReader& reader() { return m_reader; }

  std::int64_t tokens() const { return m_tokens; }
  std::int64_t maxTokens() const { return m_maxTokens; }
  /// How many tokens a power cut would leave; 0 for a temporary file.
  std::int64_t syncedTokens() const { return m_syncedTokens; }
  const KvShape& shape() const { return m_layout.shape; }
  const CapacityFileLayout& layout() const { return m_layout; }
  /// Disk space taken, in bytes.
  std::int64_t fileBytes() const { return m_layout.fileBytes(m_reservedTokens); }
  /// Disk space that so many tokens take.
  static std::int64_t fileBytesFor(const KvShape& shape, std::int64_t tokens);

 private:
  enum class Life { Temporary, Kept };

  /// Owns a descriptor.
  class Descriptor {
   public:
    explicit Descriptor(int value) : m_value(value) {}
    Descriptor(Descriptor&& other) noexcept;
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor();
    int value() const { return m_value; }

   private:
    int m_value;
  };

  CapacityFile(Descriptor descriptor, std::filesystem::path path, Life life, const KvShape& shape,
               std::int64_t maxTokens, int readers);

  void writeHeader(const KvFingerprint& fingerprint);
  void readHeader(const KvFingerprint& fingerprint, std::int64_t fileBytes);
  void writeRecord(std::int64_t tokens, std::int64_t syncedTokens);
  /// When it returns, the disk has everything that was written.
  void syncDisk();
  void throwIfSyncFailed() const;
  /// Cuts rows of a head into transfers of one segment each: transfer(offset, pieces of memory).
  template <typename Transfer>
  void forEachTransfer(int layer, int kvHead, std::int64_t firstToken, std::int64_t count,
                       const kernels::KvRows& memory, Transfer transfer) const;

  // Constant after construction.
  const Descriptor m_descriptor;
  const std::filesystem::path m_path;
  const Life m_life;
  const CapacityFileLayout m_layout;
  const std::int64_t m_maxTokens;
  const std::array<std::uint8_t, 16> m_boot;

  std::int64_t m_tokens = 0;
  std::int64_t m_reservedTokens = 0;  // a multiple of kSegmentTokens
  std::int64_t m_syncedTokens = 0;    // as the header on the disk has it, or will
  std::uint64_t m_generation = 0;     // of the last record
  int m_syncError = 0;                // of the last sync: rows past m_syncedTokens may be lost

  RowReader m_reader;  // last: its threads end before the descriptor closes
};

}  // namespace bookwheel
