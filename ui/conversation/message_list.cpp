// SPDX-License-Identifier: Apache-2.0
// MessageList: the conversation: questions as cards, answers as set text, one of them open for
// selection.
#include "ui/conversation/message_list.h"

#include "app/chat/chat_controller.h"
#include "ui/conversation/message_delegate.h"
#include "ui/style/controls.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAction>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QDesktopServices>
#include <QGuiApplication>
#include <QHoverEvent>
#include <QMenu>
#include <QMouseEvent>
#include <QScrollBar>
#include <QTextBrowser>
#include <QTextDocumentFragment>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {
constexpr int kStreamMs = 100;  // a streaming answer is laid out at most ten times a second
constexpr int kEndSlack = 24;
constexpr int kTop = 16;
constexpr int kHeaderGap = 16;
constexpr int kScrollStep = 40;
constexpr int kRight = space::kPane - 12;  // the scroll bar stands in the pane's right margin
}  // namespace

MessageList::MessageList(ChatController& controller, QWidget* parent)
    : QListView(parent), m_controller(controller), m_delegate(new MessageDelegate(this)) {
  makeActions();  // setting the model already makes a row current
  setModel(controller.messages());
  setItemDelegate(m_delegate);
  setFrameShape(QFrame::NoFrame);
  setResizeMode(QListView::Adjust);
  setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOn);  // the width must not depend on the height
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setSelectionMode(QAbstractItemView::NoSelection);
  setEditTriggers(QAbstractItemView::NoEditTriggers);
  setMouseTracking(true);
  setAccessibleName(tr("Conversation"));
  setTabKeyNavigation(false);
  viewport()->setAttribute(Qt::WA_Hover);
  verticalScrollBar()->setSingleStep(kScrollStep);
  m_streamTimer.setSingleShot(true);
  m_streamTimer.setInterval(kStreamMs);
  connect(&m_streamTimer, &QTimer::timeout, this, [this] {
    const int row = model()->rowCount() - 1;
    if (row >= 0) {
      scheduleDelayedItemsLayout();
    }
  });
  connect(model(), &QAbstractItemModel::dataChanged, this, &MessageList::onDataChanged);
  connect(model(), &QAbstractItemModel::rowsInserted, this, [this] {
    m_follow = true;
    relayout();
  });
  connect(model(), &QAbstractItemModel::modelReset, this, [this] {
    m_delegate->clearCache();
    m_open = QPersistentModelIndex();
    m_follow = true;
    relayout();
  });
  connect(&themeEvents(), &ThemeEvents::changed, this, [this] {
    openEditor({});
    m_delegate->clearCache();
    relayout();
  });
  connect(verticalScrollBar(), &QScrollBar::valueChanged, this, [this](int value) {
    if (!m_placing) {
      m_follow = value >= verticalScrollBar()->maximum() - kEndSlack;
    }
  });
  connect(m_delegate, &MessageDelegate::linkClicked, this, &MessageList::showLink);
}

void MessageList::makeActions() {
  const auto make = [this](const QString& text, const QKeySequence& key) {
    auto* action = new QAction(text, this);
    action->setShortcut(key);
    action->setShortcutContext(Qt::WidgetWithChildrenShortcut);
    addAction(action);
    return action;
  };
  m_copy = make(tr("Copy"), QKeySequence::Copy);
  m_retry = make(tr("Answer again"), QKeySequence(Qt::CTRL | Qt::Key_R));
  m_edit = make(tr("Change the question…"), QKeySequence(Qt::Key_F2));
  m_earlier = make(tr("Earlier version"), QKeySequence(Qt::ALT | Qt::SHIFT | Qt::Key_Left));
  m_later = make(tr("Later version"), QKeySequence(Qt::ALT | Qt::SHIFT | Qt::Key_Right));
  connect(m_copy, &QAction::triggered, this, &MessageList::copy);
  connect(m_retry, &QAction::triggered, this,
          [this] { m_controller.retry(target().data(ChatModel::MessageIdRole).toLongLong()); });
  connect(m_edit, &QAction::triggered, this, [this] {
    const QModelIndex index = target();
    Q_EMIT editRequested(index.data(ChatModel::MessageIdRole).toLongLong(),
                         index.data(ChatModel::TextRole).toString());
  });
  connect(m_earlier, &QAction::triggered, this, [this] {
    m_controller.selectVersion(target().data(ChatModel::MessageIdRole).toLongLong(), -1);
  });
  connect(m_later, &QAction::triggered, this, [this] {
    m_controller.selectVersion(target().data(ChatModel::MessageIdRole).toLongLong(), 1);
  });
}

void MessageList::copy() {
  QString text = target().data(ChatModel::TextRole).toString();
  const auto browsers = viewport()->findChildren<QTextBrowser*>();
  for (const QTextBrowser* open : browsers) {
    if (open->textCursor().hasSelection()) {
      text = open->textCursor().selection().toPlainText();
    }
  }
  if (!text.isEmpty()) {
    QGuiApplication::clipboard()->setText(text);
  }
}

QModelIndex MessageList::target() const {
  return currentIndex().isValid() ? currentIndex() : model()->index(model()->rowCount() - 1, 0);
}

void MessageList::updateActions() {
  const QModelIndex index = target();
  const bool there = index.isValid();
  const bool question =
      there && index.data(ChatModel::MessageRoleRole).toInt() == int(MessageRole::Question);
  const int version = index.data(ChatModel::BranchIndexRole).toInt();
  const int count = index.data(ChatModel::BranchCountRole).toInt();
  m_copy->setEnabled(there);
  m_retry->setEnabled(there && index.data(ChatModel::CanRetryRole).toBool());
  m_edit->setEnabled(question);
  m_earlier->setEnabled(there && version > 0);
  m_later->setEnabled(there && version + 1 < count);
}

void MessageList::setHeader(QWidget* header) {
  m_header = header;
  header->setParent(viewport());
  header->installEventFilter(this);
  header->show();
  relayout();
}

int MessageList::headerHeight() const {
  if (m_header == nullptr || m_header->isHidden()) {
    return kTop;
  }
  const int width = viewport()->width() - space::kPane - kRight;
  const int height = m_header->hasHeightForWidth() ? m_header->heightForWidth(width)
                                                   : m_header->sizeHint().height();
  return height > 0 ? kTop + height + kHeaderGap : kTop;
}

void MessageList::placeHeader() {
  if (m_header != nullptr) {
    const int width = viewport()->width() - space::kPane - kRight;
    m_header->setGeometry(space::kPane, kTop - verticalOffset(), width,
                          std::max(0, headerHeight() - kTop - kHeaderGap));
  }
}

bool MessageList::isAtEnd() const { return m_follow; }

void MessageList::followEnd() {
  m_follow = true;
  relayout();
}

void MessageList::relayout() {
  m_delegate->setTopSpace(headerHeight());
  scheduleDelayedItemsLayout();
}

void MessageList::updateGeometries() {
  m_placing = true;
  const int keep = verticalScrollBar()->value();
  QListView::updateGeometries();
  verticalScrollBar()->setSingleStep(kScrollStep);
  if (model()->rowCount() == 0) {
    verticalScrollBar()->setPageStep(viewport()->height());
    verticalScrollBar()->setRange(0, std::max(0, headerHeight() - viewport()->height()));
  }
  verticalScrollBar()->setValue(m_follow ? verticalScrollBar()->maximum() : keep);
  m_placing = false;
  placeHeader();
}

void MessageList::resizeEvent(QResizeEvent* event) {
  m_placing = true;
  m_delegate->setTopSpace(headerHeight());
  QListView::resizeEvent(event);
  scheduleDelayedItemsLayout();
  m_placing = false;
  placeHeader();
}

void MessageList::scrollContentsBy(int dx, int dy) {
  QListView::scrollContentsBy(dx, dy);
  placeHeader();
}

void MessageList::onDataChanged(const QModelIndex&, const QModelIndex&, const QList<int>& roles) {
  if (roles.size() == 1 && roles.first() == ChatModel::TextRole) {
    if (!m_streamTimer.isActive()) {
      m_streamTimer.start();
    }
    return;
  }
  if (m_open.isValid() && m_open.data(ChatModel::StreamingRole).toBool()) {
    openEditor({});
  }
  relayout();
  updateActions();
}

void MessageList::currentChanged(const QModelIndex& current, const QModelIndex& previous) {
  QListView::currentChanged(current, previous);
  openEditor(current);
  updateActions();
}

void MessageList::openEditor(const QModelIndex& index) {
  if (QModelIndex(m_open) == index) {
    return;
  }
  if (m_open.isValid()) {
    closePersistentEditor(m_open);
  }
  m_open = QPersistentModelIndex();
  // The answer that is being written changes its document ten times a second: it opens when it is
  // done.
  if (index.isValid() && !index.data(ChatModel::StreamingRole).toBool()) {
    m_open = index;
    openPersistentEditor(index);
  }
}

QAction* MessageList::actionOf(RowAction action) const {
  switch (action) {
    case RowAction::Copy:
      return m_copy;
    case RowAction::Retry:
      return m_retry;
    case RowAction::Edit:
      return m_edit;
    case RowAction::Earlier:
      return m_earlier;
    case RowAction::Later:
      return m_later;
    case RowAction::None:
      break;
  }
  return nullptr;
}

bool MessageList::viewportEvent(QEvent* event) {
  switch (event->type()) {
    case QEvent::HoverMove:
    case QEvent::HoverEnter: {
      const QPoint at = static_cast<QHoverEvent*>(event)->position().toPoint();
      const QModelIndex index = indexAt(at);
      const RowAction action =
          index.isValid() ? m_delegate->actionAt(visualRect(index), index, at) : RowAction::None;
      m_delegate->setHovered(index, action);
      viewport()->setCursor(action == RowAction::None ? Qt::ArrowCursor : Qt::PointingHandCursor);
      if (index.isValid() && m_delegate->textRect(visualRect(index), index).contains(at) &&
          QGuiApplication::mouseButtons() == Qt::NoButton) {
        openEditor(index);
      }
      viewport()->update();
      break;
    }
    case QEvent::HoverLeave:
      m_delegate->setHovered({}, RowAction::None);
      viewport()->update();
      break;
    case QEvent::MouseButtonRelease: {
      const auto* mouse = static_cast<QMouseEvent*>(event);
      const QPoint at = mouse->position().toPoint();
      const QModelIndex index = indexAt(at);
      if (mouse->button() == Qt::LeftButton && index.isValid()) {
        const RowAction action = m_delegate->actionAt(visualRect(index), index, at);
        if (action != RowAction::None) {
          setCurrentIndex(index);
          actionOf(action)->trigger();
          return true;
        }
      }
      break;
    }
    case QEvent::ToolTip: {
      const auto* help = static_cast<QHelpEvent*>(event);
      const QModelIndex index = indexAt(help->pos());
      QString tip;
      if (index.isValid()) {
        const QAction* action =
            actionOf(m_delegate->actionAt(visualRect(index), index, help->pos()));
        if (action != nullptr) {
          tip = withKey(action->toolTip(), action->shortcut().toString(QKeySequence::NativeText));
        }
      }
      viewport()->setToolTip(tip);
      break;
    }
    default:
      break;
  }
  return QListView::viewportEvent(event);
}

void MessageList::contextMenuEvent(QContextMenuEvent* event) {
  const QModelIndex index = event->reason() == QContextMenuEvent::Mouse
                                ? indexAt(viewport()->mapFromGlobal(event->globalPos()))
                                : currentIndex();
  if (!index.isValid()) {
    return;
  }
  setCurrentIndex(index);
  updateActions();
  QMenu menu(this);
  menu.addAction(m_copy);
  for (QAction* action : {m_retry, m_edit}) {
    if (action->isEnabled()) {
      menu.addAction(action);
    }
  }
  if (m_earlier->isEnabled() || m_later->isEnabled()) {
    menu.addSeparator();
    menu.addAction(m_earlier);
    menu.addAction(m_later);
  }
  menu.exec(event->globalPos());
}

void MessageList::focusInEvent(QFocusEvent* event) {
  QListView::focusInEvent(event);
  if (!currentIndex().isValid() && model()->rowCount() > 0) {
    setCurrentIndex(model()->index(model()->rowCount() - 1, 0));
  }
}

void MessageList::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_End) {
    followEnd();
  }
  QListView::keyPressEvent(event);
}

bool MessageList::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_header && (event->type() == QEvent::LayoutRequest ||
                              event->type() == QEvent::Show || event->type() == QEvent::Hide)) {
    relayout();
  }
  return QListView::eventFilter(watched, event);
}

void MessageList::showLink(const QString& target, const QPoint& at) {
  const QUrl link(target);
  QMenu menu(this);
  QAction* shown = menu.addAction(fontMetrics().elidedText(target, Qt::ElideMiddle, 420));
  shown->setEnabled(false);
  menu.addSeparator();
  QAction* copy = menu.addAction(tr("Copy the address"));
  QAction* open = mayOpen(link) ? menu.addAction(tr("Open in the browser")) : nullptr;
  const QAction* chosen = menu.exec(at);
  if (chosen == copy) {
    QGuiApplication::clipboard()->setText(target);
  } else if (chosen != nullptr && chosen == open) {
    QDesktopServices::openUrl(link);
  }
}

}  // namespace bookwheel
