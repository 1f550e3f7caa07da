// SPDX-License-Identifier: Apache-2.0
// BudgetView: the table "What the budget buys for this book".
#include "ui/panel/budget_view.h"

#include "app/chat/budget_model.h"
#include "ui/style/focus_ring.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QHeaderView>
#include <QKeyEvent>
#include <QPainter>
#include <QStyledItemDelegate>

#include <algorithm>
#include <array>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kRowPadding = 12;
constexpr int kHeaderPadding = 8;
constexpr int kDotRadius = 3;
constexpr int kDotAt = 11;
constexpr int kFirstColumn = 22;  // room for the dot
constexpr int kCellPadding = 10;

bool isLeft(int column) { return column == BudgetRows::Budget || column == BudgetRows::Bits; }

/// Paints whole rows: tint and dot of the current one, dashed outline of the previewed one.
class RowDelegate : public QStyledItemDelegate {
 public:
  RowDelegate(BudgetView& view, const BudgetRows& rows)
      : QStyledItemDelegate(&view), m_view(view), m_rows(rows) {}

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    const Theme& t = theme();
    const bool current = m_rows.isCurrent(index.row());
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setClipRect(option.rect);
    const QRectF row(0, option.rect.top(), m_view.viewport()->width(), option.rect.height());
    const QRectF inside = row.adjusted(0.5, 0.5, -0.5, -0.5);
    if (current) {
      drawBox(*painter, inside, radius::kControl, t.accentSoft);
    }
    if (m_rows.isPreviewed(index.row()) && !current) {
      QPen dashed(t.accent, 1.5, Qt::CustomDashLine);
      dashed.setDashPattern({4, 3});
      painter->setPen(dashed);
      painter->setBrush(Qt::NoBrush);
      painter->drawRoundedRect(row.adjusted(1, 1, -1, -1), radius::kControl, radius::kControl);
    }
    if ((option.state & QStyle::State_HasFocus) != 0 ||
        m_view.currentIndex().row() == index.row()) {
      if (m_view.hasFocus() && FocusRing::keyboardInUse()) {
        drawFocusRing(*painter, inside, radius::kControl);
      }
    }
    if (current && index.column() == 0) {
      painter->setPen(Qt::NoPen);
      painter->setBrush(t.accent);
      painter->drawEllipse(QPointF(kDotAt, row.center().y()), kDotRadius + 0.5, kDotRadius + 0.5);
    }
    const bool first = index.column() == BudgetRows::Budget;
    const Type type = current ? Type::ControlStrong : first ? Type::Control : Type::Row;
    QRectF cell = option.rect;
    if (first) {
      cell.setLeft(cell.left() + kFirstColumn);
    } else if (!isLeft(index.column())) {
      cell.setRight(cell.right() - (index.column() == BudgetRows::Agreement ? kCellPadding : 0));
    }
    drawText(*painter, cell,
             int(Qt::AlignVCenter | (isLeft(index.column()) ? Qt::AlignLeft : Qt::AlignRight)),
             index.data(Qt::DisplayRole).toString(), type, current || first ? t.text : t.text2);
    painter->restore();
  }

 private:
  BudgetView& m_view;
  const BudgetRows& m_rows;
};

class Head : public QHeaderView {
 public:
  explicit Head(QWidget* parent) : QHeaderView(Qt::Horizontal, parent) {
    setSectionsClickable(false);
    setHighlightSections(false);
  }

  QSize sizeHint() const override {
    return {QHeaderView::sizeHint().width(), lineHeight(Type::Note) + kHeaderPadding};
  }

 protected:
  void paintSection(QPainter* painter, const QRect& rect, int section) const override {
    painter->fillRect(rect, theme().pane);
    QRectF cell = rect;
    if (section == BudgetRows::Budget) {
      cell.setLeft(cell.left() + kFirstColumn);
    } else if (section == BudgetRows::Agreement) {
      cell.setRight(cell.right() - kCellPadding);
    }
    drawText(*painter, cell,
             int(Qt::AlignVCenter | (isLeft(section) ? Qt::AlignLeft : Qt::AlignRight)),
             model()->headerData(section, Qt::Horizontal, Qt::DisplayRole).toString(), Type::Note,
             theme().text3);
  }
};

}  // namespace

BudgetRows::BudgetRows(BudgetModel& budget, QObject* parent)
    : QAbstractTableModel(parent), m_budget(budget) {
  m_rows = static_cast<int>(budget.table().stops().size());
  connect(&budget, &BudgetModel::changed, this, &BudgetRows::take);
}

void BudgetRows::take() {
  const int rows = static_cast<int>(m_budget.table().stops().size());
  if (rows != m_rows) {
    beginResetModel();
    m_rows = rows;
    endResetModel();
  } else if (rows > 0) {
    Q_EMIT dataChanged(index(0, 0), index(rows - 1, kColumns - 1));
  }
}

int BudgetRows::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : m_rows; }

int BudgetRows::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : int(kColumns);
}

bool BudgetRows::isCurrent(int row) const { return m_budget.currentRow() == row; }

bool BudgetRows::isPreviewed(int row) const { return m_budget.previewRow() == row; }

QVariant BudgetRows::data(const QModelIndex& index, int role) const {
  const QList<BudgetStop>& stops = m_budget.table().stops();
  if (!index.isValid() || index.row() >= stops.size()) {
    return {};
  }
  const BudgetStop& stop = stops.at(index.row());
  if (role == Qt::DisplayRole) {
    switch (index.column()) {
      case Budget:
        return stop.budgetText;
      case Bits:
        return stop.choice.capacity == CapacityPlace::File ? stop.bitsText + u" *"_s
                                                           : stop.bitsText;
      case Pairs:
        return stop.pairsText;
      case Tokens:
        return stop.tokensText;
      case Speed:
        return stop.speedText;
      case Agreement:
        return stop.agreementText;
      default:
        return {};
    }
  }
  if (role == Qt::AccessibleTextRole || role == Qt::ToolTipRole) {
    return m_budget.valueSentence(stop.bytes) +
           (isCurrent(index.row()) ? tr(", in use") : QString());
  }
  return {};
}

QVariant BudgetRows::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) {
    return {};
  }
  const std::array<QString, kColumns> names{tr("Budget"), tr("Bits K / V"),
                                            tr("Pairs"),  tr("Tokens that fit"),
                                            tr("Speed"),  tr("Agreement")};
  return names.at(static_cast<std::size_t>(section));
}

BudgetView::BudgetView(BudgetModel& budget, QWidget* parent)
    : QTableView(parent), m_budget(budget), m_rows(new BudgetRows(budget, this)) {
  setModel(m_rows);
  setItemDelegate(new RowDelegate(*this, *m_rows));
  setHorizontalHeader(new Head(this));
  verticalHeader()->hide();
  setFrameShape(QFrame::NoFrame);
  setShowGrid(false);
  setSelectionMode(QAbstractItemView::NoSelection);
  setTabKeyNavigation(false);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  setAccessibleName(tr("What the budget buys for this book"));
  connect(this, &QTableView::doubleClicked, this, &BudgetView::choose);
  connect(m_rows, &QAbstractTableModel::modelReset, this, [this] {
    updateGeometry();
    layColumns();
  });
  connect(m_rows, &QAbstractTableModel::dataChanged, this, [this] { layColumns(); });
  connect(&themeEvents(), &ThemeEvents::changed, this, &BudgetView::restyle);
  restyle();
}

void BudgetView::restyle() {
  QPalette colours = palette();
  colours.setColor(QPalette::Base, theme().pane);
  setPalette(colours);
  verticalHeader()->setMinimumSectionSize(1);
  verticalHeader()->setDefaultSectionSize(lineHeight(Type::Row) + kRowPadding);
  updateGeometry();
  layColumns();
}

QSize BudgetView::sizeHint() const {
  return {scaled(400), horizontalHeader()->sizeHint().height() +
                           m_rows->rowCount() * verticalHeader()->defaultSectionSize()};
}

QSize BudgetView::minimumSizeHint() const { return {scaled(280), sizeHint().height()}; }

void BudgetView::setNarrow(bool narrow) {
  setColumnHidden(BudgetRows::Pairs, narrow);
  layColumns();
}

void BudgetView::resizeEvent(QResizeEvent* event) {
  QTableView::resizeEvent(event);
  layColumns();
}

/// Each column as wide as its longest text; what is left over is shared.
void BudgetView::layColumns() {
  std::array<int, BudgetRows::kColumns> widths{};
  int sum = 0;
  int shown = 0;
  for (int column = 0; column < BudgetRows::kColumns; ++column) {
    if (isColumnHidden(column)) {
      continue;
    }
    qreal widest = textWidth(m_rows->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString(),
                             Type::Note);
    for (int row = 0; row < m_rows->rowCount(); ++row) {
      widest = std::max(
          widest, textWidth(m_rows->index(row, column).data().toString(), Type::ControlStrong));
    }
    const int padding = column == BudgetRows::Budget      ? kFirstColumn + 4
                        : column == BudgetRows::Agreement ? kCellPadding + 2
                                                          : 2;
    widths.at(static_cast<std::size_t>(column)) = int(widest) + padding;
    sum += int(widest) + padding;
    ++shown;
  }
  // All of the width, so that rows and head end where the table does.
  int spare = std::max(viewport()->width() - sum, 0);
  for (int column = 0; column < BudgetRows::kColumns; ++column) {
    if (!isColumnHidden(column)) {
      const int more = spare / shown;
      setColumnWidth(column, widths.at(static_cast<std::size_t>(column)) + more);
      spare -= more;
      --shown;
    }
  }
}

void BudgetView::focusInEvent(QFocusEvent* event) {
  QTableView::focusInEvent(event);
  if (!currentIndex().isValid() && m_rows->rowCount() > 0) {
    setCurrentIndex(m_rows->index(std::max(m_budget.currentRow(), 0), 0));
  }
}

void BudgetView::choose(const QModelIndex& index) {
  if (index.isValid()) {
    m_budget.choose(m_budget.table().stops().at(index.row()).bytes);
  }
}

void BudgetView::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) {
    choose(currentIndex());
    return;
  }
  if (event->key() == Qt::Key_Escape) {
    event->ignore();
    return;
  }
  QTableView::keyPressEvent(event);
  viewport()->update();  // the ring goes around whole rows
}

}  // namespace bookwheel
