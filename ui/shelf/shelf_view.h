// SPDX-License-Identifier: Apache-2.0
// ShelfView: the left pane: open a document, the books, the chats of the open book; or a rail of
// glyphs.
#pragma once

#include <QStackedWidget>

class QAbstractItemModel;
class QListView;
class QPushButton;

namespace bookwheel {

class Actions;
class ChatController;
class Label;

/// A list that is as high as its rows, up to the room there is.
class ShelfView : public QStackedWidget {
  Q_OBJECT
 public:
  enum class Form { Full, Rail };

  ShelfView(ChatController& controller, Actions& actions, QWidget* parent = nullptr);

  void setForm(Form form);
  Form form() const { return m_form; }
  /// Where F6 leads.
  void takeFocus();

 Q_SIGNALS:
  /// The rail's chat button: the full shelf is wanted.
  void expandRequested();

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QWidget* makeFull(Actions& actions);
  QWidget* makeRail(Actions& actions);
  QListView* makeBookList(bool rail);
  void refresh();
  void showBookMenu(QListView* list, const QPoint& at);
  void showChatMenu(const QPoint& at);

  ChatController& m_controller;
  Form m_form = Form::Full;
  QListView* m_books = nullptr;
  QListView* m_chats = nullptr;
  QListView* m_rail = nullptr;
  QPushButton* m_open = nullptr;
  QPushButton* m_railOpen = nullptr;
  Label* m_count = nullptr;
  Label* m_empty = nullptr;
  QWidget* m_chatCaption = nullptr;
  Label* m_foot = nullptr;
};

}  // namespace bookwheel
