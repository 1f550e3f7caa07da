// SPDX-License-Identifier: Apache-2.0
// StartPage: the window without a book: where to drop one, what this computer can hold, the models.
#pragma once

#include "app/chat/notice.h"
#include "app/library/computer.h"

#include <QScrollArea>

class QGridLayout;
class QPushButton;

namespace bookwheel {

class Actions;
class ChatController;
class Label;
class ModelCatalog;
class NoticeList;
class ShareBar;

class StartPage : public QScrollArea {
  Q_OBJECT
 public:
  StartPage(ChatController& controller, ModelCatalog& catalog, Actions& actions,
            const QString& dataFolder, QWidget* parent = nullptr);

  void takeFocus();

 Q_SIGNALS:
  void wayChosen(int noticeId, const bookwheel::NoticeWay& way);
  void modelFileRequested();

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  QWidget* makeDropTarget(Actions& actions);
  QWidget* makeComputerCard();
  QWidget* makeModelCard();
  void refresh();
  void arrange();

  ChatController& m_controller;
  ModelCatalog& m_catalog;
  const QString m_dataFolder;
  QGridLayout* m_cards;
  QWidget* m_computerCard;
  QWidget* m_modelCard;
  NoticeList* m_notices;
  QPushButton* m_open;
  Label* m_memory;
  ShareBar* m_memoryBar;
  Label* m_disk;
  ShareBar* m_diskBar;
  QWidget* m_longest;
  Label* m_longestTokens;
  Label* m_longestWords;
  Label* m_longestNote;
  Label* m_modelSummary;
  Label* m_noModel;
  QWidget* m_modelRows;
};

}  // namespace bookwheel
