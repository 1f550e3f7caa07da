// SPDX-License-Identifier: Apache-2.0
// A document as the program knows it: one UTF-8 text, its pages, its outline, and places in it.
#pragma once

#include <QByteArray>
#include <QList>
#include <QMetaType>
#include <QSizeF>
#include <QString>
#include <QStringList>

#include <cstdint>
#include <optional>
#include <string_view>

namespace bookwheel {

enum class DocumentFormat { PlainText = 0, Markdown = 1, Html = 2, Pdf = 3 };

/// "PDF", "Markdown", "HTML" or "Text": the name of a format for people and for JSON.
QString formatName(DocumentFormat format);

/// One page. For PDF these are the file's pages. For the formats without pages they are stretches
/// of about 3,000 characters that end where a paragraph ends (see pages.h), so that "page 12"
/// always names a place. Pages are in order and do not overlap.
struct DocumentPage {
  std::int64_t begin = 0;      ///< first byte in Document::text()
  std::int64_t end = 0;        ///< one past its last byte; what lies between pages is white space
  std::int64_t beginChar = 0;  ///< the same place as `begin`, in UTF-16 units of Document::string()
  QString label;               ///< what a reader calls it: "xii", "12"; never empty
  QSizeF sizePoints;           ///< 1/72 inch; empty for the formats without pages
};

/// One heading. Entries are in reading order of the outline, which is nearly always that of the
/// text.
struct OutlineEntry {
  QString title;           ///< one line, never empty
  int level = 0;           ///< 0 is the outermost
  int page = 0;            ///< index into pages(), from 0
  std::int64_t begin = 0;  ///< byte of Document::text() where the heading stands
};

/// A place as a page view counts: UTF-16 units from the page's start, as in pageString(page).
struct PagePosition {
  int page = 0;
  int character = 0;
  friend bool operator==(const PagePosition&, const PagePosition&) = default;
};

/// Half-open range of bytes of Document::text().
struct TextRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  bool isEmpty() const { return begin >= end; }
  friend bool operator==(const TextRange&, const TextRange&) = default;
};

/// A value: copies are cheap (implicitly shared) and a const Document may be read from any thread.
/// The text is valid UTF-8 with "\n" line ends and without NUL, other control characters except
/// tab, bidirectional overrides and tag characters. Every byte offset taken by a member is clamped
/// into the text and moved back to the start of the character it falls into.
class Document {
 public:
  /// The parts of a document as a reader found them. Document::make() checks and completes them.
  struct Parts {
    DocumentFormat format = DocumentFormat::PlainText;
    QString title;
    QByteArray text;
    QList<DocumentPage> pages;  ///< beginChar is computed
    QList<OutlineEntry> outline;
    QStringList warnings;
    QByteArray sha256;  ///< 32 raw bytes
    std::int64_t fileBytes = 0;
  };

  /// An empty document without pages.
  Document() = default;
  /// Nothing when the parts contradict each other: text is not UTF-8, a range lies outside the text
  /// or splits a character, pages overlap or there are none, an outline entry points nowhere.
  static std::optional<Document> make(Parts parts);

  /// All of the document in one self-describing block (the library keeps it), and back. Nothing
  /// when the block is damaged, from a newer version, or does not pass make().
  QByteArray toBytes() const;
  static std::optional<Document> fromBytes(const QByteArray& bytes);

  DocumentFormat format() const { return m_parts.format; }
  const QString& title() const { return m_parts.title; }
  /// The whole text, for the tokenizer. Valid as long as this object or a copy lives unchanged.
  std::string_view text() const {
    return {m_parts.text.constData(), static_cast<std::size_t>(m_parts.text.size())};
  }
  const QByteArray& utf8() const { return m_parts.text; }
  /// The whole text for a view. Converts: call once and keep.
  QString string() const;
  /// UTF-16 units of string().
  std::int64_t stringLength() const { return m_stringLength; }
  /// Characters (Unicode code points) of the text.
  std::int64_t characters() const { return m_characters; }

  const QList<DocumentPage>& pages() const { return m_parts.pages; }
  int pageCount() const { return static_cast<int>(m_parts.pages.size()); }
  QString pageString(int page) const;
  /// The text of the pages first..last (both inside), with what lies between them.
  TextRange pageRange(int first, int last) const;
  std::string_view text(TextRange range) const;
  QString string(TextRange range) const;

  const QList<OutlineEntry>& outline() const { return m_parts.outline; }
  /// The bytes from an outline entry to the next one of its level or further out.
  TextRange outlineRange(int entry) const;
  /// The innermost entry that a byte stands in; nothing before the first.
  std::optional<int> outlineEntryAt(std::int64_t byte) const;

  /// Whole sentences about what a reader should know: pages without text, undecodable bytes.
  const QStringList& warnings() const { return m_parts.warnings; }
  /// 32 bytes, of the file (not of the text): recognizes a file that was moved or changed.
  const QByteArray& sha256() const { return m_parts.sha256; }
  std::int64_t fileBytes() const { return m_parts.fileBytes; }

  /// The page a byte stands in; white space between two pages belongs to the one before it.
  /// O(log pages). -1 for a document without pages.
  int pageAt(std::int64_t byte) const;
  /// Byte to page and character and back. O(log pages) plus one page's length.
  PagePosition positionAt(std::int64_t byte) const;
  std::int64_t byteAt(PagePosition position) const;
  /// Byte to UTF-16 unit of string() and back, for views that hold the whole text. Same cost.
  std::int64_t charAt(std::int64_t byte) const;
  std::int64_t byteAtChar(std::int64_t character) const;

 private:
  std::int64_t clamp(std::int64_t byte) const;

  Parts m_parts;
  std::int64_t m_stringLength = 0;
  std::int64_t m_characters = 0;
};

}  // namespace bookwheel

Q_DECLARE_METATYPE(bookwheel::Document)
