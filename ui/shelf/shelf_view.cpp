// SPDX-License-Identifier: Apache-2.0
// ShelfView: the left pane: open a document, the books, the chats of the open book; or a rail of
// glyphs.
#include "ui/shelf/shelf_view.h"

#include "app/chat/chat_controller.h"
#include "ui/actions.h"
#include "ui/shelf/book_delegate.h"
#include "ui/style/controls.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAction>
#include <QHBoxLayout>
#include <QListView>
#include <QMenu>
#include <QPainter>
#include <QPushButton>
#include <QScrollBar>
#include <QVBoxLayout>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kRailWidth = 56;

/// As high as its rows, but gives way when there is not room for all of them.
class RowsList : public QListView {
 public:
  explicit RowsList(QAbstractItemModel* rows) {
    setModel(rows);
    setFrameShape(QFrame::NoFrame);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    setEditTriggers(QAbstractItemView::NoEditTriggers);
    setSelectionMode(QAbstractItemView::NoSelection);
    setMouseTracking(true);
    setTabKeyNavigation(false);
    setContextMenuPolicy(Qt::CustomContextMenu);
    viewport()->setAutoFillBackground(false);
    viewport()->setAttribute(Qt::WA_Hover);
    setSurface(verticalScrollBar(), Surface::Window);
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum);
    connect(rows, &QAbstractItemModel::rowsInserted, this, [this] { updateGeometry(); });
    connect(rows, &QAbstractItemModel::rowsRemoved, this, [this] { updateGeometry(); });
    connect(rows, &QAbstractItemModel::modelReset, this, [this] { updateGeometry(); });
    connect(&themeEvents(), &ThemeEvents::changed, this, [this] { scheduleDelayedItemsLayout(); });
  }

  QSize sizeHint() const override {
    return {QListView::sizeHint().width(), model()->rowCount() * rowHeight()};
  }
  QSize minimumSizeHint() const override {
    return {0, std::min(model()->rowCount(), 2) * rowHeight()};
  }

 private:
  int rowHeight() const {
    return itemDelegate()->sizeHint(QStyleOptionViewItem(), model()->index(0, 0)).height();
  }
};

QWidget* makeCaption(const QString& text, Label* right) {
  auto* caption = new QWidget;
  auto* row = new QHBoxLayout(caption);
  row->setContentsMargins(18, 9, 18, 9);
  auto* label = new Label(Type::NoteStrong, Ink::Text2);
  label->setText(text);
  row->addWidget(label, 1);
  if (right != nullptr) {
    row->addWidget(right);
  }
  return caption;
}

class Icon : public QWidget {
 public:
  explicit Icon(const QString& name) : m_name(name) { setFixedSize(scaled(16), scaled(16)); }

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    drawIcon(painter, m_name, theme().text3, QPointF(0, 0), width());
  }

 private:
  QString m_name;
};

}  // namespace

ShelfView::ShelfView(ChatController& controller, Actions& actions, QWidget* parent)
    : QStackedWidget(parent), m_controller(controller) {
  addWidget(makeFull(actions));
  addWidget(makeRail(actions));
  connect(controller.shelf(), &LibraryModel::summaryChanged, this, &ShelfView::refresh);
  for (const QAbstractItemModel* rows :
       {static_cast<const QAbstractItemModel*>(controller.shelf()),
        static_cast<const QAbstractItemModel*>(controller.chats())}) {
    connect(rows, &QAbstractItemModel::rowsInserted, this, &ShelfView::refresh);
    connect(rows, &QAbstractItemModel::rowsRemoved, this, &ShelfView::refresh);
    connect(rows, &QAbstractItemModel::modelReset, this, &ShelfView::refresh);
  }
  refresh();
}

QListView* ShelfView::makeBookList(bool rail) {
  auto* list = new RowsList(m_controller.shelf());
  list->setItemDelegate(new BookDelegate(rail ? BookRowForm::Glyph : BookRowForm::Full, list));
  list->setAccessibleName(tr("Shelf"));
  const auto open = [this](const QModelIndex& index) {
    m_controller.openBook(index.data(LibraryModel::BookRole).toLongLong());
  };
  connect(list, &QListView::clicked, this, open);
  connect(list, &QListView::activated, this, open);
  connect(list, &QListView::customContextMenuRequested, this,
          [this, list](const QPoint& at) { showBookMenu(list, at); });
  return list;
}

QWidget* ShelfView::makeFull(Actions& actions) {
  auto* full = new QWidget;
  m_open = makeButton(tr("Open a document…"), ButtonKind::Outlined, u"plus"_s);
  m_open->setToolTip(withKey(tr("Open a document"), actions.keyText(Command::OpenDocument)));
  connect(m_open, &QPushButton::clicked, actions[Command::OpenDocument], &QAction::trigger);
  m_count = new Label(Type::Note, Ink::Text3);
  m_empty = new Label(Type::Row, Ink::Text2, Label::Fit::Wrap);
  m_empty->setText(tr("No books yet. A document you open stays here."));
  m_empty->setContentsMargins(18, 4, 18, 0);
  m_books = makeBookList(false);
  m_chats = new RowsList(m_controller.chats());
  m_chats->setItemDelegate(new ChatDelegate(m_chats));
  m_chats->setAccessibleName(tr("Chats about this book"));
  const auto open = [this](const QModelIndex& index) {
    m_controller.selectChat(index.data(ChatsModel::ChatRole).toLongLong());
  };
  connect(m_chats, &QListView::clicked, this, open);
  connect(m_chats, &QListView::activated, this, open);
  connect(m_chats, &QListView::customContextMenuRequested, this, &ShelfView::showChatMenu);
  m_chatCaption = makeCaption(tr("Chats about this book"), nullptr);

  m_foot = new Label(Type::Note, Ink::Text2, Label::Fit::Elide);
  m_foot->setText(tr("No network is used"));
  auto* foot = new QHBoxLayout;
  foot->setContentsMargins(18, 13, 16, 14);
  foot->setSpacing(8);
  foot->addWidget(new Icon(u"lock"_s));
  foot->addWidget(m_foot, 1);

  auto* column = new QVBoxLayout(full);
  column->setContentsMargins(0, 12, 0, 0);
  column->setSpacing(0);
  auto* openRow = new QHBoxLayout;
  openRow->setContentsMargins(16, 0, 16, 4);
  openRow->addWidget(m_open);
  column->addLayout(openRow);
  column->addWidget(makeCaption(tr("Shelf"), m_count));
  column->addWidget(m_empty);
  column->addWidget(m_books);
  column->addSpacing(10);
  column->addWidget(m_chatCaption);
  column->addWidget(m_chats);
  column->addStretch(1);
  column->addWidget(makeLine(Qt::Horizontal));
  column->addLayout(foot);
  return full;
}

QWidget* ShelfView::makeRail(Actions& actions) {
  auto* rail = new QWidget;
  m_railOpen = makeActionButton(actions[Command::OpenDocument], u"plus"_s);
  auto* chats =
      makeIconButton(u"chat"_s, tr("Chats about this book"), actions.keyText(Command::ToggleShelf));
  connect(chats, &QPushButton::clicked, this, &ShelfView::expandRequested);
  m_rail = makeBookList(true);
  auto* column = new QVBoxLayout(rail);
  column->setContentsMargins(0, 10, 0, 10);
  column->setSpacing(8);
  column->addWidget(m_railOpen, 0, Qt::AlignHCenter);
  auto* first = makeLine(Qt::Horizontal);
  first->setFixedWidth(28);
  column->addWidget(first, 0, Qt::AlignHCenter);
  column->addWidget(m_rail);
  auto* second = makeLine(Qt::Horizontal);
  second->setFixedWidth(28);
  column->addWidget(second, 0, Qt::AlignHCenter);
  column->addWidget(chats, 0, Qt::AlignHCenter);
  column->addStretch(1);
  rail->setFixedWidth(kRailWidth);
  return rail;
}

void ShelfView::setForm(Form form) {
  m_form = form;
  setCurrentIndex(form == Form::Full ? 0 : 1);
}

void ShelfView::takeFocus() {
  QListView* list = m_form == Form::Full ? m_books : m_rail;
  if (list->model()->rowCount() == 0) {
    (m_form == Form::Full ? m_open : m_railOpen)->setFocus(Qt::ShortcutFocusReason);
    return;
  }
  if (!list->currentIndex().isValid()) {
    const int row = std::max(0, m_controller.shelf()->rowOf(m_controller.book()));
    list->setCurrentIndex(list->model()->index(row, 0));
  }
  list->setFocus(Qt::ShortcutFocusReason);
}

void ShelfView::refresh() {
  const LibraryModel* shelf = m_controller.shelf();
  const bool empty = shelf->bookCount() == 0;
  m_count->setText(empty ? QString() : shelf->summary());
  m_empty->setVisible(empty);
  m_books->setVisible(!empty);
  const bool chats = m_controller.chats()->rowCount() > 0;
  m_chatCaption->setVisible(chats);
  m_chats->setVisible(chats);
}

void ShelfView::showBookMenu(QListView* list, const QPoint& at) {
  const QModelIndex index = at.isNull() ? list->currentIndex() : list->indexAt(at);
  if (!index.isValid()) {
    return;
  }
  const BookId book = index.data(LibraryModel::BookRole).toLongLong();
  QMenu menu(this);
  connect(menu.addAction(tr("Open")), &QAction::triggered, this,
          [this, book] { m_controller.openBook(book); });
  if (book == m_controller.book()) {
    connect(menu.addAction(tr("Close")), &QAction::triggered, &m_controller,
            &ChatController::closeBook);
  }
  menu.addSeparator();
  auto* remove = menu.addMenu(tr("Remove from the shelf"));
  connect(remove->addAction(tr("Remove it and its chats for good; the file stays")),
          &QAction::triggered, this, [this, book] { m_controller.removeBook(book); });
  menu.exec(list->viewport()->mapToGlobal(at));
}

void ShelfView::showChatMenu(const QPoint& at) {
  const QModelIndex index = at.isNull() ? m_chats->currentIndex() : m_chats->indexAt(at);
  if (!index.isValid()) {
    return;
  }
  const ChatId chat = index.data(ChatsModel::ChatRole).toLongLong();
  QMenu menu(this);
  connect(menu.addAction(tr("Open")), &QAction::triggered, this,
          [this, chat] { m_controller.selectChat(chat); });
  menu.addSeparator();
  auto* remove = menu.addMenu(tr("Delete this chat"));
  connect(remove->addAction(tr("Delete it and its messages for good")), &QAction::triggered, this,
          [this, chat] { m_controller.removeChat(chat); });
  menu.exec(m_chats->viewport()->mapToGlobal(at));
}

void ShelfView::paintEvent(QPaintEvent*) { QPainter(this).fillRect(rect(), theme().window); }

}  // namespace bookwheel
