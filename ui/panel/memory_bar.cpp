// SPDX-License-Identifier: Apache-2.0
// MemoryBar: memory by part against what there is, as one bar.
#include "ui/panel/memory_bar.h"

#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QPainter>
#include <QPainterPath>

#include <algorithm>

namespace bookwheel {

namespace {

constexpr qreal kGap = 2;
constexpr qreal kLeastPart = 4;

QColor partColor(MemoryPart::Kind kind) {
  const Theme& t = theme();
  switch (kind) {
    case MemoryPart::Kind::Weights:
      return t.weights;
    case MemoryPart::Kind::Copy:
      return t.codes;
    case MemoryPart::Kind::Kv:
      return t.residual;  // 16-bit pairs have this colour in every chart
    case MemoryPart::Kind::Workspace:
      return t.workspace;
  }
  Q_UNREACHABLE();
}

}  // namespace

MemoryBar::MemoryBar(QWidget* parent) : QWidget(parent) {}

void MemoryBar::setData(const QList<MemoryPart>& parts, std::int64_t totalBytes,
                        const QString& sentence) {
  m_parts = parts;
  m_totalBytes = totalBytes;
  setAccessibleName(sentence);
  setToolTip(sentence);
  update();
}

void MemoryBar::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  QPainterPath shape;
  shape.addRoundedRect(rect(), radius::kBar, radius::kBar);
  painter.setClipPath(shape);
  painter.fillRect(rect(), t.track);
  if (m_totalBytes <= 0) {
    return;
  }
  qreal x = 0;
  for (const MemoryPart& part : m_parts) {
    if (part.bytes <= 0) {
      continue;
    }
    const qreal share = double(part.bytes) / double(m_totalBytes);
    const QRectF box(x, 0, std::max(kLeastPart, width() * share - kGap), height());
    painter.fillRect(box, partColor(part.kind));
    if (part.kind == MemoryPart::Kind::Workspace) {
      drawHatch(painter, box, t.window);
    }
    painter.fillRect(QRectF(box.right(), 0, kGap, height()), t.window);
    x = box.right() + kGap;
  }
}

}  // namespace bookwheel
