// SPDX-License-Identifier: Apache-2.0
// ShareBar: a thin bar that shows what share of something is in use.
#include "ui/start/share_bar.h"

#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QPainter>

#include <algorithm>

namespace bookwheel {

namespace {
constexpr int kHeight = 5;
}

ShareBar::ShareBar(QWidget* parent) : QWidget(parent) { setFixedHeight(kHeight); }

void ShareBar::setShare(double share) {
  m_share = std::clamp(share, 0.0, 1.0);
  update();
}

void ShareBar::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  QRectF bar = rect();
  drawBox(painter, bar, kHeight / 2.0, theme().track);
  if (m_share > 0) {
    bar.setWidth(std::max<qreal>(kHeight, bar.width() * m_share));
    drawBox(painter, bar, kHeight / 2.0, theme().control);
  }
}

}  // namespace bookwheel
