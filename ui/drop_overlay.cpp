// SPDX-License-Identifier: Apache-2.0
// DropOverlay: says that what is being dragged can be dropped here.
#include "ui/drop_overlay.h"

#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QPainter>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {
constexpr int kInset = 16;
constexpr int kIcon = 28;
}  // namespace

DropOverlay::DropOverlay(QWidget* parent) : QWidget(parent) {
  setAttribute(Qt::WA_TransparentForMouseEvents);
  hide();
}

void DropOverlay::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  QColor veil = t.pane;
  veil.setAlphaF(0.92F);
  painter.fillRect(rect(), veil);
  QPen pen(t.accent, 1.5);
  pen.setDashPattern({4, 4});
  painter.setPen(pen);
  painter.setBrush(t.accentSoft);
  const QRectF box = QRectF(rect()).adjusted(kInset, kInset, -kInset, -kInset);
  painter.drawRoundedRect(box, radius::kComposer, radius::kComposer);
  const int icon = scaled(kIcon);
  drawIcon(painter, u"drop"_s, t.accent, box.center() - QPointF(icon / 2.0, icon + 6.0), icon);
  drawText(painter,
           QRectF(box.left(), box.center().y() + 6, box.width(), lineHeight(Type::Heading)),
           Qt::AlignCenter, tr("Drop to open"), Type::Heading, t.text);
}

}  // namespace bookwheel
