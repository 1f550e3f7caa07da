// SPDX-License-Identifier: Apache-2.0
#include "engine/cache/kept_book.h"

#include "engine/cache/file_io.h"
#include "engine/cache/kept_book_files.h"
#include "engine/error.h"
#include "engine/model/printable.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace bookwheel {
namespace {

constexpr std::int64_t kSegmentTokens = CapacityFileLayout::kSegmentTokens;

std::string number(std::int64_t value) { return grouped(static_cast<std::uint64_t>(value)); }

std::int64_t segmentsOf(std::int64_t tokens) {
  return (tokens + kSegmentTokens - 1) / kSegmentTokens;
}

std::int64_t recordOffset(std::int64_t segment) { return (segment + 1) * kIndexPage; }

void makeFolder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::FileIo, "The folder " + printablePath(folder) +
                                       " for what is kept of this book could not be made: " +
                                       error.message() + "; check the folder above it.");
  }
}

/// Whether the name of a new file in it outlasts a power cut; not every file system has that.
void syncFolder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    [[maybe_unused]] const int ignored = ::fsync(descriptor);
    ::close(descriptor);
  }
}

/// Why a book is not the one that is asked for; nothing if it is.
std::optional<std::string> differenceOf(const IndexHeader& header, const BookIdentity& identity,
                                        std::span<const TokenId> document) {
  const std::string again = "; read it again, or go back to what it was read with.";
  const auto& kept = header.identity;
  if (header.version != kIndexVersion) {
    return "What is kept of this book was written by another version of Bookwheel (format " +
           std::to_string(header.version) + ", this one reads " + std::to_string(kIndexVersion) +
           "); read the book again.";
  }
  if (kept.model != identity.model || kept.shape.layers != identity.shape.layers ||
      kept.shape.kvHeads != identity.shape.kvHeads ||
      kept.shape.headDim != identity.shape.headDim) {
    return "The model file changed since this book was read" + again;
  }
  if (kept.reading != identity.reading) {
    return "The way the model reads (its extended context, or rounding) changed since this book "
           "was read" +
           again;
  }
  if (header.documentTokens != static_cast<std::int64_t>(document.size()) ||
      header.text != digestOf(document)) {
    return "The text of this book, or how it is put to the model, changed since it was read: " +
           number(header.documentTokens) + " tokens were kept and it has " +
           number(static_cast<std::int64_t>(document.size())) + " now; read it again.";
  }
  return std::nullopt;
}

}  // namespace

KeptBook::KeptBook(std::filesystem::path folder, const BookIdentity& identity,
                   std::span<const TokenId> document, int descriptor)
    : m_folder(std::move(folder)),
      m_identity(identity),
      m_document(document.begin(), document.end()),
      m_descriptor(descriptor) {
  m_segments.reserve(static_cast<std::size_t>(segmentsOf(std::ssize(m_document))));
}

KeptBook::~KeptBook() { ::close(m_descriptor); }

std::unique_ptr<KeptBook> KeptBook::open(const std::filesystem::path& folder,
                                         const BookIdentity& identity,
                                         std::span<const TokenId> document, IfDiffers ifDiffers) {
  makeFolder(folder);
  const int descriptor = openIndex(folder, IndexUse::Begin).value();
  std::unique_ptr<KeptBook> book(new KeptBook(folder, identity, document, descriptor));
  IndexPage page;
  iovec piece{page.data(), page.size()};
  struct stat status {};
  const bool isNew = ::fstat(descriptor, &status) == 0 && status.st_size == 0;
  std::optional<IndexHeader> header;
  if (!isNew && !readPieces(descriptor, 0, {&piece, 1}, book->indexPath())) {
    header = decodeHeader(page);
  }
  const std::optional<std::string> difference =
      header ? differenceOf(*header, identity, document) : std::nullopt;
  if (difference && ifDiffers == IfDiffers::Refuse) {
    throw Error(ErrorCode::KeptBookDiffers, *difference);
  }
  if (!header || difference) {
    // An index that is empty is one whose program was killed before it began.
    if (!header && !isNew) {
      book->m_damage = "What was kept of this book is damaged at its beginning; it is read again.";
    }
    book->begin();
  } else {
    book->m_seed = seedOf(page);
    book->readRecords();
  }
  return book;
}

std::filesystem::path KeptBook::indexPath() const { return m_folder / kIndexName; }

std::filesystem::path KeptBook::rowsPath() const { return m_folder / kRowsName; }

/// An index without records, and no rows.
void KeptBook::begin() {
  const std::int64_t bytes = recordOffset(segmentsOf(std::ssize(m_document)));
  // First the index, then what it speaks of. A full disk is to show here and not with a record.
  int error = ::ftruncate(m_descriptor, 0) == 0 ? 0 : errno;
  if (error == 0) {
    do {
      error = ::posix_fallocate(m_descriptor, 0, bytes);
    } while (error == EINTR);
  }
  if (error != 0) {
    throw Error(ErrorCode::FileIo,
                "Nothing can be kept of this book in " + printablePath(m_folder) + ": " +
                    systemReason(error) +
                    (error == ENOSPC || error == EDQUOT ? "; free disk space, then open it again."
                                                        : "; check the disk, then open it again."));
  }
  if (::unlink(rowsPath().c_str()) != 0 && errno != ENOENT) {
    throw Error(ErrorCode::FileIo,
                "What was kept of this book could not be deleted: " + printablePath(rowsPath()) +
                    ": " + systemReason(errno) + "; check the folder.");
  }
  IndexHeader header;
  header.identity = m_identity;
  header.documentTokens = std::ssize(m_document);
  header.text = digestOf(m_document);
  const IndexPage page = encode(header);
  write(0, page);
  m_seed = seedOf(page);
  // That this is on the disk is nothing anybody relies upon before the first sync.
  syncFolder(m_folder);
}

void KeptBook::readRecords() {
  const std::int64_t count = segmentsOf(std::ssize(m_document));
  for (std::int64_t segment = 0; segment < count; ++segment) {
    IndexPage page;
    iovec piece{page.data(), page.size()};
    if (readPieces(m_descriptor, recordOffset(segment), {&piece, 1}, indexPath())) {
      m_damage = damageOf(segment);
      return;
    }
    if (isBlank(page)) {
      return;
    }
    const std::optional<SegmentRecord> record = decodeRecord(page, segment, m_seed);
    const auto expected =
        std::span(m_document).subspan(static_cast<std::size_t>(segment * kSegmentTokens));
    if (!record || record->ids.size() > expected.size() ||
        !std::equal(record->ids.begin(), record->ids.end(), expected.begin())) {
      m_damage = damageOf(segment);
      return;
    }
    m_segments.push_back({std::ssize(record->ids), record->rows});
    if (std::ssize(record->ids) < kSegmentTokens) {
      return;  // reading was stopped here, or the document ends
    }
  }
}

std::int64_t KeptBook::tokens() const {
  return m_segments.empty()
             ? 0
             : std::ssize(m_segments) * kSegmentTokens - kSegmentTokens + m_segments.back().tokens;
}

void KeptBook::record(std::int64_t tokens, std::uint64_t rows) {
  BOOKWHEEL_ASSERT(tokens > 0 && tokens <= std::ssize(m_document));
  const std::int64_t segment = segmentsOf(tokens) - 1;
  BOOKWHEEL_ASSERT(segment <= std::ssize(m_segments));
  m_segments.resize(static_cast<std::size_t>(segment));
  const std::int64_t first = segment * kSegmentTokens;
  write(recordOffset(segment), encode({segment,
                                       std::span(m_document)
                                           .subspan(static_cast<std::size_t>(first),
                                                    static_cast<std::size_t>(tokens - first)),
                                       rows},
                                      m_seed));
  m_segments.push_back({tokens - first, rows});
}

void KeptBook::forget(std::int64_t tokens) {
  if (tokens >= this->tokens()) {
    return;
  }
  const std::int64_t kept = tokens / kSegmentTokens;
  for (std::int64_t segment = kept; segment < std::ssize(m_segments); ++segment) {
    try {
      write(recordOffset(segment), IndexPage{});
    } catch (const Error&) {
      // It will not fit its rows, then, and be found to be damaged.
    }
  }
  if (kept < std::ssize(m_segments)) {
    m_segments.resize(static_cast<std::size_t>(kept));
  }
}

int KeptBook::sync() const noexcept {
  int result = 0;
  do {
    result = ::fdatasync(m_descriptor);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

void KeptBook::write(std::int64_t offset, const IndexPage& page) {
  IndexPage bytes = page;
  iovec piece{bytes.data(), bytes.size()};
  if (const std::optional<Error> error =
          writePieces(m_descriptor, offset, {&piece, 1}, indexPath())) {
    throw *error;
  }
}

std::string KeptBook::damageOf(std::int64_t segment) const {
  const std::int64_t first = segment * kSegmentTokens;
  const std::int64_t end = std::min(first + kSegmentTokens, std::ssize(m_document));
  return "What was kept of this book is damaged from token " + number(first + 1) + " on (part " +
         number(segment + 1) + " of " + number(segmentsOf(std::ssize(m_document))) + ", tokens " +
         number(first + 1) + " to " + number(end) + "): it is read again from there.";
}

}  // namespace bookwheel
