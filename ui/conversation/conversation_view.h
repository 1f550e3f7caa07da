// SPDX-License-Identifier: Apache-2.0
// ConversationView: the right pane: the chat's bar, notices and reading card, messages, composer.
#pragma once

#include "app/chat/notice.h"

#include <QWidget>

class QLineEdit;
class QMenu;
class QPushButton;
class QStackedWidget;

namespace bookwheel {

class Actions;
class ChatController;
class Composer;
class Label;
class MessageList;
class NoticeList;
class ReadingCard;

class ConversationView : public QWidget {
  Q_OBJECT
 public:
  ConversationView(ChatController& controller, Actions& actions, QWidget* parent = nullptr);

  MessageList* messages() const { return m_messages; }
  Composer* composer() const { return m_composer; }

 Q_SIGNALS:
  void wayChosen(int noticeId, const bookwheel::NoticeWay& way);
  void pageRangeRequested();
  void exportRequested();

 protected:
  void paintEvent(QPaintEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  QWidget* makeBar(Actions& actions);
  QWidget* makeHeader(Actions& actions);
  void refresh();
  void startRename();
  void endRename(bool keep);
  void showMore();

  ChatController& m_controller;
  Actions& m_actions;
  QStackedWidget* m_titleStack;
  Label* m_title;
  QLineEdit* m_titleField;
  QPushButton* m_more;
  NoticeList* m_notices;
  ReadingCard* m_reading;
  Label* m_hint;
  MessageList* m_messages;
  Composer* m_composer;
};

}  // namespace bookwheel
