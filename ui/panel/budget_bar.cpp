// SPDX-License-Identifier: Apache-2.0
// BudgetBar: the memory bar that is the budget slider: one scale, stops, handle, the cache
// magnified.
#include "ui/panel/budget_bar.h"

#include "app/chat/budget_model.h"
#include "app/library/words.h"
#include "ui/panel/memory_parts.h"
#include "ui/style/controls.h"
#include "ui/style/focus_ring.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAccessible>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>

#include <algorithm>
#include <cmath>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr qreal kSide = 9;  // so that the handle fits at both ends
constexpr qreal kHandleRadius = 9;
constexpr qreal kHandleHole = 2.5;
constexpr qreal kRingRadius = 11.5;
constexpr qreal kStopRadius = 3;
constexpr qreal kBarHeight = 22;
constexpr qreal kMagnifiedHeight = 14;
constexpr qreal kFunnelHeight = 22;
constexpr qreal kSnapPixels = 5;
constexpr qreal kFunnelAlphaLight = 0.10;
constexpr qreal kFunnelAlphaDark = 0.16;

}  // namespace

/// Where everything is drawn.
struct BudgetBar::Lines {
  QRectF labels;
  qreal groove;
  QRectF bar;
  QRectF magnified;
};

BudgetBar::BudgetBar(BudgetModel& budget, QWidget* parent)
    : QSlider(Qt::Horizontal, parent), m_budget(budget) {
  setAccessibleName(tr("Main memory budget"));
  setFocusPolicy(Qt::StrongFocus);
  setProperty(kOwnFocusRing, true);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  m_keyTimer.setSingleShot(true);
  m_keyTimer.setInterval(kKeyApplyMs);
  connect(&m_keyTimer, &QTimer::timeout, this, &BudgetBar::apply);
  connect(&themeEvents(), &ThemeEvents::changed, this, &BudgetBar::updateGeometry);
  refresh();
}

BudgetBar::Lines BudgetBar::lines() const {
  const qreal text = lineHeight(Type::Note);
  const qreal right = std::max(width() - kSide, kSide + 1);
  Lines at;
  at.labels = QRectF(kSide, 0, right - kSide, text);
  at.groove = text + kRingRadius;
  at.bar = QRectF(kSide, at.groove + kRingRadius, right - kSide, kBarHeight);
  at.magnified =
      QRectF(kSide, at.bar.bottom() + kFunnelHeight + 2, right - kSide, kMagnifiedHeight);
  return at;
}

QSize BudgetBar::sizeHint() const {
  return {scaled(440), int(std::ceil(lines().magnified.bottom())) + 2};
}

QSize BudgetBar::minimumSizeHint() const { return {scaled(240), sizeHint().height()}; }

void BudgetBar::changeEvent(QEvent* event) {
  QSlider::changeEvent(event);
  if (event->type() == QEvent::StyleChange) {
    updateGeometry();
  }
}

void BudgetBar::setParts(const QList<MemoryPart>& parts, std::int64_t usedBytes) {
  m_parts = parts;
  m_usedBytes = usedBytes;
  update();
}

void BudgetBar::refresh() {
  const BudgetTable& table = m_budget.table();
  setEnabled(!table.isEmpty());
  setToolTip(m_budget.disabledReason());
  if (!table.isEmpty() && !isSliderDown() && !m_keyTimer.isActive()) {
    const std::int64_t unit = table.unitBytes();
    setRange(0, static_cast<int>(table.scaleBytes() / unit));
    setSingleStep(static_cast<int>(std::max<std::int64_t>(table.grainBytes() / unit, 1)));
    // Up, so that a stop's own budget is enough for it.
    setValue(static_cast<int>((m_budget.bytes() + unit - 1) / unit));
  }
  setAccessibleDescription(m_budget.sentence());
  followEscape();
  update();
}

/// Esc belongs to the bar while there is something to take back.
void BudgetBar::followEscape() {
  setProperty(kTakesEscape, isSliderDown() || m_keyTimer.isActive() || m_budget.changing());
}

std::int64_t BudgetBar::bytesNow() const { return value() * m_budget.table().unitBytes(); }

QString BudgetBar::valueSentence() const { return m_budget.valueSentence(bytesNow()); }

qreal BudgetBar::xOf(std::int64_t bytes) const {
  const QRectF bar = lines().bar;
  const BudgetTable& table = m_budget.table();
  const auto scale = static_cast<double>(
      table.scaleBytes() > 0 ? table.scaleBytes() : std::max<std::int64_t>(m_usedBytes, 1));
  return bar.left() + bar.width() * std::min(static_cast<double>(bytes) / scale, 1.0);
}

std::int64_t BudgetBar::bytesAt(qreal x) const {
  const BudgetTable& table = m_budget.table();
  for (const BudgetStop& stop : table.stops()) {
    if (std::abs(xOf(stop.bytes) - x) <= kSnapPixels) {
      return stop.bytes;
    }
  }
  const QRectF bar = lines().bar;
  const double share = std::clamp((x - bar.left()) / bar.width(), 0.0, 1.0);
  const auto bytes = static_cast<std::int64_t>(share * static_cast<double>(table.scaleBytes()));
  return (bytes + table.grainBytes() / 2) / table.grainBytes() * table.grainBytes();
}

void BudgetBar::moveTo(std::int64_t bytes) {
  const std::int64_t unit = m_budget.table().unitBytes();
  setValue(static_cast<int>((bytes + unit - 1) / unit));
  m_budget.preview(bytesNow());
  followEscape();
}

void BudgetBar::apply() {
  m_keyTimer.stop();
  m_budget.choose(bytesNow());
  refresh();
  QAccessibleValueChangeEvent event(this, valueSentence());
  QAccessible::updateAccessibility(&event);
}

void BudgetBar::takeBack() {
  m_keyTimer.stop();
  setSliderDown(false);
  m_budget.cancel();
  refresh();
}

void BudgetBar::keyPressEvent(QKeyEvent* event) {
  const BudgetTable& table = m_budget.table();
  if (table.isEmpty()) {
    event->ignore();
    return;
  }
  const std::int64_t now = bytesNow();
  const std::int64_t unit = table.unitBytes();
  std::int64_t next = now;
  const QList<BudgetStop>& stops = table.stops();
  switch (event->key()) {
    case Qt::Key_Escape:
      if (property(kTakesEscape).toBool()) {
        takeBack();
      } else {
        event->ignore();
      }
      return;
    case Qt::Key_Return:
    case Qt::Key_Enter:
      if (m_keyTimer.isActive()) {
        apply();
      }
      return;
    case Qt::Key_Right:
    case Qt::Key_Up:
      next = now + table.grainBytes();
      break;
    case Qt::Key_Left:
    case Qt::Key_Down:
      next = now - table.grainBytes();
      break;
    case Qt::Key_PageUp:
      for (auto stop = stops.rbegin(); stop != stops.rend(); ++stop) {
        // Positions are whole units: the handle may stand a little above its stop.
        next = stop->bytes > now + unit ? stop->bytes : next;
      }
      break;
    case Qt::Key_PageDown:
      for (const BudgetStop& stop : stops) {
        next = stop.bytes + unit < now ? stop.bytes : next;
      }
      break;
    case Qt::Key_Home:
      next = stops.first().bytes;
      break;
    case Qt::Key_End:
      next = stops.last().bytes;
      break;
    default:
      event->ignore();
      return;
  }
  m_keyTimer.start();
  moveTo(std::clamp<std::int64_t>(next, 0, table.scaleBytes()));
  QAccessibleValueChangeEvent said(this, valueSentence());
  QAccessible::updateAccessibility(&said);
}

void BudgetBar::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || m_budget.table().isEmpty()) {
    event->ignore();
    return;
  }
  m_keyTimer.stop();
  setSliderDown(true);
  moveTo(bytesAt(event->position().x()));
}

void BudgetBar::mouseMoveEvent(QMouseEvent* event) {
  if (isSliderDown()) {
    moveTo(bytesAt(event->position().x()));
  }
}

void BudgetBar::mouseReleaseEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton && isSliderDown()) {
    setSliderDown(false);
    apply();
  }
}

void BudgetBar::wheelEvent(QWheelEvent* event) {
  event->ignore();  // scrolling over the panel changes nothing
}

void BudgetBar::focusOutEvent(QFocusEvent* event) {
  if (m_keyTimer.isActive()) {
    apply();
  }
  QSlider::focusOutEvent(event);
}

void BudgetBar::drawScale(QPainter& painter, const Lines& at) const {
  const Theme& t = theme();
  const BudgetTable& table = m_budget.table();
  const std::int64_t scale = table.scaleBytes();
  drawText(painter, at.labels, Qt::AlignLeft | Qt::AlignVCenter, u"0"_s, Type::Note, t.text3);
  if (table.isEmpty()) {
    return;
  }
  // An axis that ends before the computer's memory does says so.
  const QString end =
      scale < table.memoryTotalBytes()
          ? tr("%1 of %2").arg(budgetText(scale), bytesText(table.memoryTotalBytes()))
          : budgetText(scale);
  const QString budget = tr("Budget %1").arg(budgetText(bytesNow()));
  const qreal endWidth = textWidth(end, Type::Note);
  const qreal budgetWidth = textWidth(budget, Type::NoteStrong);
  const qreal handle = xOf(bytesNow());
  const qreal left = std::clamp(handle - budgetWidth / 2, at.labels.left() + 14,
                                std::max(at.labels.right() - budgetWidth, at.labels.left() + 14));
  drawText(painter, QRectF(left, 0, budgetWidth + 1, at.labels.height()),
           Qt::AlignLeft | Qt::AlignVCenter, budget, Type::NoteStrong, t.text);
  if (left + budgetWidth + 10 < at.labels.right() - endWidth) {
    drawText(painter, at.labels, Qt::AlignRight | Qt::AlignVCenter, end, Type::Note, t.text3);
  }
  const qreal first = xOf(table.stops().first().bytes);
  painter.setPen(QPen(t.control, 2, Qt::SolidLine, Qt::RoundCap));
  painter.drawLine(QPointF(first, at.groove), QPointF(at.bar.right(), at.groove));
  if (handle > first) {
    painter.setPen(QPen(t.accent, 2, Qt::SolidLine, Qt::RoundCap));
    painter.drawLine(QPointF(first, at.groove), QPointF(handle, at.groove));
  }
  for (const BudgetStop& stop : table.stops()) {
    const QPointF centre(xOf(stop.bytes), at.groove);
    painter.setPen(Qt::NoPen);
    painter.setBrush(t.pane);
    painter.drawEllipse(centre, kStopRadius + 1.5, kStopRadius + 1.5);
    painter.setPen(QPen(stop.bytes <= bytesNow() ? t.accent : t.control, 1.5));
    painter.drawEllipse(centre, kStopRadius, kStopRadius);
  }
}

/// What the cache is made of is slivers on the scale of the memory: the same again, magnified.
void BudgetBar::drawCache(QPainter& painter, const Lines& at) const {
  const Theme& t = theme();
  qsizetype first = -1;
  qsizetype behind = -1;
  double bytes = 0;
  for (qsizetype i = 0; i < m_parts.size(); ++i) {
    if (m_parts.at(i).isCache() && m_parts.at(i).bytes > 0) {
      first = first < 0 ? i : first;
      behind = i + 1;
      bytes += static_cast<double>(m_parts.at(i).bytes);
    }
  }
  if (first < 0) {
    return;
  }
  const QList<Segment> all = segmentsOf(m_parts);
  const BudgetTable& table = m_budget.table();
  const auto scale = static_cast<double>(
      table.scaleBytes() > 0 ? table.scaleBytes() : std::max<std::int64_t>(m_usedBytes, 1));
  const qreal left = segmentBegin(at.bar, all, scale, first);
  const qreal right = std::min(segmentBegin(at.bar, all, scale, behind) - 2, at.bar.right());
  QPainterPath funnel;
  funnel.moveTo(left, at.bar.bottom() + 2);
  funnel.lineTo(right, at.bar.bottom() + 2);
  funnel.lineTo(at.magnified.right(), at.magnified.top() - 2);
  funnel.lineTo(at.magnified.left(), at.magnified.top() - 2);
  funnel.closeSubpath();
  QColor fill = t.codes;
  fill.setAlphaF(static_cast<float>(t.dark ? kFunnelAlphaDark : kFunnelAlphaLight));
  painter.fillPath(funnel, fill);
  drawSegments(painter, at.magnified, all.mid(first, behind - first), bytes, t.pane);
}

void BudgetBar::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  const Lines at = lines();
  const BudgetTable& table = m_budget.table();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  drawScale(painter, at);
  drawBox(painter, at.bar, 4, t.track);
  const qreal handle = xOf(bytesNow());
  if (!table.isEmpty()) {
    QPainterPath shape;
    shape.addRoundedRect(at.bar, 4, 4);
    painter.save();
    painter.setClipPath(shape);
    painter.fillRect(QRectF(handle, at.bar.top(), at.bar.right() - handle, at.bar.height()),
                     t.window);
    painter.restore();
  }
  drawBox(painter, at.bar, 4, QColor(), t.border);
  const auto scale = static_cast<double>(
      table.scaleBytes() > 0 ? table.scaleBytes() : std::max<std::int64_t>(m_usedBytes, 1));
  drawSegments(painter, at.bar, segmentsOf(m_parts), scale, t.track);
  drawCache(painter, at);
  if (table.isEmpty()) {
    return;
  }
  painter.setPen(QPen(t.text, 2));
  painter.drawLine(QPointF(handle, at.groove + kHandleRadius / 2),
                   QPointF(handle, at.bar.bottom() + 4));
  const QPointF centre(handle, at.groove);
  painter.setPen(QPen(t.pane, 2));
  painter.setBrush(t.accent);
  painter.drawEllipse(centre, kHandleRadius, kHandleRadius);
  painter.setPen(Qt::NoPen);
  painter.setBrush(t.onAccent);
  painter.drawEllipse(centre, kHandleHole, kHandleHole);
  if (isSliderDown() || (hasFocus() && FocusRing::keyboardInUse())) {
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(t.accent, 2));
    painter.drawEllipse(centre, kRingRadius - 1, kRingRadius - 1);
  }
}

}  // namespace bookwheel
