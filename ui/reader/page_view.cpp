// SPDX-License-Identifier: Apache-2.0
// PageView: the pages of a PDF, one below the other, drawn as their bitmaps arrive.
#include "ui/reader/page_view.h"

#include "ui/style/controls.h"
#include "ui/style/focus_ring.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QGuiApplication>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QScrollBar>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>
#include <utility>

namespace bookwheel {

namespace {

constexpr qreal kSideMargin = 28;
constexpr qreal kTopMargin = 24;
constexpr qreal kPageGap = 16;
constexpr qreal kPixelsPerPoint = 96.0 / 72.0;  // at zoom 1
constexpr QSizeF kFallbackPage(595, 842);       // A4, for a page without a size
constexpr qint64 kPictureBytes = 192LL << 20;   // kept bitmaps; a page at 900 px is about 4 MB
constexpr int kLineStep = 48;
constexpr qreal kRevealMargin = 0.25;  // of the view's height above a revealed place
constexpr qreal kSightMargin = 24;     // pixels between a place in sight and the view's edge

}  // namespace

PageView::PageView(QWidget* parent) : QAbstractScrollArea(parent) {
  setFrameShape(QFrame::NoFrame);
  setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOn);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAsNeeded);
  setSurface(verticalScrollBar(), Surface::Window);
  setSurface(horizontalScrollBar(), Surface::Window);
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Document pages"));
  viewport()->setAutoFillBackground(false);
  viewport()->setMouseTracking(true);
  m_request.setSingleShot(true);
  m_request.setInterval(0);
  connect(&m_request, &QTimer::timeout, this, &PageView::requestVisible);
  connect(&m_renderer, &PageRenderer::pageReady, this,
          [this](PageRenderer::Ticket, const PageRequest& request, const QImage& image) {
            takePicture(request, image);
          });
  connect(&m_renderer, &PageRenderer::requestFailed, this,
          [this](PageRenderer::Ticket ticket, int page, const QString& sentence) {
            if (m_markTickets.remove(ticket) > 0 || ticket == m_selectionTicket ||
                (m_wanted && ticket == m_wanted->ticket)) {
              return;
            }
            m_pictures[page].problem = sentence;
            viewport()->update();
          });
  connect(&m_renderer, &PageRenderer::highlightsReady, this,
          [this](PageRenderer::Ticket ticket, int page, const QList<QRectF>& rectangles) {
            if (m_wanted && ticket == m_wanted->ticket) {
              const Wanted wanted = *std::exchange(m_wanted, std::nullopt);
              if (!rectangles.isEmpty()) {
                goTo(contentRect(wanted.page, rectangles.first()), wanted.way);
              }
              return;
            }
            const auto place = m_markTickets.take(ticket);
            const auto marks = m_marks.find(page);
            if (marks != m_marks.end() && place.first == page &&
                place.second < marks->rectangles.size()) {
              marks->rectangles[place.second] = rectangles;
              viewport()->update();
            }
          });
  connect(&m_renderer, &PageRenderer::selectionReady, this,
          [this](PageRenderer::Ticket ticket, int page, TextRange range,
                 const QList<QRectF>& rectangles) {
            if (ticket == m_selectionTicket) {
              m_selectionPage = page;
              m_selection = range;
              m_selectionRectangles = rectangles;
              viewport()->update();
              Q_EMIT selectionChanged();
            }
          });
  connect(&themeEvents(), &ThemeEvents::changed, this, [this] { m_request.start(); });
}

void PageView::setDocument(const QString& path, const QString& password,
                           std::shared_ptr<const Document> document) {
  clear();
  m_document = std::move(document);
  m_renderer.open(path, *m_document, password);
  layoutPages();
  m_page = m_document->pageCount() > 0 ? 0 : -1;
  Q_EMIT pageChanged(m_page);
}

void PageView::clear() {
  m_renderer.close();
  m_document.reset();
  m_tops.clear();
  m_pictures.clear();
  m_matches.clear();
  m_marks.clear();
  m_markTickets.clear();
  m_wanted.reset();
  m_currentMatch = -1;
  m_selection = {};
  m_selectionRectangles.clear();
  m_selectionPage = -1;
  m_page = -1;
  verticalScrollBar()->setRange(0, 0);
  horizontalScrollBar()->setRange(0, 0);
  viewport()->update();
}

void PageView::setZoom(double zoom) {
  if (qFuzzyCompare(zoom + 1, m_zoom + 1)) {
    return;
  }
  const double keep = position();
  m_zoom = zoom;
  layoutPages();
  setPosition(keep);
}

double PageView::effectiveZoom() const { return m_scale / kPixelsPerPoint; }

void PageView::setDarkPages(bool dark) {
  if (m_dark != dark) {
    m_dark = dark;
    m_request.start();
    viewport()->update();
  }
}

PageColours PageView::colours() const { return m_dark ? PageColours::Dark : PageColours::Paper; }

void PageView::layoutPages() {
  m_tops.clear();
  if (!m_document) {
    return;
  }
  const auto sizeOf = [](const DocumentPage& page) {
    return page.sizePoints.isEmpty() ? kFallbackPage : page.sizePoints;
  };
  qreal widest = 1;
  for (const DocumentPage& page : m_document->pages()) {
    widest = std::max(widest, sizeOf(page).width());
  }
  const qreal room = std::max<qreal>(120, viewport()->width() - 2 * kSideMargin);
  m_scale = m_zoom == kFitWidth ? room / widest : m_zoom * kPixelsPerPoint;
  m_contentWidth = widest * m_scale + 2 * kSideMargin;
  qreal y = kTopMargin;
  m_tops.reserve(m_document->pageCount() + 1);
  for (const DocumentPage& page : m_document->pages()) {
    m_tops.append(y);
    y += std::round(sizeOf(page).height() * m_scale) + kPageGap;
  }
  m_tops.append(y);
  const int contentHeight = int(y - kPageGap + kTopMargin);
  m_moving = true;
  verticalScrollBar()->setPageStep(viewport()->height());
  verticalScrollBar()->setSingleStep(kLineStep);
  verticalScrollBar()->setRange(0, std::max(0, contentHeight - viewport()->height()));
  horizontalScrollBar()->setPageStep(viewport()->width());
  horizontalScrollBar()->setSingleStep(kLineStep);
  horizontalScrollBar()->setRange(0, std::max(0, int(m_contentWidth) - viewport()->width()));
  m_moving = false;
  m_request.start();
  viewport()->update();
}

QRectF PageView::pageRect(int page) const {
  const DocumentPage& info = m_document->pages().at(page);
  const QSizeF points = info.sizePoints.isEmpty() ? kFallbackPage : info.sizePoints;
  const qreal width = std::round(points.width() * m_scale);
  const qreal across = std::max<qreal>(m_contentWidth, viewport()->width());
  return {std::round((across - width) / 2), m_tops.at(page), width,
          m_tops.at(page + 1) - m_tops.at(page) - kPageGap};
}

int PageView::pageAtY(qreal y) const {
  if (m_tops.size() < 2) {
    return -1;
  }
  const auto next = std::upper_bound(m_tops.begin(), m_tops.end() - 1, y);
  return std::max(0, int(next - m_tops.begin()) - 1);
}

QPair<int, int> PageView::visiblePages() const {
  const int top = verticalScrollBar()->value();
  return {pageAtY(top), pageAtY(top + viewport()->height())};
}

int PageView::targetWidth(int page) const {
  return std::max(1, int(std::lround(pageRect(page).width() * devicePixelRatioF())));
}

double PageView::position() const {
  if (m_tops.size() < 2) {
    return 0;
  }
  const qreal y = verticalScrollBar()->value();
  const int page = pageAtY(y);
  const qreal height = m_tops.at(page + 1) - m_tops.at(page);
  return page + std::clamp((y - m_tops.at(page)) / height, 0.0, 0.999);
}

void PageView::setPosition(double position) {
  m_wanted.reset();
  if (m_tops.size() < 2) {
    return;
  }
  const int page = std::clamp(int(position), 0, int(m_tops.size()) - 2);
  const double share = std::clamp(position - page, 0.0, 1.0);
  const qreal y = m_tops.at(page) + share * (m_tops.at(page + 1) - m_tops.at(page));
  m_moving = true;
  verticalScrollBar()->setValue(int(share > 0 ? y : y - kPageGap));
  m_moving = false;
  announcePosition();
}

int PageView::currentPage() const {
  // The page that holds the upper third of the view is the one being read.
  return pageAtY(verticalScrollBar()->value() + viewport()->height() / 3.0);
}

QRectF PageView::contentRect(int page, const QRectF& points) const {
  return {pageRect(page).topLeft() + points.topLeft() * m_scale, points.size() * m_scale};
}

void PageView::requestPlace(TextRange range, Wanted::Way way) {
  const int page = m_document->pageAt(range.begin);
  m_wanted = Wanted{way, m_renderer.requestHighlights(page, range), page};
}

void PageView::goTo(const QRectF& target, Wanted::Way way) {
  const qreal top = verticalScrollBar()->value();
  if (way == Wanted::Way::InSight && target.top() >= top + kSightMargin &&
      target.bottom() <= top + viewport()->height() - 2 * kSightMargin) {
    return;
  }
  const qreal above =
      way == Wanted::Way::InSight ? viewport()->height() * kRevealMargin : kSightMargin;
  m_moving = true;
  verticalScrollBar()->setValue(int(target.top() - above));
  m_moving = false;
  announcePosition();
}

void PageView::reveal(TextRange range) {
  m_wanted.reset();
  if (!m_document || m_tops.size() < 2) {
    return;
  }
  const PagePosition place = m_document->positionAt(range.begin);
  const auto marks = m_marks.constFind(place.page);
  if (marks != m_marks.constEnd()) {
    const qsizetype index = marks->ranges.indexOf(range);
    if (index >= 0 && !marks->rectangles.at(index).isEmpty()) {
      goTo(contentRect(place.page, marks->rectangles.at(index).first()), Wanted::Way::InSight);
      return;
    }
  }
  // Until the page tells where the words stand: their share of its text is close on most pages.
  const QRectF page = pageRect(place.page);
  const qsizetype length = std::max<qsizetype>(1, m_document->pageString(place.page).size());
  const qreal share = qreal(place.character) / qreal(length);
  goTo(QRectF(page.left(), page.top() + page.height() * (0.08 + 0.84 * share), page.width(), 1),
       Wanted::Way::InSight);
  requestPlace(range, Wanted::Way::InSight);
}

void PageView::showFromTop(TextRange range) {
  if (!m_document || m_tops.size() < 2) {
    return;
  }
  const int page = m_document->pageAt(range.begin);
  setPosition(page);
  if (range.begin > m_document->pages().at(page).begin) {
    requestPlace(range, Wanted::Way::FromTop);
  }
}

void PageView::setMatches(const QList<TextRange>& matches, int current) {
  if (matches != m_matches) {
    m_matches = matches;
    m_marks.clear();
    // Each costs the helper a few milliseconds, and a letter can stand on a page 300 times.
    for (auto it = m_markTickets.keyBegin(); it != m_markTickets.keyEnd(); ++it) {
      m_renderer.cancel(*it);
    }
    m_markTickets.clear();
  }
  m_currentMatch = current;
  requestMarks();
  viewport()->update();
}

QString PageView::selectedText() const {
  return m_document && !m_selection.isEmpty() ? m_document->string(m_selection) : QString();
}

bool PageView::isDrawn() const {
  if (m_tops.size() < 2) {
    return true;
  }
  const auto [first, last] = visiblePages();
  for (int page = first; page <= last; ++page) {
    const auto have = m_pictures.constFind(page);
    const bool current = have != m_pictures.constEnd() && have->widthPixels == targetWidth(page) &&
                         have->colours == colours();
    if (!current && (have == m_pictures.constEnd() || have->problem.isEmpty())) {
      return false;
    }
  }
  return true;
}

void PageView::requestVisible() {
  if (m_tops.size() < 2) {
    return;
  }
  const auto [first, last] = visiblePages();
  QList<int> keep;
  // The last request is answered first: neighbours, then what is in sight from the bottom up.
  for (const int page : {last + 1, first - 1}) {
    if (page >= 0 && page < m_document->pageCount()) {
      keep.append(page);
    }
  }
  for (int page = last; page >= first; --page) {
    keep.append(page);
  }
  m_renderer.keepOnly(keep);
  for (const int page : std::as_const(keep)) {
    const auto have = m_pictures.constFind(page);
    const int width = targetWidth(page);
    if (have != m_pictures.constEnd() && have->widthPixels == width && have->colours == colours()) {
      continue;
    }
    PageRequest request;
    request.page = page;
    request.widthPixels = width;
    request.devicePixelRatio = devicePixelRatioF();
    request.colours = colours();
    m_renderer.requestPage(request);
  }
  requestMarks();
}

void PageView::requestMarks() {
  if (m_matches.isEmpty() || m_tops.size() < 2) {
    return;
  }
  const auto [first, last] = visiblePages();
  // The last request is answered first.
  for (int page = last; page >= first; --page) {
    if (m_marks.contains(page)) {
      continue;
    }
    const DocumentPage& info = m_document->pages().at(page);
    const auto begin = std::lower_bound(
        m_matches.begin(), m_matches.end(), info.begin,
        [](const TextRange& range, std::int64_t byte) { return range.end <= byte; });
    Marks marks;
    for (auto it = begin; it != m_matches.end() && it->begin < info.end; ++it) {
      marks.ranges.append(*it);
    }
    marks.rectangles.resize(marks.ranges.size());
    m_marks.insert(page, marks);
    for (int i = int(marks.ranges.size()) - 1; i >= 0; --i) {
      m_markTickets.insert(m_renderer.requestHighlights(page, marks.ranges.at(i)), {page, i});
    }
  }
}

void PageView::takePicture(const PageRequest& request, const QImage& image) {
  Picture& picture = m_pictures[request.page];
  picture.pixmap = QPixmap::fromImage(image);
  picture.widthPixels = request.widthPixels;
  picture.colours = request.colours;
  picture.problem.clear();
  trimPictures();
  viewport()->update();
}

void PageView::trimPictures() {
  qint64 bytes = 0;
  for (const Picture& picture : std::as_const(m_pictures)) {
    bytes += qint64{picture.pixmap.width()} * picture.pixmap.height() * 4;
  }
  while (bytes > kPictureBytes && m_pictures.size() > 3) {
    const int here = currentPage();
    const auto farthest =
        std::max_element(m_pictures.keyBegin(), m_pictures.keyEnd(),
                         [here](int a, int b) { return std::abs(a - here) < std::abs(b - here); });
    const Picture gone = m_pictures.take(*farthest);
    bytes -= qint64{gone.pixmap.width()} * gone.pixmap.height() * 4;
  }
}

void PageView::paintEvent(QPaintEvent*) {
  QPainter painter(viewport());
  painter.fillRect(viewport()->rect(), theme().desk);
  if (m_tops.size() >= 2) {
    const QPointF offset(horizontalScrollBar()->value(), verticalScrollBar()->value());
    const auto [first, last] = visiblePages();
    for (int page = first; page <= last; ++page) {
      paintPage(painter, page, pageRect(page).translated(-offset));
    }
  }
  if (hasFocus() && FocusRing::keyboardInUse()) {
    drawFocusRing(painter, viewport()->rect(), 0);
  }
}

void PageView::paintPage(QPainter& painter, int page, const QRectF& rect) {
  const Theme& t = theme();
  const Theme& sheet = m_dark ? darkTheme() : lightTheme();
  painter.fillRect(rect, sheet.page);
  if (!t.dark || !m_dark) {
    painter.setPen(t.border);
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(rect.adjusted(-0.5, -0.5, 0.5, 0.5));
  }
  painter.save();
  painter.setClipRect(rect, Qt::IntersectClip);
  painter.setRenderHint(QPainter::Antialiasing);
  const auto place = [&](const QRectF& points) {
    return QRectF(rect.topLeft() + points.topLeft() * m_scale, points.size() * m_scale);
  };
  if (page == m_selectionPage) {
    for (const QRectF& part : m_selectionRectangles) {
      drawBox(painter, place(part).adjusted(-1, -1, 1, 1), 2, sheet.accentSoft);
    }
  }
  QRectF currentBox;
  const auto marks = m_marks.constFind(page);
  if (marks != m_marks.constEnd()) {
    const TextRange current = m_matches.value(m_currentMatch);
    for (int i = 0; i < marks->ranges.size(); ++i) {
      const bool isCurrent = m_currentMatch >= 0 && marks->ranges.at(i) == current;
      for (const QRectF& part : marks->rectangles.at(i)) {
        // 3 px wider than the words, less on a small page, so that neighbouring lines stay apart.
        const QRectF words = place(part);
        const qreal pad = std::clamp(words.height() * 0.2, 1.0, 3.0);
        const QRectF box = words.adjusted(-pad, -pad * 0.6, pad, pad * 0.6);
        drawBox(painter, box, radius::kBar, sheet.accentSoft, isCurrent ? sheet.accent : QColor(),
                2);
      }
    }
  }
  const auto picture = m_pictures.constFind(page);
  if (picture != m_pictures.constEnd() && !picture->pixmap.isNull() &&
      picture->colours == colours()) {
    // Ink on top of what is marked: white paper vanishes in a product; dark paper, which has the
    // page's own colour, in the lighter of the two.
    painter.setCompositionMode(m_dark ? QPainter::CompositionMode_Lighten
                                      : QPainter::CompositionMode_Multiply);
    painter.setRenderHint(QPainter::SmoothPixmapTransform,
                          picture->widthPixels != targetWidth(page));
    painter.drawPixmap(rect.toRect(), picture->pixmap);
  } else if (picture != m_pictures.constEnd() && !picture->problem.isEmpty()) {
    drawText(painter, rect.adjusted(40, 40, -40, -40), Qt::AlignCenter | Qt::TextWordWrap,
             picture->problem, Type::Row, sheet.text2);
  }
  painter.restore();
}

void PageView::resizeEvent(QResizeEvent* event) {
  QAbstractScrollArea::resizeEvent(event);
  const double keep = position();
  layoutPages();
  setPosition(keep);
}

void PageView::scrollContentsBy(int, int) {
  viewport()->update();
  m_request.start();
  if (!m_moving) {
    m_wanted.reset();
    announcePosition();
    Q_EMIT scrolledByHand();
  }
}

void PageView::announcePosition() {
  const int page = currentPage();
  if (page != m_page) {
    m_page = page;
    Q_EMIT pageChanged(page);
  }
  Q_EMIT positionChanged(position());
}

void PageView::wheelEvent(QWheelEvent* event) {
  if (event->modifiers() & Qt::ControlModifier) {
    if (event->angleDelta().y() != 0) {
      Q_EMIT zoomStepRequested(event->angleDelta().y() > 0 ? 1 : -1);
    }
    event->accept();
    return;
  }
  QAbstractScrollArea::wheelEvent(event);
}

void PageView::keyPressEvent(QKeyEvent* event) {
  QScrollBar* bar = verticalScrollBar();
  const int screen = std::max(kLineStep, viewport()->height() - kLineStep);
  switch (event->key()) {
    case Qt::Key_Space:
      bar->setValue(bar->value() + (event->modifiers() & Qt::ShiftModifier ? -screen : screen));
      return;
    case Qt::Key_PageDown:
      bar->setValue(bar->value() + screen);
      return;
    case Qt::Key_PageUp:
      bar->setValue(bar->value() - screen);
      return;
    case Qt::Key_Home:
      bar->setValue(0);
      return;
    case Qt::Key_End:
      bar->setValue(bar->maximum());
      return;
    default:
      QAbstractScrollArea::keyPressEvent(event);
  }
}

QPointF PageView::toPoints(int page, QPointF viewportPos) const {
  const QPointF offset(horizontalScrollBar()->value(), verticalScrollBar()->value());
  return (viewportPos + offset - pageRect(page).topLeft()) / m_scale;
}

void PageView::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || m_tops.size() < 2) {
    return;
  }
  m_selectionPage = pageAtY(verticalScrollBar()->value() + event->position().y());
  m_selectionFrom = toPoints(m_selectionPage, event->position());
  m_selection = {};
  m_selectionRectangles.clear();
  m_selecting = true;
  viewport()->update();
  Q_EMIT selectionChanged();
}

void PageView::mouseMoveEvent(QMouseEvent* event) {
  if (m_tops.size() < 2) {
    return;
  }
  if (m_selecting) {
    requestSelection(event->position());
    return;
  }
  const QPointF offset(horizontalScrollBar()->value(), verticalScrollBar()->value());
  const int page = pageAtY(event->position().y() + offset.y());
  const bool onPage = pageRect(page).contains(event->position() + offset);
  viewport()->setCursor(onPage ? Qt::IBeamCursor : Qt::ArrowCursor);
}

void PageView::mouseReleaseEvent(QMouseEvent* event) {
  if (m_selecting && event->button() == Qt::LeftButton) {
    requestSelection(event->position());
    m_selecting = false;
  }
}

void PageView::requestSelection(QPointF to) {
  const QPointF end = toPoints(m_selectionPage, to);
  if ((end - m_selectionFrom).manhattanLength() < 2) {
    return;
  }
  m_selectionTicket = m_renderer.requestSelection(m_selectionPage, m_selectionFrom, end);
}

void PageView::focusInEvent(QFocusEvent* event) {
  QAbstractScrollArea::focusInEvent(event);
  viewport()->update();
}

void PageView::focusOutEvent(QFocusEvent* event) {
  QAbstractScrollArea::focusOutEvent(event);
  viewport()->update();
}

}  // namespace bookwheel
