// SPDX-License-Identifier: Apache-2.0
// The few shapes everything is drawn from: boxes, hatching, lines of text, the focus ring.
#pragma once

#include "ui/style/type.h"

#include <QColor>
#include <QRectF>

class QPainter;

namespace bookwheel {

/// Radii and spaces of the design, in pixels.
namespace radius {
constexpr int kBar = 3;
constexpr int kChip = 5;
constexpr int kControl = 6;
constexpr int kRow = 8;
constexpr int kCard = 10;
constexpr int kComposer = 12;
}  // namespace radius

namespace space {
constexpr int kPane = 20;
constexpr int kCard = 16;
constexpr int kRow = 8;
}  // namespace space

/// A rounded box; an invalid colour leaves fill or line out. The line lies inside `rect`.
void drawBox(QPainter& painter, QRectF rect, qreal cornerRadius, const QColor& fill,
             const QColor& line = QColor(), qreal lineWidth = 1);

/// Slanted lines over `rect`, for workspace and for what is not there yet.
void drawHatch(QPainter& painter, const QRectF& rect, const QColor& color, qreal step = 5);

/// One line of text, elided at the right where it does not fit. `flags` as in QPainter::drawText.
void drawText(QPainter& painter, const QRectF& rect, int flags, const QString& text, Type type,
              const QColor& color);

/// 2 px accent ring just inside `rect`.
void drawFocusRing(QPainter& painter, const QRectF& rect, qreal cornerRadius);

qreal textWidth(const QString& text, Type type);
int lineHeight(Type type);

}  // namespace bookwheel
