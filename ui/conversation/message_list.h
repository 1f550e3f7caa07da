// SPDX-License-Identifier: Apache-2.0
// MessageList: the conversation: questions as cards, answers as set text, one of them open for
// selection.
#pragma once

#include "app/library/library.h"

#include <QListView>
#include <QPersistentModelIndex>
#include <QTimer>

class QAction;

namespace bookwheel {

class ChatController;
class MessageDelegate;
enum class RowAction;

/// A QListView over ChatModel. The message under the pointer, or the current one, is opened as a
/// read-only text browser over the same document, for selection, the caret and screen readers.
/// While an answer streams, only its row is laid out again, at most ten times a second, and the
/// view follows only while the reader is at the end.
class MessageList : public QListView {
  Q_OBJECT
 public:
  explicit MessageList(ChatController& controller, QWidget* parent = nullptr);

  /// A widget that scrolls with the messages, above them. The list takes ownership.
  void setHeader(QWidget* header);
  int headerHeight() const;
  bool isAtEnd() const;
  void followEnd();
  QAction* copyAction() const { return m_copy; }

 Q_SIGNALS:
  /// The person wants to change question `row` and ask it again.
  void editRequested(MessageId question, const QString& text);

 protected:
  void updateGeometries() override;
  void resizeEvent(QResizeEvent* event) override;
  void scrollContentsBy(int dx, int dy) override;
  void currentChanged(const QModelIndex& current, const QModelIndex& previous) override;
  bool viewportEvent(QEvent* event) override;
  void contextMenuEvent(QContextMenuEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void makeActions();
  void onDataChanged(const QModelIndex& first, const QModelIndex& last, const QList<int>& roles);
  void relayout();
  void placeHeader();
  void openEditor(const QModelIndex& index);
  void updateActions();
  void copy();
  QAction* actionOf(RowAction action) const;
  void showLink(const QString& target, const QPoint& at);
  QModelIndex target() const;

  ChatController& m_controller;
  MessageDelegate* m_delegate;
  QWidget* m_header = nullptr;
  QPersistentModelIndex m_open;
  QTimer m_streamTimer;
  bool m_follow = true;
  bool m_placing = false;
  QAction* m_copy;
  QAction* m_retry;
  QAction* m_edit;
  QAction* m_earlier;
  QAction* m_later;
};

}  // namespace bookwheel
