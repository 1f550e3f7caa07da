// SPDX-License-Identifier: Apache-2.0
// OutlinePanel: the document's contents as a tree; the section in sight is marked.
#include "ui/reader/outline_panel.h"

#include "ui/style/controls.h"
#include "ui/style/focus_ring.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QPainter>
#include <QPushButton>
#include <QScrollBar>
#include <QStandardItemModel>
#include <QStyledItemDelegate>
#include <QTreeView>
#include <QVBoxLayout>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

enum OutlineRole { EntryRole = Qt::UserRole, PageRole, CurrentRole };

class OutlineDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const override {
    return {120, lineHeight(Type::Row) + 12};
  }

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    const Theme& t = theme();
    const QRectF row = QRectF(option.rect).adjusted(0, 1, -8, -1);
    const bool current = index.data(CurrentRole).toBool();
    if (current) {
      drawBox(*painter, row, radius::kControl, t.accentSoft);
    } else if (option.state & QStyle::State_MouseOver) {
      drawBox(*painter, row, radius::kControl, t.hover);
    }
    if ((option.state & QStyle::State_HasFocus) && FocusRing::keyboardInUse()) {
      drawFocusRing(*painter, row, radius::kControl);
    }
    const QString page = index.data(PageRole).toString();
    const qreal pageWidth = textWidth(page, Type::Note);
    const QRectF line = row.adjusted(6, 0, -8, 0);
    drawText(*painter, line.adjusted(0, 0, -pageWidth - 10, 0), Qt::AlignVCenter,
             index.data(Qt::DisplayRole).toString(), current ? Type::ControlStrong : Type::Row,
             t.text);
    drawText(*painter, line, Qt::AlignVCenter | Qt::AlignRight, page, Type::Note,
             current ? t.text2 : t.text3);
  }
};

}  // namespace

OutlinePanel::OutlinePanel(QWidget* parent)
    : QWidget(parent),
      m_model(new QStandardItemModel(this)),
      m_tree(new QTreeView),
      m_empty(new Label(Type::Row, Ink::Text2, Label::Fit::Wrap)) {
  auto* caption = new Label(Type::NoteStrong, Ink::Text2);
  caption->setText(tr("Contents"));
  auto* close = makeIconButton(u"close"_s, tr("Close the contents"), u"F7"_s);
  connect(close, &QPushButton::clicked, this, &OutlinePanel::closed);
  auto* head = new QHBoxLayout;
  head->setContentsMargins(16, 4, 8, 0);
  head->addWidget(caption, 1);
  head->addWidget(close);

  m_tree->setModel(m_model);
  m_tree->setItemDelegate(new OutlineDelegate(m_tree));
  m_tree->setHeaderHidden(true);
  m_tree->setFrameShape(QFrame::NoFrame);
  m_tree->setUniformRowHeights(true);
  m_tree->setSelectionMode(QAbstractItemView::NoSelection);  // the delegate marks the place
  m_tree->setIndentation(14);
  m_tree->setEditTriggers(QAbstractItemView::NoEditTriggers);
  m_tree->setExpandsOnDoubleClick(false);
  m_tree->setMouseTracking(true);
  m_tree->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_tree->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_tree->setAccessibleName(tr("Contents"));
  m_tree->setTabKeyNavigation(false);
  m_tree->header()->setStretchLastSection(true);
  setSurface(m_tree->verticalScrollBar(), Surface::Window);
  m_tree->viewport()->setAutoFillBackground(false);
  const auto choose = [this](const QModelIndex& index) {
    Q_EMIT chosen(index.data(EntryRole).toInt());
  };
  connect(m_tree, &QTreeView::clicked, this, choose);
  connect(m_tree, &QTreeView::activated, this, choose);

  m_empty->setText(
      tr("This document names no chapters. The page field and Find lead to any place."));
  m_empty->setContentsMargins(16, 8, 16, 0);

  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(4);
  column->addLayout(head);
  column->addWidget(m_empty);
  column->addWidget(m_tree, 1);
  m_tree->setContentsMargins(8, 0, 0, 0);
  setProperty(kTakesEscape, true);
  setDocument(nullptr);
}

void OutlinePanel::setDocument(std::shared_ptr<const Document> document) {
  m_document = std::move(document);
  m_model->clear();
  m_items.clear();
  m_current = -1;
  QList<QStandardItem*> branch;  // the last item of each level
  if (m_document) {
    const auto& entries = m_document->outline();
    for (int i = 0; i < entries.size(); ++i) {
      const OutlineEntry& entry = entries.at(i);
      auto* item = new QStandardItem(entry.title);
      const QString page = m_document->pages().at(entry.page).label;
      item->setData(i, EntryRole);
      item->setData(page, PageRole);
      item->setData(tr("%1, page %2").arg(entry.title, page), Qt::AccessibleTextRole);
      item->setToolTip(entry.title);
      item->setEditable(false);
      const qsizetype level = std::min<qsizetype>(std::max(0, entry.level), branch.size());
      branch.resize(level);
      if (level == 0) {
        m_model->appendRow(item);
      } else {
        branch.last()->appendRow(item);
      }
      branch.append(item);
      m_items.append(item);
    }
  }
  const bool empty = m_items.isEmpty();
  m_empty->setVisible(empty);
  m_tree->setVisible(!empty);
  if (m_model->rowCount() <= 40) {
    m_tree->expandToDepth(0);
  }
}

void OutlinePanel::setPlace(std::int64_t byte) {
  if (!m_document || !isVisible()) {
    return;
  }
  const int entry = m_document->outlineEntryAt(byte).value_or(-1);
  if (entry == m_current) {
    return;
  }
  const auto mark = [this](int index, bool on) {
    if (index >= 0 && index < m_items.size()) {
      m_items.at(index)->setData(on, CurrentRole);
    }
  };
  mark(m_current, false);
  mark(entry, true);
  m_current = entry;
  if (entry >= 0 && !m_tree->hasFocus()) {
    m_tree->scrollTo(m_items.at(entry)->index());
  }
}

void OutlinePanel::takeFocus() {
  if (!m_items.isEmpty()) {
    m_tree->setFocus(Qt::ShortcutFocusReason);
    if (!m_tree->currentIndex().isValid()) {
      m_tree->setCurrentIndex(m_items.at(std::max(0, m_current))->index());
    }
  }
}

void OutlinePanel::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) {
    Q_EMIT closed();
    return;
  }
  QWidget::keyPressEvent(event);
}

}  // namespace bookwheel
