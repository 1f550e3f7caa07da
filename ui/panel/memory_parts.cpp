// SPDX-License-Identifier: Apache-2.0
// How the parts of memory are drawn wherever they appear: colour, order, gap, hatching.
#include "ui/panel/memory_parts.h"

#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QPainter>
#include <QPainterPath>

#include <algorithm>

namespace bookwheel {

namespace {

constexpr qreal kGap = 2;
constexpr qreal kLeastPart = 4;

qreal lengthOf(const QRectF& bar, const Segment& segment, double total) {
  return segment.amount > 0 ? std::max(kLeastPart, bar.width() * segment.amount / total - kGap) : 0;
}

}  // namespace

QColor partColor(MemoryPart::Kind kind) {
  const Theme& t = theme();
  switch (kind) {
    case MemoryPart::Kind::Weights:
      return t.weights;
    case MemoryPart::Kind::Codes:
      return t.codes;
    case MemoryPart::Kind::Scales:
      return t.scales;
    case MemoryPart::Kind::Exact:
      return t.residual;
    case MemoryPart::Kind::Buffer:
      return t.prefetch;
    case MemoryPart::Kind::Workspace:
      return t.workspace;
  }
  Q_UNREACHABLE();
}

qreal drawSegments(QPainter& painter, const QRectF& bar, const QList<Segment>& segments,
                   double total, const QColor& gap) {
  if (total <= 0) {
    return bar.left();
  }
  painter.save();
  QPainterPath shape;
  shape.addRoundedRect(bar, radius::kBar, radius::kBar);
  painter.setClipPath(shape, Qt::IntersectClip);
  qreal x = bar.left();
  for (const Segment& segment : segments) {
    const qreal length = lengthOf(bar, segment, total);
    if (length <= 0) {
      continue;
    }
    const QRectF box(x, bar.top(), length, bar.height());
    painter.fillRect(box, segment.color);
    if (segment.hatched) {
      drawHatch(painter, box, gap);
    }
    painter.fillRect(QRectF(box.right(), bar.top(), kGap, bar.height()), gap);
    x = box.right() + kGap;
  }
  painter.restore();
  return x;
}

qreal segmentBegin(const QRectF& bar, const QList<Segment>& segments, double total,
                   qsizetype index) {
  qreal x = bar.left();
  for (qsizetype i = 0; i < index && i < segments.size(); ++i) {
    const qreal length = lengthOf(bar, segments.at(i), total);
    x += length > 0 ? length + kGap : 0;
  }
  return x;
}

QList<Segment> segmentsOf(const QList<MemoryPart>& parts) {
  QList<Segment> segments;
  for (const MemoryPart& part : parts) {
    segments.append({static_cast<double>(part.bytes), partColor(part.kind),
                     part.kind == MemoryPart::Kind::Workspace});
  }
  return segments;
}

void drawSwatch(QPainter& painter, const QRectF& square, const Segment& segment,
                const QColor& background) {
  drawBox(painter, square, 2, segment.color);
  if (segment.hatched) {
    drawHatch(painter, square, background);
  }
}

}  // namespace bookwheel
