// SPDX-License-Identifier: Apache-2.0
// BackPill: the way back after a jump, "Back to page 96", floating over the document.
#include "ui/reader/back_pill.h"

#include "ui/style/controls.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QPainter>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {
constexpr int kIcon = 18;
constexpr int kPad = 14;
constexpr int kGap = 8;
constexpr int kKeyGap = 18;
}  // namespace

BackPill::BackPill(QWidget* parent) : QPushButton(parent) {
  followType(this, Type::Control);
  setPill(this);
  setAttribute(Qt::WA_Hover);
  hide();
}

void BackPill::offer(const QString& text, const QString& key) {
  setText(text);
  m_key = key;
  setAccessibleName(text);
  resize(sizeHint());
  show();
  raise();
}

QSize BackPill::sizeHint() const {
  const qreal width = 2 * kPad + scaled(kIcon) + kGap + textWidth(text(), Type::Control) +
                      (m_key.isEmpty() ? 0 : kKeyGap + textWidth(m_key, Type::Note));
  return {qCeil(width), lineHeight(Type::Control) + 18};
}

void BackPill::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  drawBox(painter, rect(), height() / 2.0,
          isDown()       ? t.border
          : underMouse() ? t.raisedHover
                         : t.raised,
          t.control);
  const int icon = scaled(kIcon);
  drawIcon(painter, u"back"_s, t.accent, QPointF(kPad, (height() - icon) / 2.0), icon);
  const QRectF line = QRectF(rect()).adjusted(kPad + icon + kGap, 0, -kPad, 0);
  drawText(painter, line, Qt::AlignVCenter, text(), Type::Control, t.text);
  drawText(painter, line, Qt::AlignVCenter | Qt::AlignRight, m_key, Type::Note, t.text2);
}

}  // namespace bookwheel
