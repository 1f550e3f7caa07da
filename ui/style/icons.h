// SPDX-License-Identifier: Apache-2.0
// Our own SVG icons in any colour and size, cached.
#pragma once

#include <QColor>
#include <QIcon>
#include <QPixmap>
#include <QString>

class QPainter;

namespace bookwheel {

/// `name` is a file of resources/icons without ".svg"; unknown names are a mistake of ours and
/// assert. `size` in device-independent pixels. GUI thread.
QPixmap iconPixmap(const QString& name, const QColor& color, int size, qreal devicePixelRatio);

/// Draws the icon with its top left corner at `at`, snapped to device pixels.
void drawIcon(QPainter& painter, const QString& name, const QColor& color, QPointF at, int size);

/// The program's icon, for the window and the task bar.
QIcon applicationIcon();

}  // namespace bookwheel
