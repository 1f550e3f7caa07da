// SPDX-License-Identifier: Apache-2.0
// ChatController: bad models, bad files, a killed helper, moved and changed files, a disk that
// takes nothing.
#include "app/chat/chat_controller.h"
#include "app/documents/document.h"
#include "tests/app/raw_pdf.h"
#include "tests/app/reading_desk.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QProcess>
#include <QSignalSpy>
#include <QStandardPaths>
#include <QTest>

using namespace bookwheel;
using namespace Qt::StringLiterals;
using State = ChatController::State;

namespace {

/// A value of the environment for as long as this lives.
class Environment {
 public:
  Environment(const char* name, const QByteArray& value)
      : m_name(name), m_before(qgetenv(name)), m_wasSet(qEnvironmentVariableIsSet(name)) {
    qputenv(name, value);
  }
  ~Environment() {
    if (m_wasSet) {
      qputenv(m_name, m_before);
    } else {
      qunsetenv(m_name);
    }
  }

 private:
  const char* m_name;
  QByteArray m_before;
  bool m_wasSet;
};

}  // namespace

class ChatProblemsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void saysWhyAModelCannotBeUsed_data();
  void saysWhyAModelCannotBeUsed();
  void goesBackToTheModelBefore();
  void findsItsFirstModel();
  void saysWhenThereIsNoModel();
  void saysWhyADocumentCannotBeRead_data();
  void saysWhyADocumentCannotBeRead();
  void outlivesItsHelper_data();
  void outlivesItsHelper();
  void asksForAPassword();
  void knowsABookThatWasMoved();
  void keepsTheOldTextOfAChangedFile();
  void saysWhenABookIsGone();
  void goesOnWithoutADataFolder();
  void opensTheLastOfManyFiles();
};

void ChatProblemsTest::saysWhyAModelCannotBeUsed_data() {
  QTest::addColumn<int>("keptBytes");  // of a good file; -1: no file, -2: something else
  QTest::addColumn<QString>("title");
  QTest::newRow("missing") << -1 << "cannot be opened";
  QTest::newRow("empty") << 0 << "cannot be used";
  QTest::newRow("cut in the header") << 200 << "cannot be used";
  QTest::newRow("cut in the weights") << 300000 << "cannot be used";
  QTest::newRow("a text") << -2 << "cannot be used";
}

void ChatProblemsTest::saysWhyAModelCannotBeUsed() {
  QFETCH(int, keptBytes);
  QFETCH(QString, title);
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  const QString good = desk.writeModel();
  QString bad = desk.path(u"bad.gguf"_s);
  if (keptBytes >= 0) {
    bad = desk.write(u"bad.gguf"_s, contentsOf(good).left(keptBytes));
  } else if (keptBytes == -2) {
    bad = desk.write(u"bad.gguf"_s, ReadingDesk::prose(20));
  }
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(3)));
  QTRY_STATE(controller, State::NoModel);
  controller.openModel(bad);
  QTRY_STATE(controller, State::Failed);
  const Notice* notice = noticeOf(controller, Notice::Kind::Model);
  QVERIFY(notice != nullptr);
  QVERIFY2(notice->title.contains(title) && notice->title.contains(u"bad.gguf"_s),
           qPrintable(notice->title));
  QVERIFY(!notice->facts.isEmpty());
  QVERIFY(wayOf(notice, NoticeAction::ChooseModel) != nullptr);
  QVERIFY(controller.document() != nullptr);  // still there to be looked at
  QVERIFY(desk.settings->text(Setting::ModelPath).isEmpty());
  controller.openModel(good);
  QTRY_STATE(controller, State::Ready);
  QVERIFY(controller.notices().isEmpty());
}

void ChatProblemsTest::goesBackToTheModelBefore() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  const QString good = desk.writeModel();
  controller.openModel(good);
  QTRY_STATE(controller, State::NoDocument);
  controller.openModel(desk.write(u"bad.gguf"_s, "GGUF"));
  QTRY_STATE(controller, State::Failed);
  const Notice* notice = noticeOf(controller, Notice::Kind::Model);
  const NoticeWay* way = wayOf(notice, NoticeAction::UseModel);
  QVERIFY(way != nullptr);
  QCOMPARE(way->argument, good);
  controller.perform(notice->id, way->action, way->argument);
  QTRY_STATE(controller, State::NoDocument);
  QCOMPARE(controller.model()->path, good);
  QCOMPARE(desk.settings->text(Setting::ModelPath), good);
}

void ChatProblemsTest::findsItsFirstModel() {
  ReadingDesk desk;
  QVERIFY(QDir().mkpath(desk.path(u"models"_s)));
  const QString good = desk.writeModel(2048, u"models/tiny.gguf"_s);
  desk.write(u"models/broken.gguf"_s, "GGUF");
  desk.controller->start();
  QTRY_STATE(*desk.controller, State::NoDocument);
  QCOMPARE(desk.controller->model()->path, good);
  QCOMPARE(desk.catalog->rowCount(), 2);
  QVERIFY(desk.catalog->index(0).data(ModelCatalog::CurrentRole).toBool());
  QVERIFY(!desk.catalog->index(1).data(ModelCatalog::UsableRole).toBool());
}

void ChatProblemsTest::saysWhenThereIsNoModel() {
  ReadingDesk desk;
  desk.controller->start();
  QTRY_VERIFY(noticeOf(*desk.controller, Notice::Kind::Model) != nullptr);
  const Notice* notice = noticeOf(*desk.controller, Notice::Kind::Model);
  QVERIFY(notice->facts.contains(desk.path(u"models"_s)));
  QVERIFY(wayOf(notice, NoticeAction::OpenModelFile) != nullptr);
  QCOMPARE(desk.controller->state(), State::NoModel);
}

void ChatProblemsTest::saysWhyADocumentCannotBeRead_data() {
  QTest::addColumn<QByteArray>("bytes");
  QTest::addColumn<QString>("title");
  QTest::newRow("missing") << QByteArray("(none)") << "cannot be opened";
  QTest::newRow("empty") << QByteArray() << "has no text";
  QTest::newRow("binary") << QByteArray(
                                 "\x7f"
                                 "ELF\0\0\1\2\3",
                                 9)
                                 .repeated(100)
                          << "is not a document";
}

void ChatProblemsTest::saysWhyADocumentCannotBeRead() {
  QFETCH(QByteArray, bytes);
  QFETCH(QString, title);
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  controller.open(desk.write(u"good.txt"_s, ReadingDesk::prose(3)));
  QTRY_STATE(controller, State::Ready);
  const QString bad = bytes == "(none)" ? desk.path(u"bad.txt"_s) : desk.write(u"bad.txt"_s, bytes);
  controller.open(bad);
  QTRY_STATE(controller, State::Failed);
  const Notice* notice = noticeOf(controller, Notice::Kind::Document);
  QVERIFY(notice != nullptr);
  QVERIFY2(notice->title.contains(title), qPrintable(notice->title));
  QVERIFY(!notice->facts.isEmpty());
  QCOMPARE(controller.shelf()->rowCount(), 1);  // nothing unusable is put on the shelf
  controller.openBook(controller.shelf()->index(0).data(LibraryModel::BookRole).toLongLong());
  QTRY_STATE(controller, State::Ready);
  QVERIFY(noticeOf(controller, Notice::Kind::Document) == nullptr);
}

void ChatProblemsTest::outlivesItsHelper_data() {
  QTest::addColumn<QByteArray>("script");
  QTest::newRow("killed") << QByteArray("#!/bin/sh\nkill -9 $$\n");
  QTest::newRow("ends at once") << QByteArray("#!/bin/sh\nexit 0\n");
  QTest::newRow("babbles") << QByteArray("#!/bin/sh\nhead -c 100000 /dev/urandom\n");
}

void ChatProblemsTest::outlivesItsHelper() {
  QFETCH(QByteArray, script);
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  const QString file = desk.write(u"a.txt"_s, ReadingDesk::prose(3));
  const QString helper = desk.write(u"helper"_s, script);
  QFile::setPermissions(helper, QFile::ReadOwner | QFile::ExeOwner);
  {
    const Environment environment("BOOKWHEEL_IMPORT", helper.toLocal8Bit());
    controller.open(file);
    QTRY_STATE(controller, State::Failed);
  }
  const Notice* notice = noticeOf(controller, Notice::Kind::Document);
  const NoticeWay* way = wayOf(notice, NoticeAction::Retry);
  QVERIFY(way != nullptr);
  controller.perform(notice->id, way->action, way->argument);
  QTRY_STATE(controller, State::Ready);
}

void ChatProblemsTest::asksForAPassword() {
  const QString qpdf = QStandardPaths::findExecutable(u"qpdf"_s);
  if (qpdf.isEmpty()) {
    QSKIP("qpdf, which makes the protected file, is not installed.");
  }
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  const QString plain = desk.write(u"plain.pdf"_s, test::rawPdf({{{{72, 700, "A secret gate."}}}}));
  const QString file = desk.path(u"secret.pdf"_s);
  QCOMPARE(QProcess::execute(
               qpdf, {u"--encrypt"_s, u"open"_s, u"owner"_s, u"256"_s, u"--"_s, plain, file}),
           0);
  controller.open(file);
  QTRY_VERIFY_WITH_TIMEOUT(
      wayOf(noticeOf(controller, Notice::Kind::Document), NoticeAction::EnterPassword) != nullptr,
      kPatienceMs);
  QCOMPARE(controller.state(), State::Importing);
  controller.submitPassword(u"wrong"_s);
  QTRY_VERIFY_WITH_TIMEOUT(noticeOf(controller, Notice::Kind::Document) != nullptr, kPatienceMs);
  QVERIFY(noticeOf(controller, Notice::Kind::Document)->title.contains(u"does not open"_s));
  controller.submitPassword(u"open"_s);
  QTRY_STATE(controller, State::Ready);
  QVERIFY(controller.document()->string().contains(u"secret gate"_s));
  QCOMPARE(controller.documentPassword(), u"open"_s);
  // The text of a protected file is not left on the disk.
  QVERIFY(QDir(desk.path(u"data/texts"_s)).entryList(QDir::Files).isEmpty());
  QVERIFY(desk.library->book(controller.book())->textKey.isEmpty());
}

void ChatProblemsTest::knowsABookThatWasMoved() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  const QString old = desk.write(u"old.txt"_s, ReadingDesk::prose(3));
  controller.open(old);
  QTRY_STATE(controller, State::Ready);
  controller.ask(u"One?"_s);
  QTRY_STATE(controller, State::Ready);
  const BookId book = controller.book();
  QVERIFY(QFile::rename(old, desk.path(u"new.txt"_s)));
  controller.open(desk.path(u"new.txt"_s));
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(controller.book(), book);
  QCOMPARE(controller.messages()->rowCount(), 2);
  QCOMPARE(controller.documentPath(), desk.path(u"new.txt"_s));
  const Notice* notice = noticeOf(controller, Notice::Kind::Document);
  QVERIFY(notice != nullptr && notice->title.contains(old) && notice->dismissable);
  controller.dismiss(notice->id);
  QVERIFY(controller.notices().isEmpty());
}

void ChatProblemsTest::keepsTheOldTextOfAChangedFile() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  const QString file = desk.write(u"a.txt"_s, "The gate is green.\n\n" + ReadingDesk::prose(3));
  controller.open(file);
  QTRY_STATE(controller, State::Ready);
  controller.ask(u"Which colour?"_s);
  QTRY_STATE(controller, State::Ready);
  const BookId book = controller.book();
  controller.closeBook();
  desk.write(u"a.txt"_s, "The gate is blue.\n\n" + ReadingDesk::prose(3));
  controller.openBook(book);
  QTRY_STATE(controller, State::Ready);
  QVERIFY(controller.document()->string().contains(u"green"_s));
  QCOMPARE(controller.messages()->rowCount(), 2);
  QVERIFY(!controller.documentFileThere());  // pages of another text are not drawn beside this one
  const Notice* notice = noticeOf(controller, Notice::Kind::Document);
  const NoticeWay* way = wayOf(notice, NoticeAction::ReadNewVersion);
  QVERIFY(way != nullptr);
  controller.perform(notice->id, way->action, way->argument);
  QTRY_STATE(controller, State::Ready);
  QVERIFY(controller.document()->string().contains(u"blue"_s));
  QVERIFY(controller.book() != book);
  QCOMPARE(controller.messages()->rowCount(), 0);
  QCOMPARE(controller.shelf()->rowCount(), 2);
  QCOMPARE(desk.library->chats(book).size(), 1);
}

void ChatProblemsTest::saysWhenABookIsGone() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  const QString file = desk.write(u"a.txt"_s, ReadingDesk::prose(3));
  controller.open(file);
  QTRY_STATE(controller, State::Ready);
  const BookId book = controller.book();
  controller.closeBook();
  QVERIFY(QFile::remove(file));
  QVERIFY(QDir(desk.path(u"data/texts"_s)).removeRecursively());
  controller.openBook(book);
  QTRY_STATE(controller, State::Failed);
  const Notice* notice = noticeOf(controller, Notice::Kind::Document);
  QVERIFY(notice != nullptr && notice->facts.contains(file));
  QVERIFY(wayOf(notice, NoticeAction::LocateFile) != nullptr);
  QCOMPARE(controller.shelf()->rowCount(), 1);
}

void ChatProblemsTest::goesOnWithoutADataFolder() {
  ReadingDesk desk;
  desk.close();
  QVERIFY(QDir(desk.path(u"data"_s)).removeRecursively());
  desk.write(u"data"_s, "a file where the folder should be");
  desk.open();
  ChatController& controller = *desk.controller;
  const Notice* saving = noticeOf(controller, Notice::Kind::Saving);
  QVERIFY(saving != nullptr && saving->facts.contains(desk.path(u"data"_s)));
  controller.openModel(desk.writeModel());
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(3)));
  QTRY_STATE(controller, State::Ready);
  controller.ask(u"One?"_s);
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(controller.messages()->path().last().state, MessageState::Complete);
  QVERIFY(noticeOf(controller, Notice::Kind::Saving) != nullptr);  // it stands

  QVERIFY(QFile::remove(desk.path(u"data"_s)));
  controller.perform(noticeOf(controller, Notice::Kind::Saving)->id, NoticeAction::RetrySaving);
  QVERIFY(noticeOf(controller, Notice::Kind::Saving) == nullptr);
  desk.close();
  desk.open();
  QCOMPARE(desk.library->books().size(), 1);
  QCOMPARE(desk.library->search(u"one"_s).size(), 2);  // the chat's title and its question
}

void ChatProblemsTest::opensTheLastOfManyFiles() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  for (int number = 0; number < 8; ++number) {
    controller.open(desk.write(u"%1.txt"_s.arg(number), "Book " + QByteArray::number(number) +
                                                            ".\n\n" + ReadingDesk::prose(3)));
  }
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(controller.title(), u"7"_s);
  QVERIFY(controller.document()->string().startsWith(u"Book 7."_s));
}

QTEST_GUILESS_MAIN(ChatProblemsTest)
#include "chat_problems_test.moc"
