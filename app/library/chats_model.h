// SPDX-License-Identifier: Apache-2.0
// ChatsModel: the chats about one book as rows, the last changed first.
#pragma once

#include "app/library/library.h"

#include <QAbstractListModel>
#include <QList>

namespace bookwheel {

/// GUI thread. Follows Library::chatsChanged.
class ChatsModel : public QAbstractListModel {
  Q_OBJECT
 public:
  enum Role {
    TitleRole = Qt::DisplayRole,
    WhenRole = Qt::UserRole,  ///< QString; "now", "14:05", "3 Nov"
    CurrentRole,              ///< bool
    ChatRole,                 ///< ChatId
  };

  explicit ChatsModel(Library& library, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QHash<int, QByteArray> roleNames() const override;

  void setBook(BookId book);
  void setCurrent(ChatId chat);
  ChatId current() const { return m_current; }
  int rowOf(ChatId chat) const;  ///< -1: not shown

 private:
  void reload();

  Library& m_library;
  QList<ChatRecord> m_chats;
  BookId m_book = 0;
  ChatId m_current = 0;
};

}  // namespace bookwheel
