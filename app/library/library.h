// SPDX-License-Identifier: Apache-2.0
// Library: books, chats and messages in one SQLite database, written as things happen.
#pragma once

#include <QByteArray>
#include <QDateTime>
#include <QElapsedTimer>
#include <QJsonObject>
#include <QList>
#include <QObject>
#include <QString>
#include <QVariant>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>

namespace bookwheel {

class Database;

using BookId = qint64;  ///< 0: none
using ChatId = qint64;
using MessageId = qint64;

/// Pages `first` to `last` of a book, counted from 1; {0, 0}: the whole book.
struct PageRange {
  int first = 0;
  int last = 0;
  bool whole() const { return first == 0; }
  friend bool operator==(const PageRange&, const PageRange&) = default;
};

struct BookRecord {
  BookId id = 0;
  QString path;       ///< absolute, where it was seen last
  QByteArray sha256;  ///< of the file's bytes, 32 bytes
  qint64 fileBytes = 0;
  qint64 fileModifiedMs = 0;  ///< since 1970, UTC
  QString title;
  QString format;  ///< "PDF", "Text", ...
  int pages = 0;
  qint64 characters = 0;
  QString textKey;    ///< names the cached text (DocumentCache); "" none
  PageRange range;    ///< what is read of it
  qint64 tokens = 0;  ///< of that range when it was last counted, 0 never; with `tokensModel`
  QString tokensModel;
  double position = 0;  ///< where the person was: page - 1 + share of the page
  QDateTime added;
  QDateTime opened;
};

struct ChatRecord {
  ChatId id = 0;
  BookId book = 0;
  QString title;
  MessageId leaf = 0;    ///< the last message of the path that was shown last; 0: empty
  QJsonObject settings;  ///< of this chat only
  QDateTime created;
  QDateTime changed;
};

enum class MessageRole { Question, Answer };
enum class MessageState {
  Partial,  ///< being written, or the program ended while it was
  Complete,
  Stopped,  ///< by the person; the text up to there is kept
  Failed,   ///< the engine could not go on; the text up to there is kept
};

struct MessageRecord {
  MessageId id = 0;
  ChatId chat = 0;
  MessageId parent = 0;  ///< 0: a first question
  MessageRole role = MessageRole::Question;
  QString text;
  MessageState state = MessageState::Complete;
  qint64 tokens = 0;  ///< of the text
  QJsonObject
      stats;  ///< of an answer: what it stands on, model, speed (keys in chat/answer_stats.h)
  QDateTime created;
};

/// One hit of a search over the shelf and all chats.
struct SearchHit {
  enum class Kind { Book, Chat, Message } kind = Kind::Book;
  BookId book = 0;
  ChatId chat = 0;
  MessageId message = 0;
  QString title;    ///< of the book or chat
  QString excerpt;  ///< the words around the match
};

/// GUI thread (the thread that made it). Each method that changes something is one transaction, on
/// disk (synchronous=FULL) when it returns. If the disk cannot be written (full, read-only, an
/// error), the library goes on in memory with everything it knows, says so in saveProblem(), and
/// writes all of it to the disk as soon as that works again: callers never lose a message and need
/// no error handling.
class Library : public QObject {
  Q_OBJECT
 public:
  /// Opens or creates the database, checks its integrity, migrates it (after a backup). `path`: the
  /// file,
  /// ":memory:" for tests. Never fails: what prevents saving is in saveProblem().
  explicit Library(const QString& path, QObject* parent = nullptr);
  ~Library() override;

  /// "" if everything is on disk, else one sentence for a standing notice.
  QString saveProblem() const;
  /// What happened at opening that a person should know (a damaged database set aside); "" nothing.
  QString openNotice() const;
  /// Tries to write to the disk what is only in memory. True if everything is on disk now.
  bool retrySaving();

  // Books
  QList<BookRecord> books() const;  ///< last opened first
  std::optional<BookRecord> book(BookId id) const;
  std::optional<BookRecord> bookWithHash(const QByteArray& sha256) const;
  std::optional<BookRecord> newestBookAt(const QString& path) const;
  BookId addBook(const BookRecord& book);
  void updateBook(const BookRecord& book);
  void setBookPosition(BookId id, double position);
  void removeBook(BookId id);  ///< with its chats; nothing of it stays in the file

  // Chats
  QList<ChatRecord> chats(BookId book) const;  ///< last changed first
  std::optional<ChatRecord> chat(ChatId id) const;
  ChatId addChat(BookId book, const QString& title);
  void updateChat(const ChatRecord& chat);
  void removeChat(ChatId id);

  // Messages
  std::optional<MessageRecord> message(MessageId id) const;
  QList<MessageRecord> messages(ChatId chat) const;  ///< all branches, oldest first
  QList<MessageRecord> path(MessageId leaf) const;   ///< from the first question to `leaf`
  QList<MessageId> siblings(MessageId id) const;  ///< versions with the same parent, oldest first
  MessageId newestLeafUnder(MessageId id) const;
  /// Adds it and makes it the chat's leaf, in one transaction.
  MessageId addMessage(const MessageRecord& message);
  /// Text, state, tokens and stats of a message that exists.
  void updateMessage(const MessageRecord& message);
  void selectLeaf(ChatId chat, MessageId leaf);

  /// Books by title, chats by title, messages by words (each word may be a beginning), best first.
  QList<SearchHit> search(const QString& words, int limit = 50) const;

  // What was measured here for a model, for time estimates: seconds = perToken * n +
  // perTokenSquared * n^2
  struct ModelSpeed {
    double perToken = 0;
    double perTokenSquared = 0;
    double decodeTokensPerSecond = 0;
  };
  std::optional<ModelSpeed> modelSpeed(const QString& modelKey) const;
  void setModelSpeed(const QString& modelKey, const ModelSpeed& speed);

 Q_SIGNALS:
  void booksChanged();
  void chatsChanged(BookId book);
  void saveProblemChanged(const QString& sentence);

 private:
  void write(const std::function<bool()>& change);
  void noteProblem();
  QList<BookRecord> booksWhere(const QString& condition,
                               std::initializer_list<QVariant> values) const;
  QList<MessageRecord> messagesWhere(const QString& condition,
                                     std::initializer_list<QVariant> values) const;

  std::unique_ptr<Database> m_database;
  QString m_saveProblem;
  QString m_openNotice;
  QElapsedTimer m_sinceRetry;
};

}  // namespace bookwheel
