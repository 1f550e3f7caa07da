// SPDX-License-Identifier: Apache-2.0
// A document as the program knows it: one UTF-8 text, its pages, its outline, and places in it.
#include "app/documents/document.h"

#include "app/documents/utf8.h"

#include <QByteArrayView>
#include <QCryptographicHash>
#include <QDataStream>
#include <QIODevice>

#include <algorithm>
#include <utility>

namespace bookwheel {
namespace {

constexpr QByteArrayView kBlockMagic("BWD1");  // layout version 1; then SHA-256 of the rest
constexpr qsizetype kChecksumBytes = 32;
constexpr int kMostLevels = 100;

bool isWhiteSpace(std::string_view text) {
  return text.find_first_not_of(" \t\n") == std::string_view::npos;
}

std::string_view part(std::string_view text, std::int64_t begin, std::int64_t end) {
  return text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

/// UTF-16 units of valid UTF-8.
std::int64_t utf16Length(std::string_view text) {
  std::int64_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    // Every character counts once by its first byte; four-byte characters are two units.
    units += (byte & 0xC0U) != 0x80U ? (byte >= 0xF0U ? 2 : 1) : 0;
  }
  return units;
}

/// Bytes of the first `units` UTF-16 units; a cut inside a surrogate pair goes back before it.
std::int64_t utf8Length(std::string_view text, std::int64_t units) {
  std::size_t i = 0;
  while (i < text.size()) {
    const int length = utf8CharacterAt(text, i).length;
    units -= length == 4 ? 2 : 1;
    if (units < 0) {
      break;
    }
    i += static_cast<std::size_t>(length);
  }
  return static_cast<std::int64_t>(i);
}

QString toString(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

}  // namespace

QString formatName(DocumentFormat format) {
  switch (format) {
    case DocumentFormat::PlainText:
      return QStringLiteral("Text");
    case DocumentFormat::Markdown:
      return QStringLiteral("Markdown");
    case DocumentFormat::Html:
      return QStringLiteral("HTML");
    case DocumentFormat::Pdf:
      return QStringLiteral("PDF");
  }
  return {};
}

std::optional<Document> Document::make(Parts parts) {
  Document result;
  const std::string_view text(parts.text.constData(), static_cast<std::size_t>(parts.text.size()));
  if (!isCleanText(text) || parts.pages.isEmpty()) {
    return std::nullopt;
  }
  const auto size = static_cast<std::int64_t>(text.size());
  std::int64_t end = 0;
  std::int64_t unit = 0;
  for (DocumentPage& page : parts.pages) {
    if (page.begin < end || page.end < page.begin || page.end > size || page.label.isEmpty() ||
        !isUtf8Boundary(text, page.begin) || !isUtf8Boundary(text, page.end) ||
        !isWhiteSpace(part(text, end, page.begin))) {
      return std::nullopt;
    }
    unit += page.begin - end;  // white space: one unit a byte
    page.beginChar = unit;
    unit += utf16Length(part(text, page.begin, page.end));
    end = page.end;
  }
  if (!isWhiteSpace(part(text, end, size))) {
    return std::nullopt;
  }
  for (const OutlineEntry& entry : parts.outline) {
    if (entry.title.isEmpty() || entry.level < 0 || entry.level > kMostLevels || entry.page < 0 ||
        entry.page >= parts.pages.size() || !isUtf8Boundary(text, entry.begin)) {
      return std::nullopt;
    }
  }
  const std::optional<Utf8Counts> counts = countUtf8(text);
  if (!counts) {
    return std::nullopt;
  }
  result.m_characters = counts->characters;
  result.m_stringLength = counts->utf16Units;
  result.m_parts = std::move(parts);
  return result;
}

QByteArray Document::toBytes() const {
  QByteArray bytes;
  QDataStream out(&bytes, QIODevice::WriteOnly);
  out.setVersion(QDataStream::Qt_6_4);
  out << static_cast<quint8>(m_parts.format) << m_parts.title << m_parts.sha256
      << static_cast<qint64>(m_parts.fileBytes) << m_parts.warnings;
  out << static_cast<quint32>(m_parts.pages.size());
  for (const DocumentPage& page : m_parts.pages) {
    out << static_cast<qint64>(page.begin) << static_cast<qint64>(page.end) << page.label
        << page.sizePoints;
  }
  out << static_cast<quint32>(m_parts.outline.size());
  for (const OutlineEntry& entry : m_parts.outline) {
    out << entry.title << static_cast<qint32>(entry.level) << static_cast<qint32>(entry.page)
        << static_cast<qint64>(entry.begin);
  }
  // Compressed: a book's text shrinks to about 40 %. Last, so that the small parts come first.
  out << qCompress(m_parts.text, 1);
  return kBlockMagic.toByteArray() + QCryptographicHash::hash(bytes, QCryptographicHash::Sha256) +
         bytes;
}

std::optional<Document> Document::fromBytes(const QByteArray& bytes) {
  const QByteArrayView view(bytes);
  constexpr qsizetype kHead = kBlockMagic.size() + kChecksumBytes;
  if (view.size() < kHead || !view.startsWith(kBlockMagic)) {
    return std::nullopt;
  }
  const QByteArray body = view.sliced(kHead).toByteArray();
  if (QCryptographicHash::hash(body, QCryptographicHash::Sha256) !=
      view.sliced(kBlockMagic.size(), kChecksumBytes)) {
    return std::nullopt;
  }
  QDataStream in(body);
  in.setVersion(QDataStream::Qt_6_4);
  quint8 format = 0;
  qint64 fileBytes = 0;
  Parts parts;
  in >> format >> parts.title >> parts.sha256 >> fileBytes >> parts.warnings;
  if (format > static_cast<quint8>(DocumentFormat::Pdf)) {
    return std::nullopt;
  }
  parts.format = static_cast<DocumentFormat>(format);
  parts.fileBytes = fileBytes;
  quint32 count = 0;
  in >> count;
  // Grown entry by entry, so that a wrong count ends at the end of the block, not in an allocation.
  for (quint32 i = 0; i < count && in.status() == QDataStream::Ok; ++i) {
    qint64 begin = 0;
    qint64 end = 0;
    DocumentPage page;
    in >> begin >> end >> page.label >> page.sizePoints;
    page.begin = begin;
    page.end = end;
    parts.pages.append(page);
  }
  count = 0;
  in >> count;
  for (quint32 i = 0; i < count && in.status() == QDataStream::Ok; ++i) {
    qint32 level = 0;
    qint32 page = 0;
    qint64 begin = 0;
    OutlineEntry entry;
    in >> entry.title >> level >> page >> begin;
    entry.level = level;
    entry.page = page;
    entry.begin = begin;
    parts.outline.append(entry);
  }
  QByteArray packed;
  in >> packed;
  if (in.status() != QDataStream::Ok || !in.atEnd()) {
    return std::nullopt;
  }
  parts.text = qUncompress(packed);
  return make(std::move(parts));
}

QString Document::string() const { return toString(text()); }

QString Document::pageString(int page) const {
  if (page < 0 || page >= pageCount()) {
    return {};
  }
  return toString(part(text(), m_parts.pages[page].begin, m_parts.pages[page].end));
}

TextRange Document::pageRange(int first, int last) const {
  first = std::max(first, 0);
  last = std::min(last, pageCount() - 1);
  if (first > last) {
    return {};
  }
  return {m_parts.pages[first].begin, m_parts.pages[last].end};
}

std::string_view Document::text(TextRange range) const {
  const std::int64_t begin = clamp(range.begin);
  return part(text(), begin, std::max(begin, clamp(range.end)));
}

QString Document::string(TextRange range) const { return toString(text(range)); }

TextRange Document::outlineRange(int entry) const {
  if (entry < 0 || entry >= m_parts.outline.size()) {
    return {};
  }
  const OutlineEntry& first = m_parts.outline[entry];
  std::int64_t end = static_cast<std::int64_t>(text().size());
  for (qsizetype i = entry + 1; i < m_parts.outline.size(); ++i) {
    const OutlineEntry& next = m_parts.outline[i];
    // An outline may point backwards (indexes do); such an entry ends nothing.
    if (next.level <= first.level && next.begin > first.begin) {
      end = next.begin;
      break;
    }
  }
  return {first.begin, end};
}

std::optional<int> Document::outlineEntryAt(std::int64_t byte) const {
  std::optional<int> best;
  std::int64_t bestBegin = -1;
  for (qsizetype i = 0; i < m_parts.outline.size(); ++i) {
    const std::int64_t begin = m_parts.outline[i].begin;
    if (begin <= byte && begin >= bestBegin) {
      best = static_cast<int>(i);
      bestBegin = begin;
    }
  }
  return best;
}

std::int64_t Document::clamp(std::int64_t byte) const {
  byte = std::clamp<std::int64_t>(byte, 0, static_cast<std::int64_t>(text().size()));
  while (!isUtf8Boundary(text(), byte)) {
    --byte;
  }
  return byte;
}

int Document::pageAt(std::int64_t byte) const {
  if (m_parts.pages.isEmpty()) {
    return -1;
  }
  // The last page that begins at or before the byte; of several empty ones there, the last.
  const auto after = std::upper_bound(
      m_parts.pages.begin(), m_parts.pages.end(), byte,
      [](std::int64_t value, const DocumentPage& page) { return value < page.begin; });
  return std::max(0, static_cast<int>(after - m_parts.pages.begin()) - 1);
}

PagePosition Document::positionAt(std::int64_t byte) const {
  const int page = pageAt(byte);
  if (page < 0) {
    return {};
  }
  byte = clamp(byte);
  const DocumentPage& where = m_parts.pages[page];
  const std::int64_t end = std::clamp(byte, where.begin, where.end);
  return {page, static_cast<int>(utf16Length(part(text(), where.begin, end)))};
}

std::int64_t Document::byteAt(PagePosition position) const {
  if (m_parts.pages.isEmpty()) {
    return 0;
  }
  const DocumentPage& page = m_parts.pages[std::clamp(position.page, 0, pageCount() - 1)];
  return page.begin +
         utf8Length(part(text(), page.begin, page.end), std::max(0, position.character));
}

std::int64_t Document::charAt(std::int64_t byte) const {
  byte = clamp(byte);
  const int page = pageAt(byte);
  if (page < 0) {
    return 0;
  }
  const DocumentPage& where = m_parts.pages[page];
  if (byte < where.begin) {
    return byte;  // white space before the first page: one unit a byte
  }
  return where.beginChar + utf16Length(part(text(), where.begin, byte));
}

std::int64_t Document::byteAtChar(std::int64_t character) const {
  character = std::clamp<std::int64_t>(character, 0, m_stringLength);
  const auto after = std::upper_bound(
      m_parts.pages.begin(), m_parts.pages.end(), character,
      [](std::int64_t value, const DocumentPage& page) { return value < page.beginChar; });
  if (after == m_parts.pages.begin()) {
    return character;
  }
  const DocumentPage& where = *(after - 1);
  const std::string_view rest = text().substr(static_cast<std::size_t>(where.begin));
  return where.begin + utf8Length(rest, character - where.beginChar);
}

}  // namespace bookwheel
