// SPDX-License-Identifier: Apache-2.0
// KeptBook: a folder that keeps the KV of a book, and what is known of it.
#pragma once

#include "engine/cache/kept_book_format.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace bookwheel {

/// What a folder keeps, without opening a model; nothing is trusted but checksums of the index. The
/// rows themselves are not looked at.
struct KeptBookFacts {
  std::int64_t documentTokens;  // of the book
  std::int64_t keptTokens;      // of these, said to be whole
  std::int64_t bytes;           // disk space of the folder
};

/// Nothing: no such book there, or one whose index is damaged or of another version. Any thread.
std::optional<KeptBookFacts> keptBookFacts(const std::filesystem::path& folder);
/// Disk space that the folder's book takes; 0 if there is none.
std::int64_t keptBookBytes(const std::filesystem::path& folder);
/// Deletes the files of a kept book, and the folder if nothing else is in it. Nothing there is no
/// error. Throws Error(FileIo) if it is in use or a file cannot be deleted.
void removeKeptBook(const std::filesystem::path& folder);

/// The index of a book that is open: which segments of its rows are whole. The rows lie beside it
/// in rowsPath(), a CapacityFile of somebody else's. A segment counts from the moment its record is
/// written, which is after its rows were: a process that is killed leaves whole segments and at
/// most one that is absent. What a power cut leaves is found by the checksums.
///
/// The index is locked against other programs. Engine thread, but for sync().
class KeptBook {
 public:
  enum class IfDiffers { Refuse, Replace };
  /// A segment that is whole.
  struct Segment {
    std::int64_t tokens;  // 512, fewer only in the last one
    std::uint64_t rows;   // their checksum
  };

  /// Opens the book in `folder`, or begins one; the folder and its parents are made. Throws
  /// Error(KeptBookDiffers) with IfDiffers::Refuse if it is of another model, document or version:
  /// nothing was touched. With Replace such a book, its rows too, is deleted. Throws Error(FileIo)
  /// if the folder cannot be used or another program has the book open.
  static std::unique_ptr<KeptBook> open(const std::filesystem::path& folder,
                                        const BookIdentity& identity,
                                        std::span<const TokenId> document, IfDiffers ifDiffers);
  ~KeptBook();
  KeptBook(const KeptBook&) = delete;
  KeptBook& operator=(const KeptBook&) = delete;

  const std::filesystem::path& folder() const { return m_folder; }
  std::filesystem::path rowsPath() const;
  const BookIdentity& identity() const { return m_identity; }
  std::span<const TokenId> document() const { return m_document; }
  /// "" or one sentence on what is damaged in the index.
  const std::string& damage() const { return m_damage; }

  std::span<const Segment> segments() const { return m_segments; }
  /// Of all segments.
  std::int64_t tokens() const;
  /// The rows of the document up to token `tokens` are whole: those of its last segment, all or
  /// the first of which are new, have this checksum. Throws Error(FileIo); the segment is absent
  /// then.
  void record(std::int64_t tokens, std::uint64_t rows);
  /// Segments with tokens at or behind `tokens` are absent from now on: their rows will be written
  /// over or are damaged.
  void forget(std::int64_t tokens);
  /// Returns 0 when all records outlast a power cut, else the error number. Any thread.
  [[nodiscard]] int sync() const noexcept;

  /// The sentence for a segment that is not what it was.
  std::string damageOf(std::int64_t segment) const;

 private:
  KeptBook(std::filesystem::path folder, const BookIdentity& identity,
           std::span<const TokenId> document, int descriptor);

  void begin();
  void readRecords();
  void write(std::int64_t offset, const IndexPage& page);
  std::filesystem::path indexPath() const;

  // Constant after construction.
  const std::filesystem::path m_folder;
  const BookIdentity m_identity;
  const std::vector<TokenId> m_document;
  const int m_descriptor;

  std::uint64_t m_seed = 0;
  std::vector<Segment> m_segments;
  std::string m_damage;
};

}  // namespace bookwheel
