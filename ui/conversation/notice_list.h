// SPDX-License-Identifier: Apache-2.0
// NoticeList: the standing notices, each with its facts and its ways on, said in place.
#pragma once

#include "app/chat/notice.h"

#include <QList>
#include <QWidget>

class QVBoxLayout;

namespace bookwheel {

class ChatController;

/// One notice as a card: a coloured head with icon, title and facts, then a row for each way on.
/// Without facts and ways it is one line with a bar.
class NoticeCard : public QWidget {
  Q_OBJECT
 public:
  explicit NoticeCard(const Notice& notice, QWidget* parent = nullptr);

  const Notice& notice() const { return m_notice; }
  void focusFirst();

 Q_SIGNALS:
  void wayChosen(int noticeId, const bookwheel::NoticeWay& way);
  void passwordEntered(const QString& password);
  void dismissed(int noticeId);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  void addWay(QVBoxLayout& column, const NoticeWay& way, bool first);

  Notice m_notice;
  QWidget* m_head;
  QWidget* m_title;
};

/// Shows ChatController::notices(). Ways that need a dialog are left to the window through
/// wayChosen; all others go to the controller.
class NoticeList : public QWidget {
  Q_OBJECT
 public:
  explicit NoticeList(ChatController& controller, QWidget* parent = nullptr);

  bool isEmpty() const { return m_cards.isEmpty(); }

 Q_SIGNALS:
  void wayChosen(int noticeId, const bookwheel::NoticeWay& way);
  void changed();

 private:
  void refresh();

  ChatController& m_controller;
  QVBoxLayout* m_column;
  QList<NoticeCard*> m_cards;
};

}  // namespace bookwheel
