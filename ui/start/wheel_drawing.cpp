// SPDX-License-Identifier: Apache-2.0
// WheelDrawing: Ramelli's bookwheel as a line drawing, for the empty window only.
#include "ui/start/wheel_drawing.h"

#include "ui/style/theme.h"

#include <QPainter>
#include <QPainterPath>

#include <cmath>
#include <numbers>

namespace bookwheel {

namespace {

constexpr int kSide = 128;
constexpr int kBooks = 8;
constexpr int kOpenBook = 7;  // the upper right one, which the eye meets first

/// An open book around the origin, `w` and `h` half its width and height.
QPainterPath openBook(qreal w, qreal h) {
  QPainterPath path;
  path.moveTo(0, h * 0.8);
  path.cubicTo(-w * 0.3, h * 0.35, -w * 0.8, h * 0.35, -w, h * 0.7);
  path.lineTo(-w, -h);
  path.cubicTo(-w * 0.8, -h * 1.3, -w * 0.3, -h * 1.3, 0, -h * 0.8);
  path.cubicTo(w * 0.3, -h * 1.3, w * 0.8, -h * 1.3, w, -h);
  path.lineTo(w, h * 0.7);
  path.cubicTo(w * 0.8, h * 0.35, w * 0.3, h * 0.35, 0, h * 0.8);
  path.closeSubpath();
  path.moveTo(0, -h * 0.8);
  path.lineTo(0, h * 0.8);
  return path;
}

}  // namespace

WheelDrawing::WheelDrawing(QWidget* parent) : QWidget(parent) { setFixedSize(kSide, kSide); }

void WheelDrawing::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const qreal side = width();
  const QPointF centre(side / 2, side / 2);
  const qreal rim = side * 0.36;
  const qreal inner = rim - 6;
  const qreal hub = 9;
  const auto angleOf = [](int i) {
    return std::numbers::pi / kBooks + i * 2 * std::numbers::pi / kBooks;
  };
  const auto at = [&](double angle, qreal distance) {
    return centre + QPointF(std::cos(angle), std::sin(angle)) * distance;
  };
  painter.setPen(QPen(t.dark ? t.text3 : t.control, 1.5, Qt::SolidLine, Qt::RoundCap));
  painter.setBrush(Qt::NoBrush);
  painter.drawEllipse(centre, rim, rim);
  painter.drawEllipse(centre, inner, inner);
  painter.drawEllipse(centre, hub, hub);
  for (int i = 0; i < kBooks; ++i) {
    painter.drawLine(at(angleOf(i), hub), at(angleOf(i), inner));
  }
  const qreal floor = side - 4;
  painter.setPen(QPen(t.text3, 1.5, Qt::SolidLine, Qt::RoundCap));
  painter.drawLine(QPointF(centre.x() - rim * 0.95, floor),
                   QPointF(centre.x() + rim * 0.95, floor));
  painter.drawLine(QPointF(centre.x() - rim * 0.62, floor), at(std::numbers::pi * 0.72, hub));
  painter.drawLine(QPointF(centre.x() + rim * 0.62, floor), at(std::numbers::pi * 0.28, hub));
  // As on the real wheel, every book keeps its angle while the wheel turns.
  const QPainterPath book = openBook(side * 0.075, side * 0.052);
  for (int i = 0; i < kBooks; ++i) {
    const bool open = i == kOpenBook;
    painter.setPen(
        QPen(open ? t.accent : t.text2, 1.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.setBrush(open ? t.accentSoft : t.pane);
    painter.drawPath(book.translated(at(angleOf(i), rim)));
  }
}

}  // namespace bookwheel
