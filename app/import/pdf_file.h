// SPDX-License-Identifier: Apache-2.0
// One open PDF: the text of its pages as the program counts it, their pictures, and places on them.
#pragma once

#include "app/import/clean_text.h"
#include "app/import/page_placement.h"
#include "app/import/protocol.h"

#include <QHash>
#include <QIODevice>
#include <QImage>
#include <QPdfDocument>
#include <QSize>
#include <QSizeF>
#include <QString>

#include <optional>

namespace bookwheel {

class PdfFile {
 public:
  /// Nothing when the file is open, else why not. `device` must outlive this object.
  std::optional<wire::Failed> open(QIODevice& device, const QString& password);

  QPdfDocument& document() { return m_document; }
  int pageCount() const { return m_document.pageCount(); }
  QString title() const;
  QString pageLabel(int page);
  QSizeF pageSize(int page) const { return m_document.pagePointSize(page); }

  /// The page's text as PDFium gives it; one unit is one of its character indices (see
  /// rawCharacter).
  QString rawText(int page);
  CleanPage cleanText(int page) { return cleanPdfPage(rawText(page)); }

  /// RGB32 on white paper (or dark), `widthPixels` wide or, over kMostPixels, as wide as that
  /// allows, written to `target` (kBitmapBytes). Nothing when the page cannot be shown.
  std::optional<QSize> render(int page, int widthPixels, bool dark, uchar* target);

  /// Rectangles of the bytes begin..end of the page's clean text.
  wire::Rectangles rectangles(int page, std::uint32_t begin, std::uint32_t end);
  /// The clean text between two points.
  wire::Rectangles selection(int page, QPointF from, QPointF to);

 private:
  const CleanPage& cachedText(int page);
  const PagePlacement& placement(int page);
  QList<QRectF> boundsOf(int page, int rawBegin, int rawEnd);

  QPdfDocument m_document;
  QHash<int, CleanPage> m_clean;  ///< pages that places were asked for
  QHash<int, PagePlacement> m_placements;
};

}  // namespace bookwheel
