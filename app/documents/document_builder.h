// SPDX-License-Identifier: Apache-2.0
// Puts a Document together from the helper's messages, trusting none of them.
#pragma once

#include "app/documents/document.h"
#include "app/import/protocol.h"

#include <QByteArray>
#include <QList>
#include <QString>

#include <cstdint>
#include <optional>

namespace bookwheel {

/// Every add... member gives false when the message contradicts what came before or passes a limit:
/// the helper is broken then. After a restart of the helper its messages continue (see
/// restartPage).
class DocumentBuilder {
 public:
  bool add(const wire::Opened& message);
  bool add(const wire::BeginPage& message);
  bool add(const wire::PageText& message);
  bool add(const wire::FlowText& message);
  bool add(const wire::Heading& message);
  bool add(const wire::Notice& message);

  bool isOpened() const { return m_opened.has_value(); }
  bool isPdf() const { return m_opened && m_opened->format == DocumentFormat::Pdf; }
  int pagesTotal() const { return m_opened ? static_cast<int>(m_opened->pages) : 0; }
  int pagesDone() const { return static_cast<int>(m_pages.size()); }
  /// More text came than a document may have.
  bool isTooLarge() const { return m_tooLarge; }

  /// The helper died: marks the page it was at as unreadable and gives the page to go on with,
  /// which is pagesTotal() when only the outline is missing; nothing when the outline was all it
  /// did.
  std::optional<int> restartPage();
  /// Marks all pages that did not come as unreadable.
  void giveUp();

  /// True when pages came but none has text. `allUnreadable`: because all of them failed.
  bool isWithoutText() const;
  bool isAllUnreadable() const;

  /// The document; nothing when what the helper said does not make one. `fileTitle` is used when
  /// the file names no title.
  std::optional<Document> build(const QString& fileTitle, const QByteArray& sha256,
                                std::int64_t fileBytes);

 private:
  struct Page {
    QString label;
    QSizeF size;
    QByteArray text;
  };
  bool addBytes(qsizetype bytes);
  void addUnreadablePage();
  Document::Parts pdfParts() const;
  Document::Parts flowParts() const;

  std::optional<wire::Opened> m_opened;
  std::optional<int> m_begun;  ///< the page the helper is at
  QList<Page> m_pages;
  QByteArray m_flow;
  QList<wire::Heading> m_headings;
  QList<wire::Notice> m_notices;
  QList<int> m_unreadable;
  std::int64_t m_bytes = 0;
  bool m_outlineLost = false;
  bool m_tooLarge = false;
};

}  // namespace bookwheel
