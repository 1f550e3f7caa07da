// SPDX-License-Identifier: Apache-2.0
// How the parts of memory are drawn wherever they appear: colour, order, gap, hatching.
#pragma once

#include "app/chat/cache_stats_model.h"

#include <QColor>
#include <QList>
#include <QRectF>

class QPainter;

namespace bookwheel {

QColor partColor(MemoryPart::Kind kind);

/// A length in a bar.
struct Segment {
  double amount = 0;
  QColor color;
  bool hatched = false;
};

/// Segments from the left, 2 px apart, each that is not 0 at least 4 px wide, `total` taking the
/// whole width; nothing is drawn beyond `bar`. Gaps have the colour `gap`. Returns where the last
/// one ended.
qreal drawSegments(QPainter& painter, const QRectF& bar, const QList<Segment>& segments,
                   double total, const QColor& gap);
/// Where `amount`s up to `index` begin in such a bar.
qreal segmentBegin(const QRectF& bar, const QList<Segment>& segments, double total,
                   qsizetype index);
QList<Segment> segmentsOf(const QList<MemoryPart>& parts);
/// The square of a legend.
void drawSwatch(QPainter& painter, const QRectF& square, const Segment& segment,
                const QColor& background);

}  // namespace bookwheel
