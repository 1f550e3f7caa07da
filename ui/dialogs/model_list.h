// SPDX-License-Identifier: Apache-2.0
// ModelList: the model files found here, as radio rows: name, facts, speed, whether the book fits.
#pragma once

#include <QListView>
#include <QStyledItemDelegate>

namespace bookwheel {

class ModelCatalog;

class ModelDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override;
};

/// Rows are chosen by click, Enter or Space.
class ModelList : public QListView {
  Q_OBJECT
 public:
  explicit ModelList(ModelCatalog& catalog, QWidget* parent = nullptr);

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 Q_SIGNALS:
  void chosen(const QString& path);

 protected:
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void choose(const QModelIndex& index);
  int rowHeight() const;
};

}  // namespace bookwheel
