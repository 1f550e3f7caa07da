// SPDX-License-Identifier: Apache-2.0
// HeaderBar: menu, side bar, back and forward, the book's title with its facts, search, model,
// settings.
#pragma once

#include <QWidget>

class QPushButton;

namespace bookwheel {

class Actions;
class ChatController;
class Label;
class SearchField;

class HeaderBar : public QWidget {
  Q_OBJECT
 public:
  HeaderBar(ChatController& controller, Actions& actions, SearchField* search,
            QWidget* parent = nullptr);

  /// Search and model become icons.
  void setNarrow(bool narrow);
  QPushButton* menuButton() const { return m_menu; }
  QPushButton* modelButton() const { return m_model; }
  QPushButton* searchButton() const { return m_searchButton; }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  void refresh();

  ChatController& m_controller;
  Actions& m_actions;
  bool m_narrow = false;
  SearchField* m_search;
  QPushButton* m_menu;
  QPushButton* m_back;
  QPushButton* m_forward;
  QPushButton* m_searchButton;
  QPushButton* m_model;
  Label* m_title;
  Label* m_facts;
};

}  // namespace bookwheel
