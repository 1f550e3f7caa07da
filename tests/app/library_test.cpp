// SPDX-License-Identifier: Apache-2.0
// Library: what is written is there, in which form, is found again, and is gone when it is removed.
#include "app/library/library.h"

#include "tests/app/fixture_folder.h"
#include "tests/app/library_records.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QSqlQuery>
#include <QTemporaryDir>
#include <QTest>

#include <memory>

using namespace bookwheel;
using namespace Qt::StringLiterals;

namespace {

/// All files of a folder, joined.
QByteArray bytesUnder(const QString& folder) {
  QByteArray all;
  for (const QFileInfo& file : QDir(folder).entryInfoList(QDir::Files)) {
    all += contentsOf(file.filePath());
  }
  return all;
}

}  // namespace

class LibraryTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { m_folder = std::make_unique<QTemporaryDir>(); }
  void cleanup() { m_folder.reset(); }

  void opensInTheFormThatSurvivesAPowerCut();
  void keepsABookAsItWas();
  void keepsARecordWithNothingInIt();
  void keepsAChatAsATree();
  void savesEnumsAsText();
  void writesAMessageAndItsChatTogether();
  void findsWordsInBooksChatsAndMessages();
  void treatsASearchAsWords_data();
  void treatsASearchAsWords();
  void forgetsWhatIsRemoved();

 private:
  QString file() const { return m_folder->filePath(u"library.sqlite"_s); }

  std::unique_ptr<QTemporaryDir> m_folder;
};

void LibraryTest::opensInTheFormThatSurvivesAPowerCut() {
  Database database(file(), schemaMigrations());
  QCOMPARE(database.problem(), QString());
  const auto pragma = [&](const char* name) {
    QString value;
    database.select(u"PRAGMA "_s + QLatin1String(name), {},
                    [&](const QSqlQuery& row) { value = row.value(0).toString(); });
    return value;
  };
  QCOMPARE(pragma("journal_mode"), u"wal"_s);
  QCOMPARE(pragma("synchronous"), u"2"_s);  // FULL
  QCOMPARE(pragma("foreign_keys"), u"1"_s);
  QCOMPARE(pragma("secure_delete"), u"1"_s);
  QCOMPARE(pragma("user_version"), QString::number(schemaMigrations().last().version));
}

void LibraryTest::keepsABookAsItWas() {
  BookRecord book = someBook();
  {
    Library library(file());
    book.id = library.addBook(book);
    QVERIFY(book.id > 0);
    library.setBookPosition(book.id, 12.5);
  }
  Library library(file());
  const auto found = library.bookWithHash(book.sha256);
  QVERIFY(found.has_value());
  QCOMPARE(found->id, book.id);
  QCOMPARE(found->path, book.path);
  QCOMPARE(found->fileBytes, book.fileBytes);
  QCOMPARE(found->fileModifiedMs, book.fileModifiedMs);
  QCOMPARE(found->title, book.title);
  QCOMPARE(found->pages, 312);
  QCOMPARE(found->characters, book.characters);
  QVERIFY(found->range == book.range);
  QCOMPARE(found->tokens, book.tokens);
  QCOMPARE(found->position, 12.5);
  QVERIFY(!library.bookWithHash(QByteArray(32, 'x')).has_value());
  QVERIFY(library.newestBookAt(book.path).has_value());
}

void LibraryTest::keepsARecordWithNothingInIt() {
  // QString() is not QString("") for SQL: it would be NULL, and refused.
  Library library(file());
  const BookId book = library.addBook(BookRecord{});
  QVERIFY(library.book(book).has_value());
  const ChatId chat = library.addChat(book, QString());
  const MessageId message = addMessage(library, chat, 0, MessageRole::Answer, QString());
  QVERIFY(library.message(message).has_value());
  ChatRecord renamed = *library.chat(chat);
  renamed.title = QString();
  library.updateChat(renamed);
  QCOMPARE(library.chats(book).size(), 1);
}

void LibraryTest::keepsAChatAsATree() {
  Library library(file());
  const BookId book = library.addBook(someBook());
  const ChatId chat = library.addChat(book, u"Who?"_s);
  const auto q1 = addMessage(library, chat, 0, MessageRole::Question, u"Q1"_s);
  const auto a1 = addMessage(library, chat, q1, MessageRole::Answer, u"A1"_s);
  const auto q2 = addMessage(library, chat, a1, MessageRole::Question, u"Q2"_s);
  addMessage(library, chat, q2, MessageRole::Answer, u"A2"_s);
  // The second question again, in another wording; and another first question.
  const auto q2b = addMessage(library, chat, a1, MessageRole::Question, u"Q2b"_s);
  const auto a2b = addMessage(library, chat, q2b, MessageRole::Answer, u"A2b"_s);
  const auto q1b = addMessage(library, chat, 0, MessageRole::Question, u"Q1b"_s);

  QCOMPARE(textsOf(library.path(a2b)), (QStringList{u"Q1"_s, u"A1"_s, u"Q2b"_s, u"A2b"_s}));
  QCOMPARE(library.siblings(q2), (QList<MessageId>{q2, q2b}));
  QCOMPARE(library.siblings(q1), (QList<MessageId>{q1, q1b}));
  QCOMPARE(library.newestLeafUnder(q1), a2b);
  QCOMPARE(library.chat(chat)->leaf, q1b);
  library.selectLeaf(chat, a2b);
  QCOMPARE(library.chat(chat)->leaf, a2b);
  QCOMPARE(library.messages(chat).size(), 7);

  // A second chat's first questions are no versions of this one's.
  const ChatId other = library.addChat(book, u"other"_s);
  const auto lone = addMessage(library, other, 0, MessageRole::Question, u"lone"_s);
  QCOMPARE(library.siblings(lone), QList<MessageId>{lone});
}

void LibraryTest::savesEnumsAsText() {
  {
    Library library(file());
    const ChatId chat = library.addChat(library.addBook(someBook()), u"c"_s);
    for (const MessageState state : {MessageState::Partial, MessageState::Complete,
                                     MessageState::Stopped, MessageState::Failed}) {
      const MessageId id = addMessage(library, chat, 0, MessageRole::Answer, u"t"_s, state);
      QCOMPARE(library.message(id)->state, state);
    }
  }
  QCOMPARE(valueIn(file(), u"SELECT group_concat(role || ':' || state) FROM messages"_s).toString(),
           u"answer:partial,answer:complete,answer:stopped,answer:failed"_s);
}

void LibraryTest::writesAMessageAndItsChatTogether() {
  Library library(file());
  const ChatId chat = library.addChat(library.addBook(someBook()), u"c"_s);
  QSignalSpy changed(&library, &Library::chatsChanged);
  const MessageId id = addMessage(library, chat, 0, MessageRole::Question, u"q"_s);
  QCOMPARE(library.chat(chat)->leaf, id);
  QCOMPARE(changed.count(), 1);
  // A message of no chat is a mistake of ours: it is refused and leaves nothing behind.
  QTest::ignoreMessage(QtWarningMsg, QRegularExpression(u"FOREIGN KEY"_s));
  QTest::ignoreMessage(QtCriticalMsg, QRegularExpression(u"rejected"_s));
  addMessage(library, 999, 0, MessageRole::Question, u"lost"_s);
  QCOMPARE(library.messages(999).size(), 0);
  QCOMPARE(library.saveProblem(), QString());
}

void LibraryTest::findsWordsInBooksChatsAndMessages() {
  Library library(file());
  const BookId book = library.addBook(someBook(u"Harrow Valley Flood Defences"_s));
  const ChatId chat = library.addChat(book, u"Who inspected the gates"_s);
  const MessageId message = addMessage(library, chat, 0, MessageRole::Answer,
                                       u"Two engineers, and Zoë of the drainage board."_s);
  auto hits = library.search(u"flood valley"_s);
  QCOMPARE(hits.size(), 1);
  QCOMPARE(hits.first().kind, SearchHit::Kind::Book);
  hits = library.search(u"GATES"_s);
  QCOMPARE(hits.size(), 1);
  QCOMPARE(hits.first().chat, chat);
  hits = library.search(u"drain zoe"_s);  // a beginning, and without the accent
  QCOMPARE(hits.size(), 1);
  QCOMPARE(hits.first().message, message);
  QCOMPARE(hits.first().book, book);
  QVERIFY(hits.first().excerpt.contains(u"drainage"_s));

  // The index follows what an answer becomes.
  MessageRecord longer = *library.message(message);
  longer.text = u"Nobody."_s;
  library.updateMessage(longer);
  QVERIFY(library.search(u"drainage"_s).isEmpty());
  QCOMPARE(library.search(u"nobody"_s).size(), 1);
}

void LibraryTest::treatsASearchAsWords_data() {
  QTest::addColumn<QString>("words");
  QTest::addColumn<int>("hits");
  QTest::newRow("empty") << "" << 0;
  QTest::newRow("only signs") << "\"*()^:-" << 0;
  QTest::newRow("an open quote") << "\"alpha" << 1;
  QTest::newRow("an operator") << "alpha AND beta" << 1;
  QTest::newRow("a column filter") << "text:alpha" << 1;
  QTest::newRow("near") << "NEAR(alpha beta)" << 1;
  QTest::newRow("like's signs") << "al%pha_" << 0;
}

void LibraryTest::treatsASearchAsWords() {
  QFETCH(QString, words);
  QFETCH(int, hits);
  Library library(file());
  const ChatId chat = library.addChat(library.addBook(someBook()), u"c"_s);
  addMessage(library, chat, 0, MessageRole::Question, u"alpha and beta near text"_s);
  QCOMPARE(library.search(words).size(), hits);
}

void LibraryTest::forgetsWhatIsRemoved() {
  const QByteArray secret = "xylophone-quartz-1588";
  Library library(file());
  const BookId book = library.addBook(someBook());
  const ChatId chat = library.addChat(book, u"kept"_s);
  addMessage(library, chat, 0, MessageRole::Question, u"harmless words"_s);
  const ChatId gone = library.addChat(book, QString::fromLatin1(secret));
  addMessage(library, gone, 0, MessageRole::Question, QString::fromLatin1(secret).repeated(500));
  QVERIFY(bytesUnder(m_folder->path()).contains(secret));
  library.removeChat(gone);
  QCOMPARE(library.chats(book).size(), 1);
  QVERIFY(!bytesUnder(m_folder->path()).contains(secret));
  QVERIFY(!bytesUnder(m_folder->path()).contains("xylophone"));  // nor in the words of the index
  library.removeBook(book);
  QVERIFY(library.books().isEmpty());
  QCOMPARE(library.messages(chat).size(), 0);
  QVERIFY(!bytesUnder(m_folder->path()).contains("harmless"));
}

QTEST_GUILESS_MAIN(LibraryTest)
#include "library_test.moc"
