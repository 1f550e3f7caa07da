// SPDX-License-Identifier: Apache-2.0
// Books and messages for the tests of the library, and what its database file holds.
#pragma once

#include "app/library/database.h"
#include "app/library/library.h"

#include <QCryptographicHash>
#include <QSqlQuery>
#include <QString>
#include <QStringList>
#include <QVariant>

namespace bookwheel {

/// A book with a value in every field.
inline BookRecord someBook(const QString& title = QStringLiteral("Pride and Prejudice")) {
  BookRecord book;
  book.path = QStringLiteral("/books/%1.pdf").arg(title);
  book.sha256 = QCryptographicHash::hash(title.toUtf8(), QCryptographicHash::Sha256);
  book.fileBytes = 123456789012;
  book.fileModifiedMs = 1700000000123;
  book.title = title;
  book.format = QStringLiteral("PDF");
  book.pages = 312;
  book.characters = 685000;
  book.textKey = QStringLiteral("key");
  book.range = {3, 40};
  book.tokens = 103112;
  book.tokensModel = QStringLiteral("model");
  book.position = 188.25;
  return book;
}

inline MessageId addMessage(Library& library, ChatId chat, MessageId parent, MessageRole role,
                            const QString& text, MessageState state = MessageState::Complete) {
  MessageRecord message;
  message.chat = chat;
  message.parent = parent;
  message.role = role;
  message.text = text;
  message.state = state;
  return library.addMessage(message);
}

inline QStringList textsOf(const QList<MessageRecord>& messages) {
  QStringList texts;
  for (const MessageRecord& message : messages) {
    texts.append(message.text);
  }
  return texts;
}

/// What a database file holds, through a connection of the test's own.
inline QVariant valueIn(const QString& path, const QString& sql) {
  QVariant value;
  Database database(path, schemaMigrations());
  database.select(sql, {}, [&](const QSqlQuery& row) { value = row.value(0); });
  return value;
}

}  // namespace bookwheel
