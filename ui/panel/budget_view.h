// SPDX-License-Identifier: Apache-2.0
// BudgetView: the table "What the budget buys for this book".
#pragma once

#include <QAbstractTableModel>
#include <QTableView>

namespace bookwheel {

class BudgetModel;

/// The stops of a BudgetModel as rows. Texts are the stops' own; the accessible text of a cell is
/// said with its column.
class BudgetRows : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Budget, Bits, Pairs, Tokens, Speed, Agreement, kColumns };

  explicit BudgetRows(BudgetModel& budget, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  bool isCurrent(int row) const;
  bool isPreviewed(int row) const;

 private:
  void take();

  BudgetModel& m_budget;
  int m_rows = 0;
};

/// Arrows move, Enter or a double click chooses the row's budget. As high as its rows.
class BudgetView : public QTableView {
  Q_OBJECT
 public:
  explicit BudgetView(BudgetModel& budget, QWidget* parent = nullptr);

  /// Without the column of pairs.
  void setNarrow(bool narrow);
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void keyPressEvent(QKeyEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;

 private:
  void choose(const QModelIndex& index);
  void layColumns();
  void restyle();

  BudgetModel& m_budget;
  BudgetRows* m_rows;
};

}  // namespace bookwheel
