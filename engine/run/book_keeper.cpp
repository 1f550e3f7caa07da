// SPDX-License-Identifier: Apache-2.0
#include "engine/run/book_keeper.h"

#include "engine/cache/file_io.h"
#include "engine/cache/kept_rows.h"
#include "engine/error.h"

#include <algorithm>
#include <utility>

namespace bookwheel {

namespace {

constexpr std::int64_t kSegmentTokens = CapacityFile::kSegmentTokens;

std::int64_t commonPrefix(std::span<const TokenId> a, std::span<const TokenId> b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

}  // namespace

BookIdentity bookIdentity(const Digest& modelFile, const ModelShape& shape,
                          ActivationRounding rounding) {
  Digester reading;
  const auto add = [&](const auto& number) { reading.add(std::as_bytes(std::span(&number, 1))); };
  add(shape.ropeLayout);
  add(shape.ropeDims);
  add(shape.ropeBase);
  add(shape.ropeScaling.kind);
  add(shape.ropeScaling.factor);
  add(shape.ropeScaling.originalTokens);
  add(shape.ropeScaling.attentionFactor);
  add(rounding);
  return {modelFile, reading.digest(), {shape.layers, shape.kvHeads, shape.headDim}};
}

BookKeeper::BookKeeper(CapacityTier* memory, FileTier* file, std::int64_t chunkTokens, int threads)
    : m_memory(memory), m_file(file), m_chunkTokens(chunkTokens), m_threads(threads) {
  BOOKWHEEL_ASSERT((memory == nullptr) != (file == nullptr));
}

BookKeeper::~BookKeeper() {
  try {
    close();
  } catch (const Error&) {
    // What was recorded is whole all the same.
  }
}

std::span<const TokenId> BookKeeper::document() const {
  return m_book ? m_book->document() : std::span<const TokenId>{};
}

std::int64_t BookKeeper::wholeChunks(std::int64_t tokens) const {
  return tokens == std::ssize(document()) ? tokens : tokens / m_chunkTokens * m_chunkTokens;
}

BookKeeper::Opened BookKeeper::open(const std::filesystem::path& folder,
                                    const BookIdentity& identity, std::span<const TokenId> document,
                                    KeptBook::IfDiffers ifDiffers) const {
  Opened opened;
  opened.book = KeptBook::open(folder, identity, document, ifDiffers);
  const std::int64_t maxTokens = m_file != nullptr ? m_file->maxTokens() : m_memory->maxTokens();
  opened.rows =
      CapacityFile::named(opened.book->rowsPath(), identity.shape, maxTokens, /*readers=*/1);
  return opened;
}

BookKeeper::Begun BookKeeper::begin(Opened opened,
                                    const std::function<void(double share)>& progress,
                                    const std::stop_token& stop) {
  BOOKWHEEL_ASSERT(!m_book);
  const std::int64_t documentTokens = std::ssize(opened.book->document());
  if (m_memory != nullptr) {
    m_memory->reserve(opened.book->tokens());
  }
  const RestoredRows restored =
      restoreRows(*opened.book, *opened.rows, m_memory, m_threads, progress, stop);
  if (restored.isStopped) {
    return {0, true, ""};
  }
  if (restored.tokens < opened.book->tokens()) {
    opened.book->forget(restored.tokens);
  }
  const std::int64_t tokens = restored.tokens == documentTokens
                                  ? restored.tokens
                                  : restored.tokens / m_chunkTokens * m_chunkTokens;
  // Before anything is changed here: a thread may be refused.
  const KeptBook* const book = opened.book.get();
  auto sync = std::make_unique<DiskSync>([this, book] {
    // Rows first: a record on the disk is to speak of rows on the disk.
    const int error = rows().sync();
    return error != 0 ? error : book->sync();
  });
  if (m_memory != nullptr) {
    m_memory->commit(tokens);
  } else {
    opened.rows->adopt(tokens);
    if (tokens < opened.book->tokens()) {
      opened.book->forget(tokens);  // its rows are written again
    }
    opened.rows->protect(documentTokens);
    m_file->exchangeFile(*opened.rows);
  }
  m_book = std::move(opened.book);
  m_rows = std::move(opened.rows);
  m_sync = std::move(sync);
  m_read = m_readable = tokens;
  m_problem.clear();
  return {tokens, false, restored.damage};
}

void BookKeeper::close() {
  if (!m_book) {
    return;
  }
  m_sync->request();
  m_sync->wait();
  m_sync.reset();
  if (m_file != nullptr) {
    m_file->exchangeFile(*m_rows);  // with the one that it had, which is empty
  }
  m_rows->adopt(m_book->tokens());
  m_rows.reset();
  m_book.reset();
  m_read = m_readable = 0;
  m_problem.clear();
}

std::string BookKeeper::problem() const {
  if (m_problem.empty() && m_sync && m_sync->error() != 0) {
    return "What was kept of this book could not be written to its disk: " +
           systemReason(m_sync->error()) +
           ". Reading goes on and is not kept; check the disk, then open the book again.";
  }
  return m_problem;
}

std::int64_t BookKeeper::reusable(std::span<const TokenId> sequence, std::int64_t kept) const {
  const std::int64_t common = commonPrefix(document(), sequence);
  if (kept > m_read) {
    return common > m_read ? m_read : kept;
  }
  return common == std::ssize(document()) ? wholeChunks(kept) : kept;
}

void BookKeeper::beginReading(std::span<const TokenId> sequence, std::int64_t kept) {
  const std::int64_t common = commonPrefix(document(), sequence);
  m_readable = kept > m_read ? m_read : std::max(m_read, wholeChunks(common));
}

void BookKeeper::follow(std::int64_t tokens) {
  m_read = std::max(m_read, wholeChunks(std::min(tokens, m_readable)));
  const std::int64_t documentTokens = std::ssize(document());
  while (m_book && problem().empty() && keptTokens() < m_read) {
    const std::int64_t whole =
        std::min((keptTokens() / kSegmentTokens + 1) * kSegmentTokens, documentTokens);
    // Rows of a file's newest tokens are still in memory only.
    if (whole > (m_file != nullptr ? std::min(m_read, m_file->firstNewest()) : m_read)) {
      return;
    }
    keep(whole);
  }
}

void BookKeeper::endReading(std::int64_t tokens) {
  follow(tokens);
  if (m_file != nullptr && m_book && problem().empty() && keptTokens() < m_read) {
    try {
      m_file->writeNewest(m_read);
    } catch (const Error& error) {
      m_problem = error.what();
    }
  }
  while (m_book && problem().empty() && keptTokens() < m_read) {
    keep(std::min((keptTokens() / kSegmentTokens + 1) * kSegmentTokens, m_read));
  }
}

void BookKeeper::tryAgain() {
  if (m_book && !m_problem.empty()) {
    m_problem.clear();
    endReading(m_read);
  }
}

void BookKeeper::truncated(std::int64_t tokens) {
  if (!m_book || tokens >= m_read) {
    return;
  }
  m_read = wholeChunks(tokens);
  if (m_file != nullptr) {
    m_book->forget(tokens);  // its rows will be written over
  }
}

/// Up to `tokens`, in the segment behind those that are kept.
void BookKeeper::keep(std::int64_t tokens) {
  const std::int64_t first = keptTokens();
  const std::int64_t segment = first / kSegmentTokens * kSegmentTokens;
  BOOKWHEEL_ASSERT(m_memory == nullptr || m_rows->tokens() >= first);
  try {
    if (m_memory == nullptr) {
      m_book->record(tokens, checksumOfRows(rows(), segment, tokens - segment));
    } else {
      m_rows->truncate(first);
      m_rows->reserve(tokens - first);
      for (int layer = 0; layer < m_memory->shape().layers; ++layer) {
        kernels::KvRows source = m_memory->rows(layer);
        source.data += first * source.tokenStride;
        m_rows->write(layer, first, source, tokens - first);
      }
      m_rows->commit(tokens - first);
      m_book->record(tokens, checksumOfRows(*m_memory, segment, tokens - segment));
    }
    m_sync->request();
  } catch (const Error& error) {
    m_problem = error.what();
  }
}

}  // namespace bookwheel
