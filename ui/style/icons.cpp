// SPDX-License-Identifier: Apache-2.0
// Our own SVG icons in any colour and size, cached.
#include "ui/style/icons.h"

#include "engine/error.h"

#include <QFile>
#include <QPainter>
#include <QPixmapCache>
#include <QSvgRenderer>

namespace bookwheel {

using namespace Qt::StringLiterals;

QPixmap iconPixmap(const QString& name, const QColor& color, int size, qreal devicePixelRatio) {
  const QString key = u"bookwheel/%1/%2/%3/%4"_s.arg(name, color.name(QColor::HexArgb))
                          .arg(size)
                          .arg(devicePixelRatio);
  QPixmap pixmap;
  if (QPixmapCache::find(key, &pixmap)) {
    return pixmap;
  }
  QFile file(u":/icons/%1.svg"_s.arg(name));
  const bool opened = file.open(QIODevice::ReadOnly);
  BOOKWHEEL_ASSERT(opened);
  QByteArray svg = file.readAll();
  svg.replace("currentColor", color.name().toLatin1());
  pixmap = QPixmap((QSizeF(size, size) * devicePixelRatio).toSize());
  pixmap.fill(Qt::transparent);
  {
    QPainter painter(&pixmap);
    QSvgRenderer(svg).render(&painter);
  }
  pixmap.setDevicePixelRatio(devicePixelRatio);
  QPixmapCache::insert(key, pixmap);
  return pixmap;
}

void drawIcon(QPainter& painter, const QString& name, const QColor& color, QPointF at, int size) {
  const qreal ratio = painter.device()->devicePixelRatioF();
  const QPointF snapped(qRound(at.x() * ratio) / ratio, qRound(at.y() * ratio) / ratio);
  painter.drawPixmap(snapped, iconPixmap(name, color, size, ratio));
}

QIcon applicationIcon() { return QIcon(u":/icons/bookwheel.svg"_s); }

}  // namespace bookwheel
