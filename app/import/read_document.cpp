// SPDX-License-Identifier: Apache-2.0
// Reads the text of any supported file and reports it piece by piece.
#include "app/import/read_document.h"

#include "app/import/clean_text.h"
#include "app/import/decode_text.h"
#include "app/import/headings.h"
#include "app/import/html_text.h"
#include "app/import/import_limits.h"
#include "app/import/pdf_file.h"

#include <QPdfBookmarkModel>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace bookwheel {
namespace {

std::string_view view(const QByteArray& bytes) {
  return {bytes.constData(), static_cast<std::size_t>(bytes.size())};
}

void fail(Channel& channel, wire::Refusal refusal, std::int64_t number = 0) {
  channel.send(wire::Failed{refusal, static_cast<std::uint64_t>(number)});
}

void notice(Channel& channel, wire::NoticeKind kind, std::int64_t number,
            const QString& name = {}) {
  if (number > 0) {
    channel.send(wire::Notice{kind, static_cast<std::uint64_t>(number), name});
  }
}

void sendHeadings(Channel& channel, const QList<TextHeading>& headings) {
  for (qsizetype i = 0; i < std::min<qsizetype>(headings.size(), kMostOutlineEntries); ++i) {
    channel.send(
        wire::Heading{headings[i].title,
                      static_cast<std::uint32_t>(std::min(headings[i].level, kMostOutlineLevels)),
                      0, static_cast<std::uint64_t>(headings[i].offset)});
  }
  notice(channel, wire::NoticeKind::OutlineCut, headings.size() - kMostOutlineEntries);
}

/// What a format without pages comes to.
struct FlowDocument {
  DocumentFormat format = DocumentFormat::PlainText;
  QString title;
  QByteArray text;
  QList<TextHeading> headings;
  CleanCounts counts;
  std::int64_t hidden = 0;
};

FlowDocument flowDocument(const DecodedText& decoded, DocumentFormat format) {
  FlowDocument result;
  result.format = format;
  if (format == DocumentFormat::Html) {
    HtmlText html = htmlToText(decoded.text.toUtf8());
    result.title = std::move(html.title);
    result.text = std::move(html.text);
    result.headings = std::move(html.headings);
    result.counts = html.counts;
    result.hidden = html.hidden;
    return result;
  }
  result.text = cleanFlowText(decoded.text, result.counts).toUtf8();
  if (format == DocumentFormat::Markdown) {
    result.headings = markdownHeadings(view(result.text));
    result.title = markdownTitle(view(result.text), result.headings);
  } else {
    result.headings = chapterHeadings(view(result.text));
    result.title = plainTitle(view(result.text));
  }
  return result;
}

void readFlow(QFile& file, wire::Hint hint, Channel& channel) {
  if (file.size() > kMostTextFileBytes) {
    return fail(channel, wire::Refusal::TooLarge, kMostTextFileBytes);
  }
  const QByteArray bytes = file.readAll();
  if (bytes.size() != file.size()) {
    return fail(channel, wire::Refusal::Io);
  }
  if (const auto foreign = recognizeForeign(bytes)) {
    return fail(channel, *foreign);
  }
  DocumentFormat format = DocumentFormat::PlainText;
  if (hint == wire::Hint::Html || looksLikeHtml(bytes)) {
    format = DocumentFormat::Html;
  } else if (hint == wire::Hint::Markdown) {
    format = DocumentFormat::Markdown;
  }
  if (format == DocumentFormat::Html && bytes.size() > kMostHtmlFileBytes) {
    return fail(channel, wire::Refusal::TooLarge, kMostHtmlFileBytes);
  }
  const DecodedText decoded =
      decodeText(bytes, format == DocumentFormat::Html ? declaredCharset(bytes) : QByteArray());
  const FlowDocument document = flowDocument(decoded, format);
  if (document.text.isEmpty()) {
    return fail(channel, wire::Refusal::Empty);
  }
  if (document.text.size() > kMostTextBytes) {
    return fail(channel, wire::Refusal::TooMuchText, kMostTextBytes);
  }
  channel.send(wire::Opened{document.format, document.title, 0});
  constexpr qsizetype kPiece = 1024 * 1024;
  for (qsizetype at = 0; at < document.text.size(); at += kPiece) {
    channel.send(wire::FlowText{document.text.mid(at, kPiece)});
  }
  sendHeadings(channel, document.headings);
  notice(channel, wire::NoticeKind::GuessedEncoding, decoded.guessed ? 1 : 0,
         decoded.encoding.left(kMostLabelLength));
  notice(channel, wire::NoticeKind::InvalidBytes, decoded.invalidBytes);
  notice(channel, wire::NoticeKind::NulCharacters, document.counts.nul);
  notice(channel, wire::NoticeKind::ControlCharacters, document.counts.control);
  notice(channel, wire::NoticeKind::DirectionCharacters, document.counts.direction);
  notice(channel, wire::NoticeKind::TagCharacters, document.counts.tag);
  notice(channel, wire::NoticeKind::HiddenPassages, document.hidden);
  channel.send(wire::Finished{});
}

void sendOutline(PdfFile& pdf, Channel& channel) {
  QPdfBookmarkModel model;
  model.setDocument(&pdf.document());
  const auto role = [](QPdfBookmarkModel::Role r) { return static_cast<int>(r); };
  // Depth first with a stack of our own: a row's children before its next sibling.
  std::vector<std::pair<QModelIndex, int>> open{{QModelIndex(), 0}};
  std::int64_t sent = 0;
  std::int64_t cut = 0;
  while (!open.empty()) {
    auto& [parent, row] = open.back();
    if (row >= model.rowCount(parent)) {
      open.pop_back();
      continue;
    }
    const QModelIndex index = model.index(row++, 0, parent);
    CleanCounts ignored;
    const QString title = titleLine(
        cleanFlowText(model.data(index, role(QPdfBookmarkModel::Role::Title)).toString(), ignored));
    const int page = model.data(index, role(QPdfBookmarkModel::Role::Page)).toInt();
    const auto level = static_cast<int>(open.size()) - 1;
    if (!title.isEmpty() && page >= 0 && page < pdf.pageCount()) {
      if (sent < kMostOutlineEntries) {
        channel.send(wire::Heading{title,
                                   static_cast<std::uint32_t>(std::min(level, kMostOutlineLevels)),
                                   static_cast<std::uint32_t>(page), 0});
        ++sent;
      } else {
        ++cut;
      }
    }
    constexpr std::size_t kDeepest = 100;
    if (open.size() < kDeepest) {
      open.emplace_back(index, 0);
    }
  }
  notice(channel, wire::NoticeKind::OutlineCut, cut);
}

void readPdf(QFile& file, const wire::Start& start, Channel& channel) {
  if (file.size() > kMostPdfFileBytes) {
    return fail(channel, wire::Refusal::TooLarge, kMostPdfFileBytes);
  }
  PdfFile pdf;
  if (const auto failed = pdf.open(file, start.password)) {
    channel.send(*failed);
    return;
  }
  const int pages = pdf.pageCount();
  channel.send(wire::Opened{DocumentFormat::Pdf, pdf.title(), static_cast<std::uint32_t>(pages)});
  std::int64_t garbledPages = 0;
  for (int page = static_cast<int>(std::min<std::uint32_t>(start.firstPage, kMostPages));
       page < pages; ++page) {
    const auto number = static_cast<std::uint32_t>(page);
    channel.send(wire::BeginPage{number});
    const CleanPage clean = pdf.cleanText(page);
    garbledPages += clean.garbled * 10 > clean.letters ? 1 : 0;
    QByteArray text = clean.text.toUtf8();
    if (text.size() > kMostPageTextBytes) {
      return fail(channel, wire::Refusal::TooMuchText, kMostPageTextBytes);
    }
    const QSizeF size = pdf.pageSize(page);
    channel.send(
        wire::PageText{number, pdf.pageLabel(page), size.width(), size.height(), std::move(text)});
  }
  // All pages are out: what goes wrong from here costs the outline only.
  channel.send(wire::BeginPage{static_cast<std::uint32_t>(pages)});
  notice(channel, wire::NoticeKind::GarbledPages, garbledPages);
  sendOutline(pdf, channel);
  channel.send(wire::Finished{});
}

}  // namespace

void readDocumentFile(QFile& file, const wire::Start& start, Channel& channel) {
  if (file.size() == 0) {
    return fail(channel, wire::Refusal::Empty);
  }
  constexpr qint64 kHead = 1024;  // the PDF mark may stand behind that much
  const QByteArray head = file.peek(kHead);
  if (head.isEmpty()) {
    return fail(channel, wire::Refusal::Io);
  }
  if (head.contains("%PDF-")) {
    return readPdf(file, start, channel);
  }
  readFlow(file, start.hint, channel);
}

}  // namespace bookwheel
