// SPDX-License-Identifier: Apache-2.0
// MemoryLegend: name, colour and number of each part of memory, in two columns.
#include "ui/panel/memory_legend.h"

#include "ui/panel/memory_parts.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QPainter>

namespace bookwheel {

namespace {
constexpr int kRows = 3;
constexpr int kSide = 9;  // as the bar above
constexpr int kBetween = 28;
constexpr int kSwatch = 11;
constexpr int kBehindSwatch = 8;
constexpr int kRowPadding = 6;
}  // namespace

MemoryLegend::MemoryLegend(QWidget* parent) : PaintedChart(tr("Memory by part"), parent) { fit(); }

int MemoryLegend::heightNow() const { return kRows * (lineHeight(Type::Row) + kRowPadding); }

void MemoryLegend::setData(const QList<MemoryPart>& parts, const QString& sentence) {
  const bool same = sentence == this->sentence() && parts.size() == m_parts.size();
  m_parts = parts;
  if (!same) {
    say(sentence);  // it has every number of the legend
  }
}

void MemoryLegend::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const qreal row = heightNow() / static_cast<qreal>(kRows);
  const qreal column = (width() - 2 * kSide - kBetween) / 2.0;
  const QList<Segment> segments = segmentsOf(m_parts);
  for (qsizetype i = 0; i < m_parts.size() && i < 2 * kRows; ++i) {
    const MemoryPart& part = m_parts.at(i);
    const qreal x = kSide + static_cast<qreal>(i / kRows) * (column + kBetween);
    const qreal y = static_cast<qreal>(i % kRows) * row;
    drawSwatch(painter, QRectF(x, y + (row - kSwatch) / 2, kSwatch, kSwatch), segments.at(i),
               t.pane);
    const qreal number = textWidth(part.text, Type::Control);
    const qreal left = x + kSwatch + kBehindSwatch;
    drawText(painter, QRectF(left, y, x + column - number - 6 - left, row),
             Qt::AlignLeft | Qt::AlignVCenter, part.name, Type::Row, t.text);
    drawText(painter, QRectF(x + column - number - 1, y, number + 1, row),
             Qt::AlignRight | Qt::AlignVCenter, part.text, Type::Control, t.text);
  }
}

}  // namespace bookwheel
