// SPDX-License-Identifier: Apache-2.0
// The few shapes everything is drawn from: boxes, hatching, lines of text, the focus ring.
#include "ui/style/paint.h"

#include "ui/style/theme.h"

#include <QFontMetricsF>
#include <QPainter>

namespace bookwheel {

void drawBox(QPainter& painter, QRectF rect, qreal cornerRadius, const QColor& fill,
             const QColor& line, qreal lineWidth) {
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setBrush(fill.isValid() ? QBrush(fill) : QBrush(Qt::NoBrush));
  if (line.isValid()) {
    painter.setPen(QPen(line, lineWidth));
    const qreal half = lineWidth / 2;
    rect.adjust(half, half, -half, -half);
  } else {
    painter.setPen(Qt::NoPen);
  }
  painter.drawRoundedRect(rect, cornerRadius, cornerRadius);
  painter.restore();
}

void drawHatch(QPainter& painter, const QRectF& rect, const QColor& color, qreal step) {
  painter.save();
  painter.setClipRect(rect, Qt::IntersectClip);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(QPen(color, 1.2));
  for (qreal x = rect.left() - rect.height(); x < rect.right(); x += step) {
    painter.drawLine(QPointF(x, rect.bottom()), QPointF(x + rect.height(), rect.top()));
  }
  painter.restore();
}

void drawText(QPainter& painter, const QRectF& rect, int flags, const QString& text, Type type,
              const QColor& color) {
  const QFont face = font(type);
  painter.setFont(face);
  painter.setPen(color);
  const bool wraps = (flags & Qt::TextWordWrap) != 0;
  painter.drawText(
      rect, flags,
      wraps ? text : QFontMetricsF(face).elidedText(text, Qt::ElideRight, rect.width() + 0.5));
}

void drawFocusRing(QPainter& painter, const QRectF& rect, qreal cornerRadius) {
  drawBox(painter, rect, cornerRadius, QColor(), theme().accent, 2);
}

qreal textWidth(const QString& text, Type type) {
  return QFontMetricsF(font(type)).horizontalAdvance(text);
}

int lineHeight(Type type) { return QFontMetrics(font(type)).height(); }

}  // namespace bookwheel
