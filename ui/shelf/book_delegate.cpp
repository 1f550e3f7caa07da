// SPDX-License-Identifier: Apache-2.0
// BookDelegate, ChatDelegate: the rows of the shelf.
#include "ui/shelf/book_delegate.h"

#include "app/library/chats_model.h"
#include "ui/style/focus_ring.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QPainter>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr QSize kGlyph(26, 34);
constexpr int kSpine = 5;

void drawRowState(QPainter& painter, const QStyleOptionViewItem& option, const QRectF& row,
                  bool current, const QColor& currentFill) {
  if (current) {
    drawBox(painter, row, radius::kRow, currentFill);
  } else if (option.state & QStyle::State_MouseOver) {
    drawBox(painter, row, radius::kRow, theme().hover);
  }
  if ((option.state & QStyle::State_HasFocus) && FocusRing::keyboardInUse()) {
    drawFocusRing(painter, row, radius::kRow);
  }
}

}  // namespace

void drawBookGlyph(QPainter& painter, const QRectF& rect, BookActivity::Glyph glyph, double share,
                   bool current) {
  const Theme& t = theme();
  const QColor line = current ? t.accent : t.control;
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  drawBox(painter, rect, 2.5, current && t.dark ? t.accentSoft : t.raised, line, 1.5);
  painter.setPen(QPen(line, 1.5));
  const qreal spine = rect.left() + kSpine;
  painter.drawLine(QPointF(spine, rect.top() + 1), QPointF(spine, rect.bottom() - 1));
  const QRectF inside(spine + 2, rect.top() + 2, rect.right() - spine - 4, rect.height() - 4);
  const int icon = 14;
  const QPointF iconAt = QPointF(spine + rect.right(), rect.top() + rect.bottom()) / 2.0 -
                         QPointF(icon / 2.0, icon / 2.0);
  switch (glyph) {
    case BookActivity::Glyph::Check:
      drawIcon(painter, u"check"_s, line, iconAt, icon);
      break;
    case BookActivity::Glyph::Filling: {
      QColor fill = t.accent;
      fill.setAlphaF(0.35F);
      const qreal height = inside.height() * std::clamp(share, 0.0, 1.0);
      painter.fillRect(QRectF(inside.left(), inside.bottom() - height, inside.width(), height),
                       fill);
      break;
    }
    case BookActivity::Glyph::Warning:
      drawIcon(painter, u"warning"_s, t.warn, iconAt, icon);
      break;
    case BookActivity::Glyph::Waiting:
      break;
  }
  painter.restore();
}

QSize BookDelegate::sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const {
  if (m_form == BookRowForm::Glyph) {
    return {kGlyph.width() + 2 * 15, kGlyph.height() + 16};
  }
  const int text = lineHeight(Type::Control) + lineHeight(Type::Note) + 3;
  return {160, std::max(text, kGlyph.height()) + 20};
}

void BookDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                         const QModelIndex& index) const {
  const Theme& t = theme();
  const bool current = index.data(LibraryModel::CurrentRole).toBool();
  const auto glyph = static_cast<BookActivity::Glyph>(index.data(LibraryModel::GlyphRole).toInt());
  const double share = index.data(LibraryModel::ShareRole).toDouble();
  painter->save();
  if (m_form == BookRowForm::Glyph) {
    const QRectF row = QRectF(option.rect).adjusted(6, 2, -6, -2);
    drawRowState(*painter, option, row, current, t.accentSoft);
    if (current) {
      drawBox(*painter, QRectF(option.rect.left(), row.center().y() - 12, 3, 24), 1.5, t.accent);
    }
    QRectF book(QPointF(0, 0), kGlyph);
    book.moveCenter(row.center());
    drawBookGlyph(*painter, book, glyph, share, current);
    painter->restore();
    return;
  }
  const QRectF row = QRectF(option.rect).adjusted(8, 1, -8, -1);
  drawRowState(*painter, option, row, current, t.accentSoft);
  QRectF book(QPointF(row.left() + 10, 0), kGlyph);
  book.moveTop(row.center().y() - kGlyph.height() / 2.0);
  drawBookGlyph(*painter, book, glyph, share, current);

  const int first = lineHeight(Type::Control);
  const int second = lineHeight(Type::Note);
  const qreal left = book.right() + 12;
  const qreal top = row.center().y() - (first + second + 3) / 2.0;
  const qreal width = row.right() - left - 10;
  drawText(*painter, QRectF(left, top, width, first), Qt::AlignVCenter,
           index.data(LibraryModel::TitleRole).toString(),
           current ? Type::ControlStrong : Type::Control, t.text);
  drawText(*painter, QRectF(left, top + first + 3, width, second), Qt::AlignVCenter,
           index.data(LibraryModel::WordsRole).toString(), Type::Note,
           glyph == BookActivity::Glyph::Warning ? t.warn : t.text2);
  painter->restore();
}

QSize ChatDelegate::sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const {
  return {160, lineHeight(Type::Row) + 18};
}

void ChatDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                         const QModelIndex& index) const {
  const Theme& t = theme();
  const bool current = index.data(ChatsModel::CurrentRole).toBool();
  const QRectF row = QRectF(option.rect).adjusted(8, 1, -8, -1);
  painter->save();
  drawRowState(*painter, option, row, current, t.hover);
  const int icon = scaled(16);
  drawIcon(*painter, u"chat"_s, current ? t.accent : t.text3,
           QPointF(row.left() + 11, row.center().y() - icon / 2.0), icon);
  const QString when = index.data(ChatsModel::WhenRole).toString();
  const qreal whenWidth = textWidth(when, Type::Note);
  const QRectF line = row.adjusted(11 + icon + 9, 0, -10, 0);
  drawText(*painter, line.adjusted(0, 0, -whenWidth - 10, 0), Qt::AlignVCenter,
           index.data(ChatsModel::TitleRole).toString(), current ? Type::Control : Type::Row,
           t.text);
  drawText(*painter, line, Qt::AlignVCenter | Qt::AlignRight, when, Type::Note,
           current ? t.text2 : t.text3);
  painter->restore();
}

}  // namespace bookwheel
