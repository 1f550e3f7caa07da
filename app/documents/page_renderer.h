// SPDX-License-Identifier: Apache-2.0
// Pictures of PDF pages, and places on them, from a jailed helper process of its own.
#pragma once

#include "app/documents/document.h"

#include <QImage>
#include <QList>
#include <QObject>
#include <QPointF>
#include <QRectF>

#include <memory>

namespace bookwheel {

enum class PageColours { Paper, Dark };  ///< Dark: lightness inverted, hues kept

struct PageRequest {
  int page = 0;
  int widthPixels = 0;  ///< of the bitmap, in device pixels; the height follows from the page
  double devicePixelRatio = 1;  ///< set on the image; does not change widthPixels
  PageColours colours = PageColours::Paper;
  friend bool operator==(const PageRequest&, const PageRequest&) = default;
};

/// Bitmaps, highlight rectangles and mouse selection for one PDF. Belongs to one thread, which must
/// run an event loop; never blocks it. Answers come as signals in the order of their tickets' work,
/// one per ticket, except for tickets that were superseded or cancelled: those stay silent.
///
/// A crashed or hung helper is started again; the request it died on fails with a sentence, the
/// others go on. After too many crashes in a row on different pages everything fails until open()
/// is called. Bitmaps over 64 million pixels are made smaller (the image's size tells).
class PageRenderer : public QObject {
  Q_OBJECT

 public:
  using Ticket = quint64;

  explicit PageRenderer(QObject* parent = nullptr);
  ~PageRenderer() override;

  /// Opens `path`, which `document` was read from; drops all requests of the file before. The file
  /// is opened now and read through that handle for as long as this object shows it.
  void open(const QString& path, const Document& document, const QString& password = {});
  void close();

  /// Newest first: the last request is answered next. A request for a page takes the place of an
  /// older, unanswered one for the same page with the same colours.
  Ticket requestPage(const PageRequest& request);
  /// Forgets page requests for all other pages (the view scrolled on).
  void keepOnly(const QList<int>& pages);
  void cancel(Ticket ticket);

  /// Rectangles of the words of `range` that stand on `page`, in points from the top left corner.
  Ticket requestHighlights(int page, TextRange range);
  /// The text between two points (in points from the top left corner), as bytes of the document.
  Ticket requestSelection(int page, QPointF from, QPointF to);

  /// Process id of the helper, 0 when none runs (tests kill it).
  qint64 helperPid() const;

 Q_SIGNALS:
  void pageReady(bookwheel::PageRenderer::Ticket ticket, const bookwheel::PageRequest& request,
                 const QImage& image);
  void highlightsReady(bookwheel::PageRenderer::Ticket ticket, int page,
                       const QList<QRectF>& rectangles);
  /// An empty range: no text there.
  void selectionReady(bookwheel::PageRenderer::Ticket ticket, int page, bookwheel::TextRange range,
                      const QList<QRectF>& rectangles);
  void requestFailed(bookwheel::PageRenderer::Ticket ticket, int page, const QString& sentence);

 private:
  class Private;
  std::unique_ptr<Private> d;
};

}  // namespace bookwheel
