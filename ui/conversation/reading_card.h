// SPDX-License-Identifier: Apache-2.0
// ReadingCard: what reading the book will take, how far it is, and the one line that is left of it.
#pragma once

#include <QWidget>

class QProgressBar;
class QPushButton;

namespace bookwheel {

class Actions;
class ChatController;
class Label;

/// The four stages as dots: done ones filled with a check, the current one with a dot, all with
/// words.
class StageRow : public QWidget {
  Q_OBJECT
 public:
  explicit StageRow(QWidget* parent = nullptr);
  void setStage(int current);  ///< 0 to 3
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QStringList names() const;
  int m_current = 0;
};

class ReadingCard : public QWidget {
  Q_OBJECT
 public:
  ReadingCard(ChatController& controller, Actions& actions, QWidget* parent = nullptr);

 Q_SIGNALS:
  void pageRangeRequested();

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  void refresh();
  void showProgress();
  void showFacts();

  ChatController& m_controller;
  QWidget* m_body;
  Label* m_title;
  QPushButton* m_pause;
  QPushButton* m_cancel;
  StageRow* m_stages;
  QProgressBar* m_bar;
  QWidget* m_figures;
  Label* m_progress;
  Label* m_timeLeft;
  Label* m_where;
  Label* m_speed;
  QWidget* m_facts;
  Label* m_factNames;
  Label* m_factValues;
  QPushButton* m_read;
  QPushButton* m_choosePages;
  QWidget* m_line;
  Label* m_sentence;
  Label* m_remainder;
  bool m_isRemainder = false;
};

}  // namespace bookwheel
