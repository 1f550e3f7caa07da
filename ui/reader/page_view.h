// SPDX-License-Identifier: Apache-2.0
// PageView: the pages of a PDF, one below the other, drawn as their bitmaps arrive.
#pragma once

#include "app/documents/document.h"
#include "app/documents/page_renderer.h"

#include <QAbstractScrollArea>
#include <QHash>
#include <QList>
#include <QPixmap>
#include <QTimer>

#include <memory>
#include <optional>

namespace bookwheel {

/// Highlights are drawn on the page first and the page's ink on top, so words stay readable.
/// Positions are page - 1 + share of the page (0.5: the middle of the first page), the same in
/// every view. GUI thread; never waits for a bitmap.
class PageView : public QAbstractScrollArea {
  Q_OBJECT
 public:
  static constexpr double kFitWidth = 0;

  explicit PageView(QWidget* parent = nullptr);

  void setDocument(const QString& path, const QString& password,
                   std::shared_ptr<const Document> document);
  void clear();

  /// 1 is 96 pixels an inch; kFitWidth follows the window.
  void setZoom(double zoom);
  double zoom() const { return m_zoom; }
  double effectiveZoom() const;
  void setDarkPages(bool dark);

  double position() const;
  /// Puts `position` a little below the top edge.
  void setPosition(double position);
  int currentPage() const;  ///< index from 0; -1 without a document
  /// Scrolls only if `range` is not in sight already.
  void reveal(TextRange range);
  /// Puts the line that begins `range` a little below the top edge.
  void showFromTop(TextRange range);

  /// Found text; `current` is an index into `matches` or -1. In order of the text.
  void setMatches(const QList<TextRange>& matches, int current);
  QString selectedText() const;
  /// Every page in sight is drawn from a bitmap of its size, or said why not.
  bool isDrawn() const;

 Q_SIGNALS:
  void pageChanged(int page);
  void positionChanged(double position);
  void scrolledByHand();
  void zoomStepRequested(int step);
  void selectionChanged();

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void scrollContentsBy(int dx, int dy) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;

 private:
  struct Picture {
    QPixmap pixmap;
    int widthPixels = 0;
    PageColours colours = PageColours::Paper;
    QString problem;
  };
  struct Marks {
    QList<TextRange> ranges;          // what was asked for, in order
    QList<QList<QRectF>> rectangles;  // points from the page's top left corner, one list a range
  };
  /// A place that is gone to at once as well as is known, and again when the page has told where
  /// it is; unless somebody scrolled meanwhile.
  struct Wanted {
    enum class Way { InSight, FromTop } way = Way::InSight;
    PageRenderer::Ticket ticket = 0;
    int page = 0;
  };

  void layoutPages();
  QRectF pageRect(int page) const;  // in content pixels
  int pageAtY(qreal y) const;
  QPair<int, int> visiblePages() const;
  void requestVisible();
  void requestMarks();
  void requestPlace(TextRange range, Wanted::Way way);
  void goTo(const QRectF& target, Wanted::Way way);
  QRectF contentRect(int page, const QRectF& points) const;
  void takePicture(const PageRequest& request, const QImage& image);
  void trimPictures();
  void paintPage(QPainter& painter, int page, const QRectF& rect);
  PageColours colours() const;
  int targetWidth(int page) const;
  QPointF toPoints(int page, QPointF viewportPos) const;
  void requestSelection(QPointF to);
  void announcePosition();

  std::shared_ptr<const Document> m_document;
  PageRenderer m_renderer;
  QList<qreal> m_tops;  // content pixels, one a page and one past the end
  qreal m_scale = 1;    // content pixels a point
  qreal m_contentWidth = 0;
  double m_zoom = kFitWidth;
  bool m_dark = false;
  bool m_moving = false;  // scrolled by us, not by hand
  int m_page = -1;
  QHash<int, Picture> m_pictures;
  QTimer m_request;

  QList<TextRange> m_matches;
  int m_currentMatch = -1;
  QHash<int, Marks> m_marks;
  QHash<PageRenderer::Ticket, QPair<int, int>> m_markTickets;  // page, index into its ranges
  std::optional<Wanted> m_wanted;

  int m_selectionPage = -1;
  QPointF m_selectionFrom;
  TextRange m_selection;
  QList<QRectF> m_selectionRectangles;
  PageRenderer::Ticket m_selectionTicket = 0;
  bool m_selecting = false;
};

}  // namespace bookwheel
