// SPDX-License-Identifier: Apache-2.0
// Puts a Document together from the helper's messages, trusting none of them.
#include "app/documents/document_builder.h"

#include "app/documents/heading_place.h"
#include "app/documents/import_words.h"
#include "app/documents/pages.h"
#include "app/import/import_limits.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace bookwheel {
namespace {

constexpr std::string_view kPageSeparator = "\n\n";

/// What programs write into a PDF's title when nobody gave one.
QString usableTitle(const QString& title) {
  QString result = title.trimmed();
  for (const auto prefix : {u"Microsoft Word - ", u"Microsoft PowerPoint - "}) {
    if (result.startsWith(QStringView(prefix))) {
      result = result.mid(QStringView(prefix).size());
    }
  }
  const bool untitled = result.compare(u"untitled", Qt::CaseInsensitive) == 0;
  return untitled ? QString() : result;
}

}  // namespace

bool DocumentBuilder::add(const wire::Opened& message) {
  if (m_opened) {
    return m_opened->pages == message.pages && m_opened->format == message.format;
  }
  m_opened = message;
  return true;
}

bool DocumentBuilder::add(const wire::BeginPage& message) {
  if (!isPdf() || static_cast<qsizetype>(message.page) != m_pages.size() ||
      message.page > m_opened->pages) {
    return false;
  }
  m_begun = static_cast<int>(message.page);
  return true;
}

bool DocumentBuilder::add(const wire::PageText& message) {
  if (!isPdf() || static_cast<qsizetype>(message.page) != m_pages.size() ||
      message.page >= m_opened->pages || message.label.isEmpty() ||
      !addBytes(message.text.size())) {
    return false;
  }
  m_pages.append({message.label, QSizeF(message.width, message.height), message.text});
  return true;
}

bool DocumentBuilder::add(const wire::FlowText& message) {
  if (!m_opened || isPdf() || !addBytes(message.text.size())) {
    return false;
  }
  m_flow += message.text;
  return true;
}

bool DocumentBuilder::add(const wire::Heading& message) {
  const bool inside = isPdf() ? message.page < m_opened->pages && message.offset == 0
                              : message.offset < static_cast<std::uint64_t>(m_flow.size());
  if (!m_opened || !inside || m_headings.size() >= kMostOutlineEntries) {
    return false;
  }
  m_headings.append(message);
  return true;
}

bool DocumentBuilder::add(const wire::Notice& message) {
  constexpr qsizetype kMostNotices = 100;
  if (!m_opened || m_notices.size() >= kMostNotices) {
    return false;
  }
  m_notices.append(message);
  return true;
}

bool DocumentBuilder::addBytes(qsizetype bytes) {
  m_bytes += bytes + static_cast<qsizetype>(kPageSeparator.size());
  m_tooLarge = m_bytes > kMostTextBytes + std::int64_t{kMostPages} * 2;
  return !m_tooLarge;
}

void DocumentBuilder::addUnreadablePage() {
  m_unreadable.append(pagesDone());
  m_pages.append({QString::number(pagesDone() + 1), QSizeF(), QByteArray()});
}

std::optional<int> DocumentBuilder::restartPage() {
  if (m_begun && *m_begun >= pagesTotal()) {
    m_outlineLost = true;
    return std::nullopt;
  }
  if (m_begun && *m_begun == pagesDone()) {
    addUnreadablePage();
  }
  m_begun.reset();
  return pagesDone();
}

void DocumentBuilder::giveUp() {
  m_outlineLost = true;
  while (pagesDone() < pagesTotal()) {
    addUnreadablePage();
  }
}

bool DocumentBuilder::isWithoutText() const {
  return isPdf() && std::all_of(m_pages.begin(), m_pages.end(),
                                [](const Page& page) { return page.text.isEmpty(); });
}

bool DocumentBuilder::isAllUnreadable() const {
  return isPdf() && m_unreadable.size() == m_pages.size();
}

Document::Parts DocumentBuilder::pdfParts() const {
  Document::Parts parts;
  QList<int> empty;
  parts.text.reserve(m_bytes);
  for (qsizetype i = 0; i < m_pages.size(); ++i) {
    const Page& page = m_pages[i];
    if (!page.text.isEmpty() && !parts.text.isEmpty()) {
      parts.text.append(kPageSeparator.data(), static_cast<qsizetype>(kPageSeparator.size()));
    }
    DocumentPage range;
    range.begin = parts.text.size();
    parts.text.append(page.text);
    range.end = parts.text.size();
    range.label = page.label;
    range.sizePoints = page.size;
    parts.pages.append(range);
    if (page.text.isEmpty() && !m_unreadable.contains(static_cast<int>(i))) {
      empty.append(static_cast<int>(i));
    }
  }
  // Real pages hold about 3,000 bytes; hostile ones must not make this a long search.
  constexpr qsizetype kMostSearchedOfPage = 32 * 1024;
  std::int64_t searchBudget = 16 * kMiB;
  for (const wire::Heading& heading : m_headings) {
    const auto page = static_cast<qsizetype>(heading.page);
    const QByteArrayView text =
        QByteArrayView(m_pages[page].text)
            .first(std::min(m_pages[page].text.size(), kMostSearchedOfPage));
    searchBudget -= text.size();
    OutlineEntry entry;
    entry.title = heading.title;
    entry.level = static_cast<int>(heading.level);
    entry.page = static_cast<int>(page);
    entry.begin = parts.pages[page].begin;
    if (searchBudget > 0) {
      entry.begin +=
          headingPlace({text.data(), static_cast<std::size_t>(text.size())}, heading.title);
    }
    parts.outline.append(entry);
  }
  for (const QString& sentence :
       {unreadablePagesSentence(m_unreadable), pagesWithoutTextSentence(empty),
        m_outlineLost ? outlineLostSentence() : QString()}) {
    if (!sentence.isEmpty()) {
      parts.warnings.append(sentence);
    }
  }
  return parts;
}

Document::Parts DocumentBuilder::flowParts() const {
  Document::Parts parts;
  parts.text = m_flow;
  QList<std::int64_t> places;
  for (const wire::Heading& heading : m_headings) {
    places.append(static_cast<std::int64_t>(heading.offset));
  }
  std::sort(places.begin(), places.end());
  parts.pages = paginate({m_flow.constData(), static_cast<std::size_t>(m_flow.size())}, places);
  for (const wire::Heading& heading : m_headings) {
    OutlineEntry entry;
    entry.title = heading.title;
    entry.level = static_cast<int>(heading.level);
    entry.begin = static_cast<std::int64_t>(heading.offset);
    const auto after = std::upper_bound(
        parts.pages.begin(), parts.pages.end(), entry.begin,
        [](std::int64_t value, const DocumentPage& page) { return value < page.begin; });
    entry.page = static_cast<int>(after - parts.pages.begin()) - 1;
    parts.outline.append(entry);
  }
  return parts;
}

std::optional<Document> DocumentBuilder::build(const QString& fileTitle, const QByteArray& sha256,
                                               std::int64_t fileBytes) {
  if (!m_opened || pagesDone() < pagesTotal()) {
    return std::nullopt;
  }
  Document::Parts parts = isPdf() ? pdfParts() : flowParts();
  for (const wire::Notice& notice : std::as_const(m_notices)) {
    parts.warnings.append(noticeSentence(notice));
  }
  parts.format = m_opened->format;
  parts.title = usableTitle(m_opened->title);
  if (parts.title.isEmpty()) {
    parts.title = fileTitle;
  }
  parts.sha256 = sha256;
  parts.fileBytes = fileBytes;
  return Document::make(std::move(parts));
}

}  // namespace bookwheel
