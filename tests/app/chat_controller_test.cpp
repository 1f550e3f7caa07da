// SPDX-License-Identifier: Apache-2.0
// ChatController: from a file to a kept answer, with a tiny model, the real helper and the real
// database.
#include "app/chat/chat_controller.h"

#include "app/documents/document.h"
#include "engine/run/session.h"
#include "tests/app/reading_desk.h"

#include <QElapsedTimer>
#include <QFile>
#include <QSignalSpy>
#include <QTest>
#include <QTimer>

#include <algorithm>

using namespace bookwheel;
using namespace Qt::StringLiterals;
using State = ChatController::State;

namespace {

QString roleText(const ChatModel* messages, int row, int role) {
  return messages->index(row).data(role).toString();
}

/// Milliseconds that this thread was ready to run and had no processor: what the machine's other
/// work takes. 0 where the kernel does not count it.
qint64 waitedForProcessorMs() {
  QFile file(u"/proc/thread-self/schedstat"_s);
  return file.open(QIODevice::ReadOnly)
             ? file.readAll().split(' ').value(1).toLongLong() / 1'000'000
             : 0;
}

}  // namespace

class ChatControllerTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void readsAsksAndRemembers();
  void stopKeepsWhatWasWritten();
  void quittingKeepsWhatWasWritten();
  void savesAPartialAnswerWhileItIsWritten();
  void pausesAndGoesOn();
  void answersFromThePartRead();
  void pausesBetweenTwoPartsOfAReading();
  void aTextTooLongIsNeverCut();
  void readsARangeOfPages();
  void keepsVersions();
  void keepsChatsApart();
  void countsExactly();
  void keepsAnchorsOfEachToken();
  void refusesAChatWithoutRoom();
  void theComposerSaysWhyNot();
  void neverWaitsForTheEngine();
};

void ChatControllerTest::readsAsksAndRemembers() {
  ReadingDesk desk;
  const QString file = desk.write(u"Gates.txt"_s, ReadingDesk::prose(20));
  QString answer;
  {
    ChatController& controller = *desk.controller;
    QCOMPARE(controller.state(), State::NoModel);
    controller.openModel(desk.writeModel());
    QTRY_STATE(controller, State::NoDocument);
    QSignalSpy states(&controller, &ChatController::stateChanged);
    controller.open(file);
    QTRY_STATE(controller, State::Ready);
    QList<State> seen;
    for (const QList<QVariant>& arguments : states) {
      seen.append(arguments.first().value<State>());
    }
    QCOMPARE(seen, (QList<State>{State::Importing, State::Reading, State::Ready}));
    const ReadFacts& facts = controller.readFacts();
    QVERIFY(facts.tokens > 1000);
    QCOMPARE(facts.limitTokens, 8192);
    QCOMPARE(facts.bookPages, controller.document()->pageCount());
    QVERIFY(facts.kvBytes > 0 && facts.seconds > 0);
    QCOMPARE(controller.reading().tokensDone, facts.tokens);
    QVERIFY(controller.reading().remainder.startsWith(u"Read "_s));
    QVERIFY(controller.facts().endsWith(u", read"_s));
    QVERIFY(controller.composer().canSend);

    QSignalSpy changed(controller.messages(), &QAbstractItemModel::dataChanged);
    controller.ask(u"  Which gate was rusty?  "_s);
    QCOMPARE(controller.state(), State::Answering);
    QTRY_STATE(controller, State::Ready);
    const ChatModel* messages = controller.messages();
    QCOMPARE(messages->rowCount(), 2);
    QCOMPARE(roleText(messages, 0, ChatModel::TextRole), u"Which gate was rusty?"_s);
    answer = roleText(messages, 1, ChatModel::TextRole);
    QVERIFY(!answer.isEmpty());
    QVERIFY(changed.count() >= 1);  // it streamed
    QVERIFY(roleText(messages, 1, ChatModel::StandsOnRole).startsWith(u"From the whole book"_s));
    QVERIFY(roleText(messages, 1, ChatModel::FiguresRole).contains(u"tokens/s"_s));
    QCOMPARE(controller.chatTitle(), u"Which gate was rusty?"_s);
    QCOMPARE(controller.chats()->rowCount(), 1);
    controller.setPosition(1.5);
  }
  // Read once: a second question takes the document from the cache.
  desk.controller->ask(u"And then?"_s);
  QTRY_STATE(*desk.controller, State::Ready);
  const MessageRecord second = desk.controller->messages()->path().last();
  const AnswerStats stats = AnswerStats::fromJson(second.stats);
  QVERIFY(stats.promptTokensFromCache >= desk.controller->readFacts().tokens);
  QVERIFY(stats.promptTokens > stats.promptTokensFromCache);

  desk.close();
  QVERIFY(QFile::remove(file));
  desk.open();
  ChatController& controller = *desk.controller;
  QCOMPARE(controller.shelf()->rowCount(), 1);
  QCOMPARE(controller.shelf()->index(0).data().toString(), u"Gates"_s);
  QSignalSpy restored(&controller, &ChatController::positionRestored);
  controller.start();  // the model of the last time, and the book from its kept text
  controller.openBook(controller.shelf()->index(0).data(LibraryModel::BookRole).toLongLong());
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(restored.first().first().toDouble(), 1.5);
  QCOMPARE(controller.messages()->rowCount(), 4);
  QCOMPARE(roleText(controller.messages(), 1, ChatModel::TextRole), answer);
  QVERIFY(!controller.documentFileThere());
  QVERIFY(wayOf(noticeOf(controller, Notice::Kind::Document), NoticeAction::LocateFile) != nullptr);
  // Greedy, the same text, the same model: the same answer after the restart.
  controller.newChat();
  controller.ask(u"Which gate was rusty?"_s);
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(roleText(controller.messages(), 1, ChatModel::TextRole), answer);
}

void ChatControllerTest::stopKeepsWhatWasWritten() {
  ReadingDesk desk;
  desk.settings->set(Setting::MaxAnswerTokens, 100000);
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeEndlessModel(60000));
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(3)));
  QTRY_STATE(controller, State::Ready);
  controller.ask(u"Tell me more."_s);
  QTRY_VERIFY_WITH_TIMEOUT(!roleText(controller.messages(), 1, ChatModel::TextRole).isEmpty(),
                           kPatienceMs);
  QCOMPARE(controller.state(), State::Answering);
  controller.stop();
  QTRY_STATE(controller, State::Ready);
  const MessageRecord shown = controller.messages()->path().last();
  QCOMPARE(shown.state, MessageState::Stopped);
  QVERIFY(!shown.text.isEmpty());
  QCOMPARE(roleText(controller.messages(), 1, ChatModel::StateWordsRole), u"Stopped."_s);
  QCOMPARE(desk.library->message(shown.id)->text, shown.text);
  QCOMPARE(desk.library->message(shown.id)->state, MessageState::Stopped);
  // The session is as good as before.
  controller.ask(u"Again?"_s);
  QCOMPARE(controller.state(), State::Answering);
  controller.stop();
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(controller.messages()->rowCount(), 4);
}

void ChatControllerTest::quittingKeepsWhatWasWritten() {
  ReadingDesk desk;
  desk.settings->set(Setting::MaxAnswerTokens, 100000);
  desk.controller->openModel(desk.writeEndlessModel(60000));
  desk.controller->open(desk.write(u"a.txt"_s, ReadingDesk::prose(3)));
  QTRY_STATE(*desk.controller, State::Ready);
  desk.controller->ask(u"Tell me more."_s);
  QTRY_VERIFY_WITH_TIMEOUT(!roleText(desk.controller->messages(), 1, ChatModel::TextRole).isEmpty(),
                           kPatienceMs);
  const MessageRecord shown = desk.controller->messages()->path().last();
  QElapsedTimer clock;
  clock.start();
  desk.controller.reset();
  QVERIFY2(clock.elapsed() < 2000, "the process is to be gone within 2 s of a quit");
  const auto kept = desk.library->message(shown.id);
  QCOMPARE(kept->state, MessageState::Stopped);
  QVERIFY(kept->text.startsWith(shown.text));
}

void ChatControllerTest::savesAPartialAnswerWhileItIsWritten() {
  ReadingDesk desk;
  desk.settings->set(Setting::MaxAnswerTokens, 100000);
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeEndlessModel(60000));
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(3)));
  QTRY_STATE(controller, State::Ready);
  controller.ask(u"Tell me more."_s);
  const MessageId id = controller.messages()->path().last().id;
  // Another connection to the same file: what a crash now would leave.
  const Library after(desk.path(u"data/library.sqlite"_s));
  QCOMPARE(after.message(id)->state, MessageState::Partial);
  QTRY_VERIFY_WITH_TIMEOUT(!after.message(id)->text.isEmpty(), kPatienceMs);
  QCOMPARE(controller.state(), State::Answering);
  const qsizetype first = after.message(id)->text.size();
  QTRY_VERIFY_WITH_TIMEOUT(after.message(id)->text.size() > first, kPatienceMs);
  controller.stop();
  QTRY_STATE(controller, State::Ready);
}

void ChatControllerTest::pausesAndGoesOn() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  QTRY_STATE(controller, State::NoDocument);
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(40)));
  QTRY_STATE(controller, State::Reading);
  controller.pauseReading();
  QCOMPARE(controller.state(), State::ReadingPaused);
  QVERIFY(controller.reading().paused && controller.reading().canResume);
  controller.resumeReading();  // before the engine has stopped
  QCOMPARE(controller.state(), State::Reading);
  controller.pauseReading();
  QTRY_VERIFY_WITH_TIMEOUT(controller.stats()->stage() == CacheStatsModel::Stage::Idle,
                           kPatienceMs);
  QCOMPARE(controller.state(), State::ReadingPaused);
  controller.resumeReading();
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(controller.reading().tokensDone, controller.readFacts().tokens);

  controller.readPages(1, 2);
  QTRY_STATE(controller, State::Ready);
  controller.readWholeBook();
  QTRY_STATE(controller, State::Reading);
  controller.cancelReading();
  QCOMPARE(controller.state(), State::AwaitingRead);
  QVERIFY(!controller.composer().canSend);
  controller.resumeReading();
  QTRY_STATE(controller, State::Ready);
}

void ChatControllerTest::answersFromThePartRead() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel(60000));
  QTRY_STATE(controller, State::NoDocument);
  bool asked = false;
  QString scope;
  connect(&controller, &ChatController::readingChanged, this, [&] {
    // Within a signal, as the window would: the first moment at which some pages are read.
    if (!asked && controller.state() == State::Reading && controller.composer().canSend) {
      asked = true;
      scope = controller.composer().scope;
      controller.ask(u"Who inspected it?"_s);
    }
  });
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(150)));
  QTRY_VERIFY_WITH_TIMEOUT(controller.messages()->rowCount() == 2, kPatienceMs);
  QTRY_STATE(controller, State::Ready);  // it read on by itself
  const MessageRecord message = controller.messages()->path().last();
  const AnswerStats part = AnswerStats::fromJson(message.stats);
  QCOMPARE(message.state, MessageState::Complete);
  QVERIFY(!message.text.isEmpty());
  QVERIFY(part.whileReading);
  QCOMPARE(part.pages.first, 1);
  QVERIFY(part.pages.last >= 1 && part.pages.last < controller.readFacts().bookPages);
  QVERIFY(part.standsOn().startsWith(u"Read up to page "_s));
  QVERIFY(scope.startsWith(u"Page"_s));
  QVERIFY(part.promptTokens < controller.readFacts().tokens);

  controller.ask(u"And now?"_s);
  QTRY_STATE(controller, State::Ready);
  const AnswerStats whole = AnswerStats::fromJson(controller.messages()->path().last().stats);
  QVERIFY(!whole.whileReading && whole.pages.whole());
  QVERIFY(whole.promptTokensFromCache >= controller.readFacts().tokens);
}

void ChatControllerTest::pausesBetweenTwoPartsOfAReading() {
  ReadingDesk desk;
  desk.settings->set(Setting::MaxAnswerTokens, 100000);
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeEndlessModel(60000));
  QTRY_STATE(controller, State::NoDocument);
  bool asked = false;
  connect(&controller, &ChatController::readingChanged, this, [&] {
    if (!asked && controller.state() == State::Reading && controller.composer().canSend) {
      asked = true;
      controller.ask(u"Who inspected it?"_s);
    }
  });
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(150)));
  QTRY_STATE(controller, State::Answering);
  controller.pauseReading();  // the reading, not the answer
  QTRY_VERIFY_WITH_TIMEOUT(!roleText(controller.messages(), 1, ChatModel::TextRole).isEmpty(),
                           kPatienceMs);
  QCOMPARE(controller.state(), State::Answering);
  controller.resumeReading();
  QCOMPARE(controller.state(), State::Answering);
  controller.pauseReading();
  controller.stop();
  QTRY_STATE(controller, State::ReadingPaused);
  // A question that waits for the reading to stop does not follow into another chat.
  controller.resumeReading();
  QCOMPARE(controller.state(), State::Reading);
  controller.ask(u"And who paid?"_s);
  controller.newChat();
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(controller.messages()->rowCount(), 0);
}

void ChatControllerTest::aTextTooLongIsNeverCut() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel(2048));
  controller.open(desk.write(u"long.txt"_s, ReadingDesk::prose(120)));
  QTRY_STATE(controller, State::AwaitingRead);
  const ReadFacts facts = controller.readFacts();
  QVERIFY(facts.tooLong());
  QCOMPARE(controller.reading().tokensDone, 0);
  const Notice* notice = noticeOf(controller, Notice::Kind::Reading);
  QVERIFY(notice != nullptr);
  const QLocale locale;
  QVERIFY(notice->title.contains(locale.toString(qlonglong{facts.tooLongBy()})));
  QVERIFY(notice->facts.contains(locale.toString(qlonglong{facts.tokens})));
  QVERIFY(notice->facts.contains(u"2,048"_s));
  QVERIFY(!controller.composer().enabled);
  QCOMPARE(controller.shelf()->index(0).data(LibraryModel::GlyphRole).toInt(),
           static_cast<int>(BookActivity::Glyph::Warning));
  controller.resumeReading();  // there is nothing that could be read whole
  QCOMPARE(controller.state(), State::AwaitingRead);

  const NoticeWay* way = wayOf(notice, NoticeAction::UsePages);
  QVERIFY(way != nullptr);
  const int last = way->argument.section(u'-', 1).toInt();
  QVERIFY(last >= 1 && last < facts.bookPages);
  QVERIFY(controller.tokensInPages(1, last) + facts.answerReserveTokens <= 2048);
  QVERIFY(controller.tokensInPages(1, last + 1) + facts.answerReserveTokens > 2048);
  controller.perform(notice->id, way->action, way->argument);
  QTRY_STATE(controller, State::Ready);
  QVERIFY(noticeOf(controller, Notice::Kind::Reading) == nullptr);
  QCOMPARE(controller.readFacts().range.last, last);
  controller.ask(u"What?"_s);
  QTRY_STATE(controller, State::Ready);
  QVERIFY(roleText(controller.messages(), 1, ChatModel::StandsOnRole)
              .endsWith(u" of %1"_s.arg(facts.bookPages)));
}

void ChatControllerTest::readsARangeOfPages() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(40)));
  QTRY_STATE(controller, State::Ready);
  const int pages = controller.document()->pageCount();
  QVERIFY(pages >= 3);
  const std::int64_t expected = controller.tokensInPages(2, 2);
  controller.readPages(2, 2);
  QTRY_STATE(controller, State::Ready);
  // The count from the whole book's anchors: a token at each end may be cut in another way.
  QVERIFY(std::abs(controller.readFacts().tokens - expected) <= 4);
  QCOMPARE(controller.composer().scope, u"Page 2"_s);
  QVERIFY(controller.facts().startsWith(u"pages 2 to 2 of "_s));
  // Anchors point into the whole document's text, not into the range's.
  const auto page = controller.document()->pages().at(1);
  bool any = false;
  for (std::int64_t index = 0; index < controller.readFacts().tokens; ++index) {
    if (const auto bytes = controller.tokenBytes(index)) {
      QVERIFY(bytes->first >= page.begin && bytes->second <= page.end);
      any = true;
    }
  }
  QVERIFY(any);
  controller.readPages(0, 2);          // not a range, nor the whole book
  controller.readPages(1, pages + 1);  // nor this
  QCOMPARE(controller.readFacts().range.first, 2);
  // The choice is the book's: it holds after a restart.
  const BookId book = controller.book();
  desk.close();
  desk.open();
  QCOMPARE(desk.library->book(book)->range.first, 2);
}

void ChatControllerTest::keepsVersions() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(3)));
  QTRY_STATE(controller, State::Ready);
  for (const QString& question : {u"One?"_s, u"Two?"_s}) {
    controller.ask(question);
    QTRY_STATE(controller, State::Ready);
  }
  ChatModel* messages = controller.messages();
  const QList<MessageRecord> before = messages->path();
  QCOMPARE(before.size(), 4);

  controller.editQuestion(before.at(2).id, u"Three?"_s);
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(messages->rowCount(), 4);
  QCOMPARE(roleText(messages, 2, ChatModel::TextRole), u"Three?"_s);
  QCOMPARE(messages->index(2).data(ChatModel::BranchIndexRole).toInt(), 1);
  QCOMPARE(messages->index(2).data(ChatModel::BranchCountRole).toInt(), 2);
  controller.selectVersion(messages->path().at(2).id, -1);
  QCOMPARE(roleText(messages, 2, ChatModel::TextRole), u"Two?"_s);
  QCOMPARE(roleText(messages, 3, ChatModel::TextRole), before.at(3).text);
  controller.selectVersion(messages->path().at(2).id, -1);  // there is none before it
  QCOMPARE(roleText(messages, 2, ChatModel::TextRole), u"Two?"_s);

  controller.retry(before.at(1).id);
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(messages->rowCount(), 2);
  QCOMPARE(messages->index(1).data(ChatModel::BranchCountRole).toInt(), 2);
  QCOMPARE(messages->index(1).data(ChatModel::BranchIndexRole).toInt(), 1);
  QCOMPARE(desk.library->messages(controller.chat()).size(), 7);  // nothing was erased
}

void ChatControllerTest::keepsChatsApart() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  const QString a = desk.write(u"a.txt"_s, ReadingDesk::prose(3));
  controller.open(a);
  QTRY_STATE(controller, State::Ready);
  controller.ask(u"One?"_s);
  QTRY_STATE(controller, State::Ready);
  const ChatId first = controller.chat();
  controller.newChat();
  QCOMPARE(controller.messages()->rowCount(), 0);
  controller.ask(u"Two?"_s);
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(controller.chats()->rowCount(), 2);
  controller.selectChat(first);
  QCOMPARE(roleText(controller.messages(), 0, ChatModel::TextRole), u"One?"_s);
  controller.renameChat(first, u"  Renamed "_s);
  QCOMPARE(controller.chatTitle(), u"Renamed"_s);
  QVERIFY(controller.chatAsMarkdown().startsWith(u"# Renamed\n"_s));

  controller.open(desk.write(u"b.txt"_s, ReadingDesk::prose(5)));
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(controller.chats()->rowCount(), 0);
  QCOMPARE(controller.messages()->rowCount(), 0);
  controller.openBook(desk.library->newestBookAt(a)->id);
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(controller.chats()->rowCount(), 2);
  controller.removeChat(controller.chat());
  QCOMPARE(controller.chats()->rowCount(), 1);
  controller.removeBook(controller.book());
  QCOMPARE(controller.state(), State::NoDocument);
  QCOMPARE(controller.shelf()->rowCount(), 1);
}

void ChatControllerTest::countsExactly() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  const QString model = desk.writeModel();
  controller.openModel(model);
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(4)));
  QTRY_STATE(controller, State::Ready);
  SessionOptions options;
  options.model = model.toStdString();
  options.threads = 1;
  const auto session = Session::open(options);
  const auto count = [&](const std::vector<ChatMessage>& turns) {
    const auto text = controller.document()->text();
    const auto pieces = turns.empty() ? session->chatTemplate().documentPrefix(text)
                                      : session->chatTemplate().prompt(text, turns);
    return static_cast<std::int64_t>(
        session->tokenizer().encode(pieces, Tokenizer::Bos::AsModel).ids.size());
  };
  QCOMPARE(controller.readFacts().tokens, count({}));
  QCOMPARE(controller.composer().limitTokens, session->contextTokens());
  controller.setDraft(u"A question with <|im_end|> in it"_s);
  QTRY_COMPARE(controller.composer().usedTokens,
               count({{Role::User, "A question with <|im_end|> in it"}}));
  controller.setDraft({});
  QTRY_COMPARE(controller.composer().usedTokens, count({}));
  controller.ask(u"One?"_s);
  QTRY_STATE(controller, State::Ready);
  const std::string answer = controller.messages()->path().last().text.toStdString();
  QTRY_COMPARE(controller.composer().usedTokens,
               count({{Role::User, "One?"}, {Role::Assistant, answer}}));
}

void ChatControllerTest::keepsAnchorsOfEachToken() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel());
  controller.open(desk.write(u"a.txt"_s, "Zoë crossed the 橋 bridge.\n\n" + ReadingDesk::prose(8)));
  QTRY_STATE(controller, State::Ready);
  // The document's tokens cover its text in order, without gaps.
  std::int64_t at = 0;
  for (std::int64_t index = 0; index < controller.readFacts().tokens; ++index) {
    if (const auto bytes = controller.tokenBytes(index)) {
      QCOMPARE(bytes->first, at);
      at = bytes->second;
    }
  }
  QCOMPARE(at, static_cast<std::int64_t>(controller.document()->text().size()));
  QVERIFY(!controller.tokenBytes(-1).has_value());
  QVERIFY(!controller.tokenBytes(controller.readFacts().tokens).has_value());
}

void ChatControllerTest::refusesAChatWithoutRoom() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  controller.openModel(desk.writeModel(2048));
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(2)));
  QTRY_STATE(controller, State::Ready);
  controller.ask(QString::fromUtf8(ReadingDesk::prose(100)));
  QTRY_STATE(controller, State::Ready);
  const Notice* notice = noticeOf(controller, Notice::Kind::Answer);
  QVERIFY(notice != nullptr);
  QVERIFY(notice->facts.contains(u"2,048"_s));
  QCOMPARE(controller.messages()->path().last().state, MessageState::Failed);
  const NoticeWay* way = wayOf(notice, NoticeAction::NewChat);
  QVERIFY(way != nullptr);
  controller.perform(notice->id, way->action, way->argument);
  QVERIFY(controller.notices().isEmpty());
  controller.ask(u"Short?"_s);
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(controller.messages()->path().last().state, MessageState::Complete);
}

void ChatControllerTest::theComposerSaysWhyNot() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  const auto placeholder = [&] { return controller.composer().placeholder; };
  QVERIFY(!controller.composer().enabled);
  QCOMPARE(placeholder(), u"Open a document to ask about it"_s);
  controller.ask(u"Anybody?"_s);
  QCOMPARE(controller.messages()->rowCount(), 0);
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(3)));
  QCOMPARE(controller.state(), State::Importing);
  QTRY_STATE(controller, State::NoModel);
  QVERIFY(controller.document() != nullptr);  // it can be looked at
  QCOMPARE(placeholder(), u"Choose a model to ask questions"_s);
  desk.settings->set(Setting::ReadAutomatically, false);
  controller.openModel(desk.writeModel());
  QCOMPARE(placeholder(), u"The model is being loaded"_s);
  QTRY_STATE(controller, State::AwaitingRead);
  QCOMPARE(placeholder(), u"Choose what to read first"_s);
  QVERIFY(controller.reading().canResume);
  controller.resumeReading();
  QTRY_STATE(controller, State::Ready);
  QCOMPARE(placeholder(), u"Ask about the whole book"_s);
}

void ChatControllerTest::neverWaitsForTheEngine() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  QElapsedTimer sinceTick;
  qint64 waited = waitedForProcessorMs();
  qint64 longest = 0;
  QTimer ticker;
  connect(&ticker, &QTimer::timeout, this, [&] {
    const qint64 waitedNow = waitedForProcessorMs();
    longest = std::max(longest, sinceTick.restart() - (waitedNow - waited));
    waited = waitedNow;
  });
  sinceTick.start();
  ticker.start(5);
  desk.settings->set(Setting::MaxAnswerTokens, 300);
  controller.openModel(desk.writeModel(60000));
  controller.open(desk.write(u"a.txt"_s, ReadingDesk::prose(100)));
  QTRY_STATE(controller, State::Ready);
  controller.ask(u"What?"_s);
  QTRY_STATE(controller, State::Ready);
  // The promise is 100 ms on a machine of its own; sanitizers and slow disks take some more.
  // Reading takes seconds here: a call into the engine or the helper in this thread would show.
  QVERIFY2(longest < 500, qPrintable(QString::number(longest)));
}

QTEST_GUILESS_MAIN(ChatControllerTest)
#include "chat_controller_test.moc"
