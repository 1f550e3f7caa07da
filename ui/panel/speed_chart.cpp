// SPDX-License-Identifier: Apache-2.0
// SpeedChart: the time of a step by part, what was fetched for it, and how often a guess was right.
#include "ui/panel/speed_chart.h"

#include "app/library/words.h"
#include "ui/panel/memory_parts.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QLocale>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr qreal kBar = 12;
constexpr qreal kSwatch = 9;
constexpr qreal kBehindSwatch = 6;
constexpr qreal kGap = 6;
constexpr qreal kBlock = 10;

qreal rowHeight() { return lineHeight(Type::Note) + 3; }

void drawRow(QPainter& painter, qreal y, qreal width, const QString& name, const QString& value) {
  const Theme& t = theme();
  const QRectF row(0, y, width, rowHeight());
  drawText(painter, row, Qt::AlignLeft | Qt::AlignVCenter, name, Type::NoteMedium, t.text2);
  drawText(painter, row, Qt::AlignRight | Qt::AlignVCenter, value, Type::NoteMedium, t.text);
}

void drawEntry(QPainter& painter, const QRectF& place, const Segment& segment, bool outlined,
               const QString& text) {
  const Theme& t = theme();
  const QRectF square(place.left(), place.top() + (place.height() - kSwatch) / 2, kSwatch, kSwatch);
  if (outlined) {
    drawBox(painter, square, 2, t.pane, segment.color, 1.5);
  } else {
    drawSwatch(painter, square, segment, t.pane);
  }
  drawText(painter, place.adjusted(kSwatch + kBehindSwatch, 0, 0, 0),
           Qt::AlignLeft | Qt::AlignVCenter, text, Type::Note, t.text2);
}

/// In the unit of the whole step, with a digit more where the numbers are small.
QString partTime(double partUs, double stepUs) {
  const double unit = stepUs >= 1000 ? 1000 : 1;
  return QLocale().toString(std::max(partUs, 0.0) / unit, 'f', stepUs >= 1000 ? 1 : 0);
}

}  // namespace

SpeedChart::SpeedChart(QWidget* parent) : PaintedChart(tr("Time of a step"), parent) {
  fit();
  say(tr("No speed was measured yet."));
}

int SpeedChart::heightNow() const {
  const qreal step = rowHeight() + 3 + kBar + kGap + 2 * rowHeight();
  const qreal fetches = rowHeight() + 3 + kBar + kGap + rowHeight();
  return int(std::ceil(step + kBlock + fetches + kBlock + rowHeight()));
}

void SpeedChart::setData(const StepMeans& means, bool fetches, double guessedRight,
                         const QString& sentence) {
  m_means = means;
  m_fetches = fetches;
  m_guessedRight = guessedRight;
  say(sentence);
}

qreal SpeedChart::drawStep(QPainter& painter, qreal y) const {
  const Theme& t = theme();
  const bool known = m_means.stepUs > 0;
  drawRow(painter, y, width(), tr("Time of a step"), known ? stepTimeText(m_means.stepUs) : u"–"_s);
  y += rowHeight() + 3;
  const double other = std::max(m_means.otherUs(), 0.0);
  QList<Segment> parts{
      {m_means.weightsUs, t.weights}, {m_means.cacheUs, t.codes}, {other, t.workspace, true}};
  QStringList names{tr("weights"), tr("cache"), tr("other")};
  QList<double> times{m_means.weightsUs, m_means.cacheUs, other};
  if (m_fetches) {
    parts.append({m_means.exposedUs, t.prefetch});
    names.append(tr("waiting"));
    times.append(m_means.exposedUs);
  }
  const QRectF bar(0, y, width(), kBar);
  drawBox(painter, bar, radius::kBar, t.track);
  if (known) {
    drawSegments(painter, bar, parts, m_means.stepUs, t.pane);
  }
  y += kBar + kGap;
  for (qsizetype i = 0; i < parts.size(); ++i) {
    const QRectF place(static_cast<qreal>(i % 2) * width() / 2.0,
                       y + static_cast<qreal>(i / 2) * rowHeight(), width() / 2.0, rowHeight());
    drawEntry(painter, place, parts.at(i), false,
              known ? names.at(i) + u' ' + partTime(times.at(i), m_means.stepUs) : names.at(i));
  }
  return y + 2 * rowHeight();
}

qreal SpeedChart::drawFetches(QPainter& painter, qreal y) const {
  const Theme& t = theme();
  if (!m_fetches) {
    const QRectF place(0, y, width(), 2 * rowHeight() + kBar);
    drawText(painter, place, Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap,
             tr("Nothing is fetched: the 16-bit store is in main memory."), Type::Note, t.text3);
    return y + 2 * rowHeight() + 3 + kBar + kGap;
  }
  const double bytes = m_means.fetchedBytes;
  drawRow(painter, y, width(), tr("Fetched a step"),
          m_means.stepUs > 0 ? bytesText(std::llround(bytes)) : u"–"_s);
  y += rowHeight() + 3;
  const QRectF bar(0, y, width(), kBar);
  drawBox(painter, bar, radius::kBar, t.track);
  const double hidden = m_means.hiddenBytes();
  if (bytes > 0) {
    const qreal end = bar.width() * hidden / bytes;
    drawSegments(painter, bar, {{hidden, t.prefetch}}, bytes, t.pane);
    if (bytes - hidden > 0) {
      const qreal least = 5;  // an outline of less is none
      const qreal left = std::min(end, bar.width() - least);
      drawBox(painter, QRectF(left, bar.top(), bar.width() - left, kBar), 2, t.pane, t.prefetch,
              1.5);
    }
  }
  y += kBar + kGap;
  const QRectF left(0, y, width() / 2.0, rowHeight());
  const auto amount = [](double of) { return bytesText(std::llround(of)); };
  drawEntry(painter, left, {0, t.prefetch}, false,
            bytes > 0 ? tr("hidden %1").arg(amount(hidden)) : tr("hidden"));
  drawEntry(painter, left.translated(width() / 2.0, 0), {0, t.prefetch}, true,
            bytes > 0 ? tr("exposed %1").arg(amount(bytes - hidden)) : tr("exposed"));
  return y + rowHeight();
}

void SpeedChart::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  qreal y = drawStep(painter, 0) + kBlock;
  y = drawFetches(painter, y) + kBlock;
  if (m_guessedRight >= 0) {
    drawRow(painter, y, width(), tr("Next token guessed right"),
            tr("%1%").arg(std::lround(m_guessedRight * 100)));
  }
}

}  // namespace bookwheel
