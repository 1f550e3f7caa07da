// SPDX-License-Identifier: Apache-2.0
// The charts of the prefetch hit rate: over the last tokens, by layer, and small in the strip.
#include "ui/panel/hit_chart.h"

#include "app/chat/cache_stats_model.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QPainter>
#include <QPainterPath>

#include <algorithm>
#include <array>
#include <cmath>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kAreaHeight = 66;
constexpr int kAxisWidth = 40;
constexpr int kLayerHeight = 30;
constexpr int kMarkHeight = 8;
constexpr int kSparkWidth = 60;
constexpr int kSparkHeight = 16;
constexpr float kAreaAlphaLight = 0.14f;
constexpr float kAreaAlphaDark = 0.22f;

/// The line through what is known, newest at the right end of `box`; gaps are lifted.
QPainterPath lineOf(const QList<double>& rates, const QRectF& box) {
  QPainterPath line;
  constexpr int kSteps = CacheStatsModel::kHistory - 1;
  bool down = false;
  for (qsizetype i = 0; i < rates.size(); ++i) {
    const double rate = rates.at(i);
    if (std::isnan(rate)) {
      down = false;
      continue;
    }
    const double age = static_cast<double>(rates.size() - 1 - i) / kSteps;
    const QPointF point(box.right() - age * box.width(),
                        box.bottom() - std::clamp(rate, 0.0, 1.0) * box.height());
    down ? line.lineTo(point) : line.moveTo(point);
    down = true;
  }
  return line;
}

/// As lineOf, closed to the axis below each run.
QPainterPath areaOf(const QPainterPath& line, const QRectF& box) {
  QPainterPath area;
  QPointF first;
  QPointF last;
  const auto close = [&] {
    if (area.elementCount() > 0) {
      area.lineTo(last.x(), box.bottom());
      area.lineTo(first.x(), box.bottom());
      area.closeSubpath();
    }
  };
  for (int i = 0; i < line.elementCount(); ++i) {
    const QPainterPath::Element element = line.elementAt(i);
    if (element.isMoveTo()) {
      close();
      first = element;
      area.moveTo(first);
    } else {
      area.lineTo(element);
    }
    last = element;
  }
  close();
  return area;
}

QColor blend(const QColor& over, const QColor& under, double share) {
  const auto mix = [share](int a, int b) { return int(std::lround(a * share + b * (1 - share))); };
  return {mix(over.red(), under.red()), mix(over.green(), under.green()),
          mix(over.blue(), under.blue())};
}

}  // namespace

HitRateChart::HitRateChart(QWidget* parent) : PaintedChart(tr("Prefetch hit rate"), parent) {
  fit();
  say(tr("No hit rate was measured yet."));
}

int HitRateChart::heightNow() const { return 6 + kAreaHeight + 3 + lineHeight(Type::Note); }

void HitRateChart::setData(const QList<double>& rates, const QString& sentence) {
  m_rates = rates;
  say(sentence);
}

void HitRateChart::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const QRectF box(0, 6, width() - kAxisWidth, kAreaHeight);
  const qreal text = lineHeight(Type::Note);
  const std::array<std::pair<double, QString>, 3> marks{
      {{0.0, u"0"_s}, {0.5, u"50"_s}, {1.0, u"100%"_s}}};
  for (const auto& [share, label] : marks) {
    const qreal y = std::round(box.bottom() - share * box.height()) + 0.5;
    painter.setPen(QPen(t.border, 1));
    painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y));
    drawText(painter, QRectF(box.right() + 6, y - text / 2, kAxisWidth - 6, text),
             Qt::AlignLeft | Qt::AlignVCenter, label, Type::Note, t.text3);
  }
  const QPainterPath line = lineOf(m_rates, box);
  if (line.elementCount() > 0) {
    QColor fill = t.prefetch;
    fill.setAlphaF(t.dark ? kAreaAlphaDark : kAreaAlphaLight);
    painter.fillPath(areaOf(line, box), fill);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(t.prefetch, 1.75));
    painter.drawPath(line);
    if (!m_rates.isEmpty() && !std::isnan(m_rates.last())) {
      painter.setPen(QPen(t.pane, 1.5));
      painter.setBrush(t.prefetch);
      painter.drawEllipse(line.currentPosition(), 3.5, 3.5);
    }
  }
  const QRectF axis(0, box.bottom() + 3, box.width(), text);
  drawText(painter, axis, Qt::AlignLeft | Qt::AlignVCenter,
           tr("%1 tokens ago").arg(CacheStatsModel::kHistory), Type::Note, t.text3);
  drawText(painter, axis, Qt::AlignRight | Qt::AlignVCenter, tr("now"), Type::Note, t.text3);
}

LayerChart::LayerChart(QWidget* parent) : PaintedChart(tr("Hit rate by layer"), parent) {
  fit();
  say(tr("No hit rate by layer was measured yet."));
}

int LayerChart::heightNow() const {
  return 2 * lineHeight(Type::Note) + 6 + kLayerHeight + kMarkHeight;
}

void LayerChart::setData(const QList<double>& rates, const QString& sentence) {
  m_rates = rates;
  say(sentence);
}

void LayerChart::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const qreal text = lineHeight(Type::Note);
  const QRectF head(0, 0, width(), text);
  drawText(painter, head, Qt::AlignLeft | Qt::AlignVCenter, tr("By layer"), Type::NoteMedium,
           t.text2);
  qsizetype lowest = -1;
  for (qsizetype layer = 0; layer < m_rates.size(); ++layer) {
    if (m_rates.at(layer) >= 0 && (lowest < 0 || m_rates.at(layer) < m_rates.at(lowest))) {
      lowest = layer;
    }
  }
  if (lowest < 0) {
    drawText(painter, head, Qt::AlignRight | Qt::AlignVCenter, tr("nothing measured"), Type::Note,
             t.text3);
  } else {
    drawText(painter, head, Qt::AlignRight | Qt::AlignVCenter,
             tr("lowest: layer %1, %2%").arg(lowest).arg(std::lround(m_rates.at(lowest) * 100)),
             Type::Note, t.text2);
  }
  const qsizetype bars = std::max<qsizetype>(m_rates.size(), 1);
  const qreal step = static_cast<qreal>(width()) / static_cast<qreal>(bars);
  const qreal gap = step > 4 ? 1.5 : 0.5;
  const QRectF box(0, text + 6, width(), kLayerHeight);
  // Tints span what the layers of a model differ by: from half a step below the lowest.
  const double least = lowest < 0 ? 0 : m_rates.at(lowest);
  for (qsizetype layer = 0; layer < m_rates.size(); ++layer) {
    const QRectF cell(static_cast<qreal>(layer) * step, box.top(), step - gap, box.height());
    drawBox(painter, cell, 1.5, t.sunken);
    const double rate = m_rates.at(layer);
    if (rate >= 0) {
      const double tint = least < 1 ? (rate - least) / (1 - least) : 1;
      constexpr double kPalest = 0.45;
      const qreal height = std::max(1.0, box.height() * rate);
      drawBox(painter, QRectF(cell.left(), cell.bottom() - height, cell.width(), height), 1.5,
              blend(t.prefetch, t.pane, kPalest + (1 - kPalest) * tint));
    }
  }
  if (lowest >= 0) {
    const qreal middle = (static_cast<qreal>(lowest) + 0.5) * step - gap / 2;
    const qreal top = box.bottom() + 2;
    painter.setPen(Qt::NoPen);
    painter.setBrush(t.text);
    painter.drawPolygon(QPolygonF{QPointF(middle, top), QPointF(middle - 4, top + 5),
                                  QPointF(middle + 4, top + 5)});
    const QString name = QString::number(lowest);
    const QString last = QString::number(m_rates.size() - 1);
    const QRectF names(0, top + 4, width(), text);
    const qreal nameWidth = textWidth(name, Type::NoteMedium);
    const qreal nameLeft = std::clamp(middle - nameWidth / 2, 0.0, width() - nameWidth);
    drawText(painter, QRectF(nameLeft, names.top(), nameWidth + 1, text),
             Qt::AlignLeft | Qt::AlignVCenter, name, Type::NoteMedium, t.text2);
    if (nameLeft + nameWidth + 4 < width() - textWidth(last, Type::Note)) {
      drawText(painter, names, Qt::AlignRight | Qt::AlignVCenter, last, Type::Note, t.text3);
    }
  }
}

Sparkline::Sparkline(QWidget* parent) : PaintedChart(tr("Prefetch hit rate"), parent) {
  setFixedWidth(kSparkWidth);
  fit();
}

int Sparkline::heightNow() const { return kSparkHeight; }

void Sparkline::setData(const QList<double>& rates, const QString& sentence) {
  m_rates = rates;
  say(sentence);
}

void Sparkline::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(QPen(theme().prefetch, 1.5));
  painter.drawPath(lineOf(m_rates, QRectF(rect()).adjusted(1, 2, -1, -2)));
}

}  // namespace bookwheel
