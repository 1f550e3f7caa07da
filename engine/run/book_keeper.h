// SPDX-License-Identifier: Apache-2.0
// BookKeeper: how a session's cache and the kept copy of a book stay in step.
#pragma once

#include "engine/backend/backend.h"
#include "engine/cache/capacity_file.h"
#include "engine/cache/capacity_tier.h"
#include "engine/cache/file_tier.h"
#include "engine/cache/kept_book.h"
#include "engine/model/shape.h"
#include "engine/run/disk_sync.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

namespace bookwheel {

/// What the rows of a session follow from: the model's file, how its positions are turned, and how
/// reading rounds.
BookIdentity bookIdentity(const Digest& modelFile, const ModelShape& shape,
                          ActivationRounding rounding);

/// With the cache in memory, whole segments are copied to the book's file as they are read. With
/// the cache in a file, that file is the book's while it is open: what is behind the document in it
/// is nobody's once the book is closed.
///
/// What belongs to the book are tokens that reading computed, in the chunks in which an
/// uninterrupted reading computes them: the rows are then the same to the last bit. Engine thread.
class BookKeeper {
 public:
  /// Exactly one of the two tiers is there, and outlives the object. Chunks of reading have
  /// `chunkTokens` tokens.
  BookKeeper(CapacityTier* memory, FileTier* file, std::int64_t chunkTokens, int threads);
  /// What was kept stays; waits for the disk.
  ~BookKeeper();

  /// A book that nobody uses yet.
  struct Opened {
    std::unique_ptr<KeptBook> book;
    std::unique_ptr<CapacityFile> rows;
  };
  /// Throws as KeptBook::open() and CapacityFile::named(). The book at work stays.
  Opened open(const std::filesystem::path& folder, const BookIdentity& identity,
              std::span<const TokenId> document, KeptBook::IfDiffers ifDiffers) const;

  struct Begun {
    std::int64_t tokens = 0;  // in the cache now
    bool isStopped = false;   // then no book is open and the cache is empty
    std::string notice;
  };
  /// Puts what the book has into the cache, which is empty; from now on it is that book's. No other
  /// book is open. Throws Error(FileIo) and Error(DoesNotFit): no book is open then and the cache
  /// is empty.
  Begun begin(Opened opened, const std::function<void(double share)>& progress,
              const std::stop_token& stop);
  /// Syncs. With the cache in a file it is empty afterwards.
  void close();

  bool isOpen() const { return m_book != nullptr; }
  bool isOpen(const std::filesystem::path& folder) const {
    return m_book && m_book->folder() == folder;
  }
  std::span<const TokenId> document() const;
  /// Tokens of the book in the cache.
  std::int64_t tokensAtHand() const { return m_read; }
  std::int64_t keptTokens() const { return m_book ? m_book->tokens() : 0; }
  std::string problem() const;

  /// How many of `kept` tokens, which cache and sequence have in common, may stay: an answer that
  /// happens to go on as the book does was not read, and what is missing of the whole book is read
  /// in the book's chunks.
  std::int64_t reusable(std::span<const TokenId> sequence, std::int64_t kept) const;
  /// The cache has `kept` tokens, and reading what follows in `sequence` begins.
  void beginReading(std::span<const TokenId> sequence, std::int64_t kept);
  /// Behind each chunk, with the tokens that the cache has: keeps segments that are whole. Does not
  /// throw: what goes wrong is problem().
  void follow(std::int64_t tokens);
  /// Reading ended, or was ended: keeps the rest too.
  void endReading(std::int64_t tokens);
  /// After a problem, which may be over: keeps what is at hand and not kept yet.
  void tryAgain();
  /// The cache has no more than `tokens` tokens any more.
  void truncated(std::int64_t tokens);

 private:
  void keep(std::int64_t tokens);
  std::int64_t wholeChunks(std::int64_t tokens) const;
  const CapacityFile& rows() const { return m_file != nullptr ? *m_file->file() : *m_rows; }

  // Constant after construction.
  CapacityTier* const m_memory;
  FileTier* const m_file;
  const std::int64_t m_chunkTokens;
  const int m_threads;

  std::unique_ptr<KeptBook> m_book;      // null: none is open
  std::unique_ptr<CapacityFile> m_rows;  // the book's; with m_file, the one that it had before
  std::int64_t m_read = 0;               // tokens of the book at the beginning of the cache
  std::int64_t m_readable = 0;           // what m_read can become in the reading at work
  std::string m_problem;                 // "" or why nothing more is kept
  std::unique_ptr<DiskSync> m_sync;      // last: its thread uses the files
};

}  // namespace bookwheel
