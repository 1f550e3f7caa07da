// SPDX-License-Identifier: Apache-2.0
// BookDelegate, ChatDelegate: the rows of the shelf.
#pragma once

#include "app/library/library_model.h"

#include <QStyledItemDelegate>

class QPainter;

namespace bookwheel {

/// The outline of a book whose inside says the state: check, rising fill, nothing, triangle.
void drawBookGlyph(QPainter& painter, const QRectF& rect, BookActivity::Glyph glyph, double share,
                   bool current);

enum class BookRowForm {
  Full,   ///< glyph and two lines
  Glyph,  ///< the rail
};

class BookDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  explicit BookDelegate(BookRowForm form, QObject* parent = nullptr)
      : QStyledItemDelegate(parent), m_form(form) {}

  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override;

 private:
  BookRowForm m_form;
};

class ChatDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override;
};

}  // namespace bookwheel
