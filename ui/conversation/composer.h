// SPDX-License-Identifier: Apache-2.0
// Composer: where the question is written: the field, what it is about, the tokens, Send or Stop.
#pragma once

#include <QString>
#include <QWidget>

class QPlainTextEdit;
class QPushButton;

namespace bookwheel {

class Actions;
class ChatController;
class Label;

/// The field grows from one to eight lines. Enter sends, Shift+Enter breaks the line.
class Composer : public QWidget {
  Q_OBJECT
 public:
  Composer(ChatController& controller, Actions& actions, QWidget* parent = nullptr);

  QPlainTextEdit* field() const { return m_field; }
  /// Writes `question` into the field; sending asks it as another version of message `question`.
  void edit(qint64 message, const QString& question);

 Q_SIGNALS:
  void sent();
  void pageRangeRequested();

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

 private:
  void refresh();
  void send();
  void fitHeight();
  void showScopeMenu();
  void stopEditing();

  ChatController& m_controller;
  QPlainTextEdit* m_field;
  QWidget* m_editNote;
  QPushButton* m_scope;
  Label* m_used;
  QPushButton* m_send;
  QPushButton* m_stop;
  qint64 m_editing = 0;  // 0: a new question
};

}  // namespace bookwheel
