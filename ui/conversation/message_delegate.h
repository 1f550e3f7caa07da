// SPDX-License-Identifier: Apache-2.0
// MessageDelegate: paints the messages and opens one of them as a text browser.
#pragma once

#include "ui/conversation/message_document.h"

#include <QHash>
#include <QStyledItemDelegate>

namespace bookwheel {

/// Row actions painted below an answer or beside a question; the same commands are QActions of the
/// list.
enum class RowAction { None, Copy, Retry, Edit, Earlier, Later };

class MessageDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  explicit MessageDelegate(QObject* parent = nullptr);

  /// Pixels above the first message, for the list's header.
  void setTopSpace(int pixels) { m_topSpace = pixels; }
  /// Drops laid out documents: the theme, the text scale or the width has changed.
  void clearCache();

  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override;
  QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option,
                        const QModelIndex& index) const override;
  void setEditorData(QWidget* editor, const QModelIndex& index) const override;
  void updateEditorGeometry(QWidget* editor, const QStyleOptionViewItem& option,
                            const QModelIndex& index) const override;

  /// Where the message's text stands in a row that fills `row`.
  QRect textRect(const QRect& row, const QModelIndex& index) const;
  RowAction actionAt(const QRect& row, const QModelIndex& index, QPoint at) const;
  void setHovered(const QModelIndex& index, RowAction action);

 Q_SIGNALS:
  void linkClicked(const QString& target, const QPoint& globalPos);

 protected:
  bool eventFilter(QObject* editor, QEvent* event) override;

 private:
  struct Entry {
    QString text;
    qreal width = 0;
    bool cursor = false;
    std::shared_ptr<SafeDocument> document;
  };
  struct Parts;

  Parts partsOf(const QRect& row, const QModelIndex& index) const;
  std::shared_ptr<SafeDocument> documentOf(const QModelIndex& index, qreal width) const;

  int m_topSpace = 0;
  QPersistentModelIndex m_hoverIndex;
  RowAction m_hoverAction = RowAction::None;
  mutable QHash<qint64, Entry> m_cache;  // by message id; 0: not saved yet
};

}  // namespace bookwheel
