// SPDX-License-Identifier: Apache-2.0
// SearchField: searches books and chats; the hits stand below it as a list.
#include "ui/search_field.h"

#include "ui/style/controls.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QKeyEvent>
#include <QListView>
#include <QPainter>
#include <QStandardItemModel>
#include <QStyledItemDelegate>
#include <QVBoxLayout>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kIcon = 18;
constexpr int kIconSpace = 22;
constexpr int kMostHits = 30;
constexpr int kShownRows = 8;
constexpr int kPopupWidth = 440;

QString glyphOfHit(SearchHit::Kind kind) {
  return kind == SearchHit::Kind::Book ? u"book"_s : u"chat"_s;
}

class HitDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const override {
    return {300, lineHeight(Type::Control) + lineHeight(Type::Note) + 19};
  }

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    const Theme& t = theme();
    const QRectF row = QRectF(option.rect).adjusted(6, 1, -6, -1);
    if (option.state & (QStyle::State_Selected | QStyle::State_MouseOver)) {
      drawBox(*painter, row, radius::kControl,
              option.state & QStyle::State_Selected ? t.accentSoft : t.hover);
    }
    const int first = lineHeight(Type::Control);
    const int second = lineHeight(Type::Note);
    const QString excerpt = index.data(Qt::UserRole).toString();
    const qreal text = excerpt.isEmpty() ? first : first + 3 + second;
    const qreal top = row.center().y() - text / 2;
    const int icon = scaled(16);
    drawIcon(*painter, index.data(Qt::UserRole + 1).toString(), t.text2,
             QPointF(row.left() + 10, top + first / 2.0 - icon / 2.0), icon);
    const qreal left = row.left() + 10 + icon + 10;
    const qreal width = row.right() - left - 10;
    drawText(*painter, QRectF(left, top, width, first), Qt::AlignVCenter,
             index.data(Qt::DisplayRole).toString(), Type::Control, t.text);
    drawText(*painter, QRectF(left, top + first + 3, width, second), Qt::AlignVCenter, excerpt,
             Type::Note, t.text2);
  }
};

}  // namespace

/// The hits, under the field; with a field of its own where the header shows none.
class SearchField::Popup : public QWidget {
 public:
  explicit Popup(SearchField& owner)
      : QWidget(owner.window(), Qt::Widget),
        field(new QLineEdit(this)),
        model(new QStandardItemModel(this)),
        list(new QListView(this)),
        message(new Label(Type::Row, Ink::Text2, Label::Fit::Wrap, this)) {
    followType(field, Type::Row);
    field->setPlaceholderText(SearchField::tr("Search books and chats"));
    field->setAccessibleName(SearchField::tr("Search books and chats"));
    field->installEventFilter(&owner);
    list->setModel(model);
    list->setItemDelegate(new HitDelegate(list));
    list->setFrameShape(QFrame::NoFrame);
    list->setMouseTracking(true);
    list->setFocusPolicy(Qt::NoFocus);
    list->setEditTriggers(QAbstractItemView::NoEditTriggers);
    list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    list->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    list->setAccessibleName(SearchField::tr("Search results"));
    list->viewport()->setAutoFillBackground(false);
    message->setContentsMargins(14, 10, 14, 10);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 6, 0, 6);
    column->setSpacing(4);
    auto* top = new QVBoxLayout;
    top->setContentsMargins(8, 2, 8, 2);
    top->addWidget(field);
    column->addLayout(top);
    column->addWidget(message);
    column->addWidget(list);
    setProperty(kTakesEscape, true);
    hide();
  }

  QLineEdit* field;
  QStandardItemModel* model;
  QListView* list;
  Label* message;
  QPointer<QWidget> anchor;

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    drawBox(painter, rect(), radius::kCard, theme().raised, theme().control);
  }
};

SearchField::SearchField(Library& library, QWidget* parent)
    : QLineEdit(parent), m_library(library), m_popup(nullptr) {
  followType(this, Type::Row);
  setPlaceholderText(tr("Search books and chats"));
  setAccessibleName(tr("Search books and chats"));
  connect(this, &QLineEdit::textEdited, this, &SearchField::search);
}

SearchField::~SearchField() = default;

void SearchField::setKeyText(const QString& key) {
  m_key = key;
  setTextMargins(kIconSpace, 0, int(textWidth(key, Type::Note)) + 8, 0);
}

void SearchField::openOver(QWidget* anchor) {
  if (m_popup == nullptr) {
    m_popup = new Popup(*this);
    connect(m_popup->field, &QLineEdit::textEdited, this, &SearchField::search);
    connect(m_popup->list, &QListView::clicked, this,
            [this](const QModelIndex& index) { choose(index.row()); });
  }
  m_popup->anchor = anchor;
  const bool own = !isVisible();
  m_popup->field->setVisible(own);
  if (own) {
    m_popup->field->clear();
    search(QString());
    showPopup();
    m_popup->field->setFocus(Qt::ShortcutFocusReason);
  } else {
    setFocus(Qt::ShortcutFocusReason);
    selectAll();
  }
}

void SearchField::search(const QString& words) {
  if (m_popup == nullptr) {
    openOver(this);
  }
  m_hits = words.trimmed().isEmpty() ? QList<SearchHit>() : m_library.search(words, kMostHits);
  m_popup->model->clear();
  for (const SearchHit& hit : std::as_const(m_hits)) {
    auto* item = new QStandardItem(hit.title);
    item->setData(hit.excerpt.simplified(), Qt::UserRole);
    item->setData(glyphOfHit(hit.kind), Qt::UserRole + 1);
    item->setData(u"%1. %2"_s.arg(hit.title, hit.excerpt), Qt::AccessibleTextRole);
    item->setEditable(false);
    m_popup->model->appendRow(item);
  }
  const bool none = m_hits.isEmpty();
  m_popup->message->setText(words.trimmed().isEmpty()
                                ? tr("Titles of books and chats, and every message.")
                                : tr("Nothing on the shelf has “%1”.").arg(words.trimmed()));
  m_popup->message->setVisible(none);
  m_popup->list->setVisible(!none);
  if (!none) {
    m_popup->list->setCurrentIndex(m_popup->model->index(0, 0));
  }
  if (words.trimmed().isEmpty() && isVisible()) {
    hidePopup();
  } else {
    showPopup();
  }
}

void SearchField::showPopup() {
  setProperty(kTakesEscape, true);
  const QWidget* under = isVisible() ? this : m_popup->anchor.data();
  if (under == nullptr) {
    return;
  }
  QWidget* window = m_popup->parentWidget();
  const int width = std::min(scaled(kPopupWidth), window->width() - 24);
  const int rowHeight = m_popup->list->itemDelegate()->sizeHint({}, {}).height();
  m_popup->list->setFixedHeight(std::min(int(m_hits.size()), kShownRows) * rowHeight);
  m_popup->setFixedWidth(width);
  m_popup->adjustSize();
  const QPoint right = under->mapTo(window, QPoint(under->width(), under->height() + 6));
  m_popup->move(std::clamp(right.x() - width, 12, window->width() - width - 12), right.y());
  m_popup->show();
  m_popup->raise();
}

void SearchField::hidePopup() {
  setProperty(kTakesEscape, false);
  if (m_popup != nullptr) {
    m_popup->hide();
  }
}

void SearchField::choose(int row) {
  if (row >= 0 && row < m_hits.size()) {
    const SearchHit hit = m_hits.at(row);
    hidePopup();
    clear();
    Q_EMIT chosen(hit);
  }
}

bool SearchField::handleKey(QKeyEvent* event) {
  if (m_popup == nullptr || m_popup->isHidden()) {
    return false;
  }
  const int row = m_popup->list->currentIndex().row();
  switch (event->key()) {
    case Qt::Key_Down:
    case Qt::Key_Up: {
      const int next = std::clamp(row + (event->key() == Qt::Key_Down ? 1 : -1), 0,
                                  std::max(0, int(m_hits.size()) - 1));
      m_popup->list->setCurrentIndex(m_popup->model->index(next, 0));
      return true;
    }
    case Qt::Key_Return:
    case Qt::Key_Enter:
      choose(row);
      return true;
    case Qt::Key_Escape:
      hidePopup();
      clear();
      if (m_popup->anchor != nullptr && !isVisible()) {
        m_popup->anchor->setFocus(Qt::ShortcutFocusReason);
      }
      return true;
    default:
      return false;
  }
}

void SearchField::keyPressEvent(QKeyEvent* event) {
  if (!handleKey(event)) {
    QLineEdit::keyPressEvent(event);
  }
}

bool SearchField::eventFilter(QObject* watched, QEvent* event) {
  if (m_popup != nullptr && watched == m_popup->field) {
    if (event->type() == QEvent::KeyPress && handleKey(static_cast<QKeyEvent*>(event))) {
      return true;
    }
    if (event->type() == QEvent::FocusOut) {
      hidePopup();
    }
  }
  return QLineEdit::eventFilter(watched, event);
}

void SearchField::focusOutEvent(QFocusEvent* event) {
  QLineEdit::focusOutEvent(event);
  hidePopup();
}

void SearchField::paintEvent(QPaintEvent* event) {
  QLineEdit::paintEvent(event);
  QPainter painter(this);
  const int icon = scaled(kIcon);
  drawIcon(painter, u"search"_s, theme().text3, QPointF(9, (height() - icon) / 2.0), icon);
  if (text().isEmpty()) {
    drawText(painter, QRectF(rect()).adjusted(0, 0, -10, 0), Qt::AlignVCenter | Qt::AlignRight,
             m_key, Type::Note, theme().text3);
  }
}

}  // namespace bookwheel
