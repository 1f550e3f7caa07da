// SPDX-License-Identifier: Apache-2.0
// Library: books, chats and messages in one SQLite database, written as things happen.
#include "app/library/library.h"

#include "app/library/database.h"

#include <QJsonDocument>
#include <QSqlQuery>
#include <QStringList>

#include <algorithm>
#include <array>

namespace bookwheel {
namespace {

/// Between two tries to return to the disk: each opens the file again, which may take some
/// milliseconds.
constexpr qint64 kRetryMs = 2000;

const QString kBookColumns = QStringLiteral(
    "id, path, sha256, file_bytes, file_modified_ms, title, format, pages, characters, text_key, "
    "range_first, range_last, tokens, tokens_model, position, added_ms, opened_ms");
const QString kChatColumns =
    QStringLiteral("id, book_id, title, leaf_id, settings, created_ms, changed_ms");
const QString kMessageColumns =
    QStringLiteral("id, chat_id, parent_id, role, text, state, tokens, stats, created_ms");

qint64 milliseconds(const QDateTime& time) {
  return (time.isValid() ? time : QDateTime::currentDateTimeUtc()).toMSecsSinceEpoch();
}

QDateTime timeFrom(const QVariant& value) {
  return QDateTime::fromMSecsSinceEpoch(value.toLongLong(), Qt::UTC);
}

QVariant referenceTo(qint64 id) { return id == 0 ? QVariant() : QVariant(id); }

QString jsonText(const QJsonObject& object) {
  return QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact));
}

QJsonObject jsonFrom(const QVariant& value) {
  return QJsonDocument::fromJson(value.toString().toUtf8()).object();
}

BookRecord bookFrom(const QSqlQuery& row) {
  BookRecord book;
  book.id = row.value(0).toLongLong();
  book.path = row.value(1).toString();
  book.sha256 = row.value(2).toByteArray();
  book.fileBytes = row.value(3).toLongLong();
  book.fileModifiedMs = row.value(4).toLongLong();
  book.title = row.value(5).toString();
  book.format = row.value(6).toString();
  book.pages = row.value(7).toInt();
  book.characters = row.value(8).toLongLong();
  book.textKey = row.value(9).toString();
  book.range = {row.value(10).toInt(), row.value(11).toInt()};
  book.tokens = row.value(12).toLongLong();
  book.tokensModel = row.value(13).toString();
  book.position = row.value(14).toDouble();
  book.added = timeFrom(row.value(15));
  book.opened = timeFrom(row.value(16));
  return book;
}

ChatRecord chatFrom(const QSqlQuery& row) {
  ChatRecord chat;
  chat.id = row.value(0).toLongLong();
  chat.book = row.value(1).toLongLong();
  chat.title = row.value(2).toString();
  chat.leaf = row.value(3).toLongLong();
  chat.settings = jsonFrom(row.value(4));
  chat.created = timeFrom(row.value(5));
  chat.changed = timeFrom(row.value(6));
  return chat;
}

// Enums are kept as text, so that no renumbering can ever change what was saved.
QString roleText(MessageRole role) {
  return role == MessageRole::Question ? QStringLiteral("question") : QStringLiteral("answer");
}

const std::array<std::pair<MessageState, QString>, 4>& stateTexts() {
  static const std::array<std::pair<MessageState, QString>, 4> kTexts = {{
      {MessageState::Partial, QStringLiteral("partial")},
      {MessageState::Complete, QStringLiteral("complete")},
      {MessageState::Stopped, QStringLiteral("stopped")},
      {MessageState::Failed, QStringLiteral("failed")},
  }};
  return kTexts;
}

QString stateText(MessageState state) {
  for (const auto& [value, text] : stateTexts()) {
    if (value == state) {
      return text;
    }
  }
  return {};
}

MessageState stateFrom(const QString& text) {
  for (const auto& [value, known] : stateTexts()) {
    if (known == text) {
      return value;
    }
  }
  return MessageState::Partial;
}

MessageRecord messageFrom(const QSqlQuery& row) {
  MessageRecord message;
  message.id = row.value(0).toLongLong();
  message.chat = row.value(1).toLongLong();
  message.parent = row.value(2).toLongLong();
  message.role = row.value(3).toString() == QStringLiteral("question") ? MessageRole::Question
                                                                       : MessageRole::Answer;
  message.text = row.value(4).toString();
  message.state = stateFrom(row.value(5).toString());
  message.tokens = row.value(6).toLongLong();
  message.stats = jsonFrom(row.value(7));
  message.created = timeFrom(row.value(8));
  return message;
}

template <typename Record>
std::optional<Record> first(const QList<Record>& records) {
  return records.isEmpty() ? std::nullopt : std::optional<Record>(records.first());
}

/// The words of a search: runs of letters and digits, as FTS5's tokenizer cuts them.
QStringList wordsOf(const QString& text) {
  QStringList words;
  QString word;
  for (const QChar c : text + QLatin1Char(' ')) {
    if (c.isLetterOrNumber() || c.isMark() || c.isSurrogate()) {
      word += c;
    } else if (!word.isEmpty()) {
      words.append(word);
      word.clear();
    }
  }
  return words;
}

bool containsAll(const QString& text, const QStringList& words) {
  return std::all_of(words.begin(), words.end(),
                     [&](const QString& word) { return text.contains(word, Qt::CaseInsensitive); });
}

}  // namespace

Library::Library(const QString& path, QObject* parent)
    : QObject(parent), m_database(std::make_unique<Database>(path, schemaMigrations())) {
  m_openNotice = m_database->notice();
  m_saveProblem = m_database->problem();
  m_sinceRetry.start();
}

Library::~Library() { retrySaving(); }

QString Library::saveProblem() const { return m_saveProblem; }

QString Library::openNotice() const { return m_openNotice; }

bool Library::retrySaving() {
  if (m_saveProblem.isEmpty()) {
    return true;
  }
  m_sinceRetry.restart();
  const bool saved = m_database->returnToDisk();
  noteProblem();
  return saved;
}

void Library::noteProblem() {
  if (m_saveProblem != m_database->problem()) {
    m_saveProblem = m_database->problem();
    Q_EMIT saveProblemChanged(m_saveProblem);
  }
}

void Library::write(const std::function<bool()>& change) {
  if (!m_saveProblem.isEmpty() && m_sinceRetry.elapsed() >= kRetryMs) {
    retrySaving();
  }
  if (m_database->transact(change) == Database::Outcome::DiskFailed) {
    m_database->goToMemory();
    m_sinceRetry.restart();
    m_database->transact(change);
    noteProblem();
  }
}

// Books
// ---------------------------------------------------------------------------------------------

QList<BookRecord> Library::booksWhere(const QString& condition,
                                      std::initializer_list<QVariant> values) const {
  QList<BookRecord> found;
  m_database->select(QStringLiteral("SELECT %1 FROM books %2").arg(kBookColumns, condition), values,
                     [&](const QSqlQuery& row) { found.append(bookFrom(row)); });
  return found;
}

QList<BookRecord> Library::books() const {
  return booksWhere(QStringLiteral("ORDER BY opened_ms DESC, id DESC"), {});
}

std::optional<BookRecord> Library::book(BookId id) const {
  return first(booksWhere(QStringLiteral("WHERE id = ?"), {id}));
}

std::optional<BookRecord> Library::bookWithHash(const QByteArray& sha256) const {
  return first(booksWhere(QStringLiteral("WHERE sha256 = ? ORDER BY id DESC"), {sha256}));
}

std::optional<BookRecord> Library::newestBookAt(const QString& path) const {
  return first(booksWhere(QStringLiteral("WHERE path = ? ORDER BY id DESC"), {path}));
}

BookId Library::addBook(const BookRecord& book) {
  qint64 id = 0;
  write([&] {
    return m_database->execute(
        QStringLiteral("INSERT INTO books (path, sha256, file_bytes, file_modified_ms, title, "
                       "format, pages, characters, text_key, range_first, range_last, tokens, "
                       "tokens_model, position, added_ms, opened_ms) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        {book.path, book.sha256, book.fileBytes, book.fileModifiedMs, book.title, book.format,
         qint64{book.pages}, book.characters, book.textKey, qint64{book.range.first},
         qint64{book.range.last}, book.tokens, book.tokensModel, book.position,
         milliseconds(book.added), milliseconds(book.opened)},
        &id);
  });
  Q_EMIT booksChanged();
  return id;
}

void Library::updateBook(const BookRecord& book) {
  write([&] {
    return m_database->execute(
        QStringLiteral("UPDATE books SET path = ?, sha256 = ?, file_bytes = ?, file_modified_ms = "
                       "?, title = ?, format = ?, pages = ?, characters = ?, text_key = ?, "
                       "range_first = ?, range_last = ?, tokens = ?, tokens_model = ?, position = "
                       "?, added_ms = ?, opened_ms = ? WHERE id = ?"),
        {book.path, book.sha256, book.fileBytes, book.fileModifiedMs, book.title, book.format,
         qint64{book.pages}, book.characters, book.textKey, qint64{book.range.first},
         qint64{book.range.last}, book.tokens, book.tokensModel, book.position,
         milliseconds(book.added), milliseconds(book.opened), book.id});
  });
  Q_EMIT booksChanged();
}

void Library::setBookPosition(BookId id, double position) {
  // The shelf shows nothing of it: no signal.
  write([&] {
    return m_database->execute(QStringLiteral("UPDATE books SET position = ? WHERE id = ?"),
                               {position, id});
  });
}

void Library::removeBook(BookId id) {
  write(
      [&] { return m_database->execute(QStringLiteral("DELETE FROM books WHERE id = ?"), {id}); });
  m_database->forgetDeleted();
  Q_EMIT booksChanged();
  Q_EMIT chatsChanged(id);
}

// Chats
// ---------------------------------------------------------------------------------------------

QList<ChatRecord> Library::chats(BookId book) const {
  QList<ChatRecord> found;
  m_database->select(
      QStringLiteral("SELECT %1 FROM chats WHERE book_id = ? ORDER BY changed_ms DESC, id DESC")
          .arg(kChatColumns),
      {book}, [&](const QSqlQuery& row) { found.append(chatFrom(row)); });
  return found;
}

std::optional<ChatRecord> Library::chat(ChatId id) const {
  std::optional<ChatRecord> found;
  m_database->select(QStringLiteral("SELECT %1 FROM chats WHERE id = ?").arg(kChatColumns), {id},
                     [&](const QSqlQuery& row) { found = chatFrom(row); });
  return found;
}

ChatId Library::addChat(BookId book, const QString& title) {
  qint64 id = 0;
  const qint64 now = milliseconds({});
  write([&] {
    return m_database->execute(
        QStringLiteral("INSERT INTO chats (book_id, title, leaf_id, settings, created_ms, "
                       "changed_ms) VALUES (?, ?, NULL, '{}', ?, ?)"),
        {book, title, now, now}, &id);
  });
  Q_EMIT chatsChanged(book);
  return id;
}

void Library::updateChat(const ChatRecord& chat) {
  write([&] {
    return m_database->execute(
        QStringLiteral("UPDATE chats SET title = ?, leaf_id = ?, settings = ?, changed_ms = ? "
                       "WHERE id = ?"),
        {chat.title, referenceTo(chat.leaf), jsonText(chat.settings), milliseconds(chat.changed),
         chat.id});
  });
  Q_EMIT chatsChanged(chat.book);
}

void Library::removeChat(ChatId id) {
  const std::optional<ChatRecord> gone = chat(id);
  write(
      [&] { return m_database->execute(QStringLiteral("DELETE FROM chats WHERE id = ?"), {id}); });
  m_database->forgetDeleted();
  if (gone) {
    Q_EMIT chatsChanged(gone->book);
  }
}

// Messages
// ------------------------------------------------------------------------------------------

QList<MessageRecord> Library::messagesWhere(const QString& condition,
                                            std::initializer_list<QVariant> values) const {
  QList<MessageRecord> found;
  m_database->select(QStringLiteral("SELECT %1 FROM messages %2").arg(kMessageColumns, condition),
                     values, [&](const QSqlQuery& row) { found.append(messageFrom(row)); });
  return found;
}

std::optional<MessageRecord> Library::message(MessageId id) const {
  return first(messagesWhere(QStringLiteral("WHERE id = ?"), {id}));
}

QList<MessageRecord> Library::messages(ChatId chat) const {
  return messagesWhere(QStringLiteral("WHERE chat_id = ? ORDER BY id"), {chat});
}

QList<MessageRecord> Library::path(MessageId leaf) const {
  // A parent is always older than its child; the condition also ends a loop in a damaged file.
  return messagesWhere(
      QStringLiteral("WHERE id IN (WITH RECURSIVE up (id, parent) AS ("
                     "SELECT id, parent_id FROM messages WHERE id = ? UNION ALL "
                     "SELECT m.id, m.parent_id FROM messages m JOIN up ON m.id = up.parent "
                     "WHERE m.id < up.id) SELECT id FROM up) ORDER BY id"),
      {leaf});
}

QList<MessageId> Library::siblings(MessageId id) const {
  QList<MessageId> found;
  m_database->select(
      QStringLiteral("SELECT s.id FROM messages m JOIN messages s ON s.chat_id = m.chat_id AND "
                     "s.parent_id IS m.parent_id WHERE m.id = ? ORDER BY s.id"),
      {id}, [&](const QSqlQuery& row) { found.append(row.value(0).toLongLong()); });
  return found;
}

MessageId Library::newestLeafUnder(MessageId id) const {
  MessageId leaf = id;
  for (bool deeper = true; deeper;) {
    deeper = false;
    m_database->select(
        QStringLiteral("SELECT max(id) FROM messages WHERE parent_id = ? AND id > ?"), {leaf, leaf},
        [&](const QSqlQuery& row) {
          if (const MessageId child = row.value(0).toLongLong(); child != 0) {
            leaf = child;
            deeper = true;
          }
        });
  }
  return leaf;
}

MessageId Library::addMessage(const MessageRecord& message) {
  qint64 id = 0;
  const qint64 now = milliseconds(message.created);
  BookId book = 0;
  write([&] {
    return m_database->execute(
               QStringLiteral("INSERT INTO messages (chat_id, parent_id, role, text, state, "
                              "tokens, stats, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
               {message.chat, referenceTo(message.parent), roleText(message.role), message.text,
                stateText(message.state), message.tokens, jsonText(message.stats), now},
               &id) &&
           m_database->execute(
               QStringLiteral("UPDATE chats SET leaf_id = ?, changed_ms = ? WHERE id = ?"),
               {id, now, message.chat}) &&
           m_database->select(QStringLiteral("SELECT book_id FROM chats WHERE id = ?"),
                              {message.chat},
                              [&](const QSqlQuery& row) { book = row.value(0).toLongLong(); });
  });
  Q_EMIT chatsChanged(book);
  return id;
}

void Library::updateMessage(const MessageRecord& message) {
  write([&] {
    return m_database->execute(
        QStringLiteral(
            "UPDATE messages SET text = ?, state = ?, tokens = ?, stats = ? WHERE id = ?"),
        {message.text, stateText(message.state), message.tokens, jsonText(message.stats),
         message.id});
  });
}

void Library::selectLeaf(ChatId chat, MessageId leaf) {
  write([&] {
    return m_database->execute(QStringLiteral("UPDATE chats SET leaf_id = ? WHERE id = ?"),
                               {referenceTo(leaf), chat});
  });
}

// Search and speeds
// ---------------------------------------------------------------------------------

QList<SearchHit> Library::search(const QString& text, int limit) const {
  const QStringList words = wordsOf(text);
  QList<SearchHit> hits;
  if (words.isEmpty()) {
    return hits;
  }
  m_database->select(QStringLiteral("SELECT id, title FROM books ORDER BY opened_ms DESC"), {},
                     [&](const QSqlQuery& row) {
                       if (containsAll(row.value(1).toString(), words)) {
                         SearchHit hit;
                         hit.kind = SearchHit::Kind::Book;
                         hit.book = row.value(0).toLongLong();
                         hit.title = row.value(1).toString();
                         hits.append(hit);
                       }
                     });
  m_database->select(
      QStringLiteral("SELECT id, book_id, title FROM chats ORDER BY changed_ms DESC"), {},
      [&](const QSqlQuery& row) {
        if (containsAll(row.value(2).toString(), words)) {
          SearchHit hit;
          hit.kind = SearchHit::Kind::Chat;
          hit.chat = row.value(0).toLongLong();
          hit.book = row.value(1).toLongLong();
          hit.title = row.value(2).toString();
          hits.append(hit);
        }
      });
  QStringList patterns;
  for (const QString& word : words) {
    patterns.append(QStringLiteral("\"%1\"*").arg(word));
  }
  m_database->select(
      QStringLiteral("SELECT m.id, m.chat_id, c.book_id, c.title, "
                     "snippet(messages_words, 0, '', '', '…', 16) FROM messages_words "
                     "JOIN messages m ON m.id = messages_words.rowid JOIN chats c ON c.id = "
                     "m.chat_id WHERE messages_words MATCH ? ORDER BY rank LIMIT ?"),
      {patterns.join(QLatin1Char(' ')), limit}, [&](const QSqlQuery& row) {
        SearchHit hit;
        hit.kind = SearchHit::Kind::Message;
        hit.message = row.value(0).toLongLong();
        hit.chat = row.value(1).toLongLong();
        hit.book = row.value(2).toLongLong();
        hit.title = row.value(3).toString();
        hit.excerpt = row.value(4).toString().simplified();
        hits.append(hit);
      });
  return hits.mid(0, limit);
}

std::optional<Library::ModelSpeed> Library::modelSpeed(const QString& modelKey) const {
  std::optional<ModelSpeed> speed;
  m_database->select(
      QStringLiteral("SELECT per_token, per_token_squared, decode_tokens_per_second FROM "
                     "model_speeds WHERE model_key = ?"),
      {modelKey}, [&](const QSqlQuery& row) {
        speed =
            ModelSpeed{row.value(0).toDouble(), row.value(1).toDouble(), row.value(2).toDouble()};
      });
  return speed;
}

void Library::setModelSpeed(const QString& modelKey, const ModelSpeed& speed) {
  write([&] {
    return m_database->execute(
        QStringLiteral("INSERT INTO model_speeds VALUES (?, ?, ?, ?) ON CONFLICT (model_key) DO "
                       "UPDATE SET per_token = excluded.per_token, per_token_squared = "
                       "excluded.per_token_squared, decode_tokens_per_second = "
                       "excluded.decode_tokens_per_second"),
        {modelKey, speed.perToken, speed.perTokenSquared, speed.decodeTokensPerSecond});
  });
}

}  // namespace bookwheel
