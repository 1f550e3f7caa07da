// SPDX-License-Identifier: Apache-2.0
// ConversationView: the right pane: the chat's bar, notices and reading card, messages, composer.
#include "ui/conversation/conversation_view.h"

#include "app/chat/chat_controller.h"
#include "ui/actions.h"
#include "ui/conversation/composer.h"
#include "ui/conversation/message_list.h"
#include "ui/conversation/notice_list.h"
#include "ui/conversation/reading_card.h"
#include "ui/style/controls.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAction>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLineEdit>
#include <QMenu>
#include <QPainter>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QStackedWidget>
#include <QVBoxLayout>

namespace bookwheel {

using namespace Qt::StringLiterals;

ConversationView::ConversationView(ChatController& controller, Actions& actions, QWidget* parent)
    : QWidget(parent),
      m_controller(controller),
      m_actions(actions),
      m_messages(new MessageList(controller)),
      m_composer(new Composer(controller, actions)) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(makeBar(actions));
  column->addWidget(makeLine(Qt::Horizontal));
  m_messages->setHeader(makeHeader(actions));
  column->addWidget(m_messages, 1);
  auto* foot = new QVBoxLayout;
  foot->setContentsMargins(space::kPane, 8, space::kPane, space::kPane);
  foot->addWidget(m_composer);
  column->addLayout(foot);

  connect(m_composer, &Composer::sent, m_messages, &MessageList::followEnd);
  connect(m_composer, &Composer::pageRangeRequested, this, &ConversationView::pageRangeRequested);
  connect(m_messages, &MessageList::editRequested, m_composer, &Composer::edit);
  connect(&controller, &ChatController::chatChanged, this, &ConversationView::refresh);
  connect(&controller, &ChatController::stateChanged, this, &ConversationView::refresh);
  connect(&controller, &ChatController::headerChanged, this, &ConversationView::refresh);
  const QAbstractItemModel* rows = controller.messages();
  connect(rows, &QAbstractItemModel::rowsInserted, this, &ConversationView::refresh);
  connect(rows, &QAbstractItemModel::modelReset, this, &ConversationView::refresh);
  refresh();
}

QWidget* ConversationView::makeBar(Actions& actions) {
  auto* bar = new SurfaceWidget(Surface::Pane);
  m_title = new Label(Type::ControlStrong, Ink::Text, Label::Fit::Elide);
  m_titleField = new QLineEdit;
  followType(m_titleField, Type::Row);
  m_titleField->setAccessibleName(tr("Name of this chat"));
  m_titleField->installEventFilter(this);
  m_titleField->setProperty(kTakesEscape, true);
  connect(m_titleField, &QLineEdit::editingFinished, this, [this] { endRename(true); });
  m_titleStack = new QStackedWidget;
  m_titleStack->addWidget(m_title);
  m_titleStack->addWidget(m_titleField);
  m_titleStack->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  m_more = makeIconButton(u"more"_s, tr("More about this chat"));
  connect(m_more, &QPushButton::clicked, this, &ConversationView::showMore);

  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(space::kPane, 6, 10, 6);
  row->setSpacing(2);
  row->addWidget(m_titleStack, 1);
  row->addSpacing(8);
  row->addWidget(makeActionButton(actions[Command::NewChat], u"plus"_s));
  row->addWidget(makeActionButton(actions[Command::ExportChat], u"export"_s));
  row->addWidget(m_more);
  return bar;
}

QWidget* ConversationView::makeHeader(Actions& actions) {
  auto* header = new QWidget;
  m_notices = new NoticeList(m_controller);
  m_reading = new ReadingCard(m_controller, actions);
  m_hint = new Label(Type::Row, Ink::Text2, Label::Fit::Wrap);
  auto* column = new QVBoxLayout(header);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(12);
  column->addWidget(m_notices);
  column->addWidget(m_reading);
  column->addWidget(m_hint);
  connect(m_notices, &NoticeList::wayChosen, this, &ConversationView::wayChosen);
  connect(m_reading, &ReadingCard::pageRangeRequested, this, &ConversationView::pageRangeRequested);
  return header;
}

void ConversationView::refresh() {
  m_title->setText(m_controller.chatTitle());
  const bool empty = m_controller.messages()->rowCount() == 0;
  const auto state = m_controller.state();
  m_hint->setText(
      tr("Ask about anything in the book. Enter sends, Shift+Enter starts a new line."));
  m_hint->setVisible(
      empty && (state == ChatController::State::Ready || state == ChatController::State::Reading));
  m_actions[Command::ExportChat]->setEnabled(!empty);
  m_actions[Command::NewChat]->setEnabled(m_controller.book() != 0 && !empty);
  m_more->setEnabled(m_controller.chat() != 0);
}

void ConversationView::startRename() {
  m_titleField->setText(m_controller.chatTitle());
  m_titleStack->setCurrentWidget(m_titleField);
  m_titleField->selectAll();
  m_titleField->setFocus(Qt::OtherFocusReason);
}

void ConversationView::endRename(bool keep) {
  if (m_titleStack->currentWidget() != m_titleField) {
    return;
  }
  const bool hadFocus = m_titleField->hasFocus();
  m_titleStack->setCurrentWidget(m_title);
  const QString title = m_titleField->text().trimmed();
  if (keep && !title.isEmpty() && title != m_controller.chatTitle()) {
    m_controller.renameChat(m_controller.chat(), title);
  }
  if (hadFocus) {
    m_composer->field()->setFocus(Qt::OtherFocusReason);
  }
}

void ConversationView::showMore() {
  QMenu menu(this);
  connect(menu.addAction(tr("Rename this chat…")), &QAction::triggered, this,
          &ConversationView::startRename);
  menu.addSeparator();
  auto* remove = menu.addMenu(tr("Delete this chat"));
  connect(remove->addAction(tr("Delete it and its messages for good")), &QAction::triggered, this,
          [this] { m_controller.removeChat(m_controller.chat()); });
  const QPoint corner = m_more->mapToGlobal(QPoint(m_more->width(), m_more->height() + 4));
  menu.exec(corner - QPoint(menu.sizeHint().width(), 0));
}

bool ConversationView::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_titleField && event->type() == QEvent::KeyPress &&
      static_cast<QKeyEvent*>(event)->key() == Qt::Key_Escape) {
    endRename(false);
    return true;
  }
  return QWidget::eventFilter(watched, event);
}

void ConversationView::paintEvent(QPaintEvent*) { QPainter(this).fillRect(rect(), theme().pane); }

}  // namespace bookwheel
