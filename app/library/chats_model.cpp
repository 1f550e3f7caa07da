// SPDX-License-Identifier: Apache-2.0
// ChatsModel: the chats about one book as rows, the last changed first.
#include "app/library/chats_model.h"

#include "app/library/words.h"

#include <algorithm>

namespace bookwheel {

ChatsModel::ChatsModel(Library& library, QObject* parent)
    : QAbstractListModel(parent), m_library(library) {
  connect(&library, &Library::chatsChanged, this, [this](BookId book) {
    if (book == m_book) {
      reload();
    }
  });
}

int ChatsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_chats.size());
}

QVariant ChatsModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) {
    return {};
  }
  const ChatRecord& chat = m_chats.at(index.row());
  switch (role) {
    case TitleRole:
    case Qt::AccessibleTextRole:
    case Qt::ToolTipRole:
      return chat.title;
    case WhenRole:
      return whenText(chat.changed, QDateTime::currentDateTimeUtc());
    case CurrentRole:
      return chat.id == m_current;
    case ChatRole:
      return chat.id;
    default:
      return {};
  }
}

QHash<int, QByteArray> ChatsModel::roleNames() const {
  return {{TitleRole, "title"}, {WhenRole, "when"}, {CurrentRole, "current"}, {ChatRole, "chat"}};
}

void ChatsModel::setBook(BookId book) {
  if (book != m_book) {
    m_book = book;
    reload();
  }
}

void ChatsModel::setCurrent(ChatId chat) {
  m_current = chat;
  if (!m_chats.isEmpty()) {
    Q_EMIT dataChanged(index(0), index(static_cast<int>(m_chats.size()) - 1), {CurrentRole});
  }
}

int ChatsModel::rowOf(ChatId chat) const {
  const auto found = std::find_if(m_chats.begin(), m_chats.end(),
                                  [&](const ChatRecord& shown) { return shown.id == chat; });
  return found == m_chats.end() ? -1 : static_cast<int>(found - m_chats.begin());
}

void ChatsModel::reload() {
  const QList<ChatRecord> chats = m_book == 0 ? QList<ChatRecord>() : m_library.chats(m_book);
  const bool sameRows =
      std::equal(chats.begin(), chats.end(), m_chats.begin(), m_chats.end(),
                 [](const ChatRecord& a, const ChatRecord& b) { return a.id == b.id; });
  if (sameRows) {
    m_chats = chats;
    if (!m_chats.isEmpty()) {
      Q_EMIT dataChanged(index(0), index(static_cast<int>(m_chats.size()) - 1));
    }
  } else {
    beginResetModel();
    m_chats = chats;
    endResetModel();
  }
}

}  // namespace bookwheel
