// SPDX-License-Identifier: Apache-2.0
// Figure: a caption, a big number and what it counts.
#include "ui/panel/figure.h"

#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QPainter>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {
constexpr int kBehindNumber = 6;
}  // namespace

Figure::Figure(const QString& caption, QWidget* parent)
    : PaintedChart(caption, parent), m_caption(caption) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  fit();
}

int Figure::heightNow() const { return lineHeight(Type::Note) + 4 + lineHeight(Type::BigNumber); }

int Figure::scaledWidth() const { return scaled(120); }

QSize Figure::sizeHint() const {
  const qreal number = textWidth(m_number, Type::BigNumber) + kBehindNumber;
  return {int(number + textWidth(m_unit, Type::Row)) + 2, heightNow()};
}

void Figure::setData(const QString& number, const QString& unit, const QString& sentence) {
  if (number == m_number && unit == m_unit && sentence == this->sentence()) {
    return;  // a standing number is not painted again
  }
  m_number = number;
  m_unit = unit;
  updateGeometry();
  say(sentence);
}

void Figure::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  const qreal caption = lineHeight(Type::Note);
  drawText(painter, QRectF(0, 0, width(), caption), Qt::AlignLeft | Qt::AlignVCenter, m_caption,
           Type::NoteMedium, t.text2);
  const QString number = m_number.isEmpty() ? u"–"_s : m_number;
  const QFont big = bookwheel::font(Type::BigNumber);
  const QFontMetricsF metrics(big);
  const qreal base = caption + 4 + metrics.ascent();
  painter.setFont(big);
  painter.setPen(m_number.isEmpty() ? t.text3 : t.text);
  painter.drawText(QPointF(0, base), number);
  const qreal x = metrics.horizontalAdvance(number) + kBehindNumber;
  const QFont small = bookwheel::font(Type::Row);
  const QFontMetricsF smallMetrics(small);
  painter.setFont(small);
  painter.setPen(t.text2);
  painter.drawText(QPointF(x, base),
                   smallMetrics.elidedText(m_unit, Qt::ElideRight, width() - x + 1));
}

}  // namespace bookwheel
