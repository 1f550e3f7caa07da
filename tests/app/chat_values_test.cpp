// SPDX-License-Identifier: Apache-2.0
// The small parts of the chat: anchors, time estimates, answer facts, words, models of lists, the
// catalog.
#include "app/chat/answer_stats.h"
#include "app/chat/cache_stats_model.h"
#include "app/chat/chat_model.h"
#include "app/chat/reading_estimate.h"
#include "app/chat/token_anchors.h"
#include "app/library/chats_model.h"
#include "app/library/library_model.h"
#include "app/library/model_catalog.h"
#include "app/library/words.h"
#include "tests/support/tiny_model.h"

#include <QAbstractItemModelTester>
#include <QDir>
#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <memory>

using namespace bookwheel;
using namespace Qt::StringLiterals;

class ChatValuesTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { QLocale::setDefault(QLocale(QLocale::English, QLocale::UnitedStates)); }

  void anchorsOfAWholeText();
  void anchorsOfARange();
  void learnsHowLongReadingTakes();
  void doesNotLearnFromTooLittle();
  void guessesByTheSizeOfTheModel();
  void answerFactsSurviveJson();
  void saysWhatAnAnswerStandsOn_data();
  void saysWhatAnAnswerStandsOn();
  void writesNumbersForPeople();
  void cutsTitlesAtWords();
  void theChatModelStreams();
  void theShelfFilters();
  void theChatsModelFollows();
  void theStatsModelTellsAtMostFourTimesASecond();
  void theCatalogDescribesFiles();
};

namespace {

/// A prompt "<<abc de>>" with the document "abc de" at byte 2, as tokens "<<", "abc", " d", "e>",
/// ">".
TokenAnchors someAnchors(std::int64_t textBegin) {
  auto encoding = std::make_shared<Encoding>();
  encoding->ids = {1, 2, 3, 4, 5};
  encoding->ranges = {{0, 2}, {2, 5}, {5, 7}, {7, 9}, {9, 10}};
  return {encoding, 2, 6, textBegin};
}

BookRecord bookNamed(const QString& title) {
  BookRecord book;
  book.title = title;
  book.path = u"/books/"_s + title + u".pdf"_s;
  book.sha256 = QByteArray(32, 'x');
  book.pages = 12;
  return book;
}

}  // namespace

void ChatValuesTest::anchorsOfAWholeText() {
  const TokenAnchors anchors = someAnchors(0);
  QCOMPARE(anchors.tokens(), 5);
  QVERIFY(!anchors.bytes(0).has_value());
  QVERIFY(anchors.bytes(1) == std::make_pair(std::int64_t{0}, std::int64_t{3}));
  QVERIFY(anchors.bytes(3) == std::make_pair(std::int64_t{5}, std::int64_t{6}));  // without the ">"
  QVERIFY(!anchors.bytes(4).has_value());
  QCOMPARE(anchors.byteAfter(0), 0);
  QCOMPARE(anchors.byteAfter(1), 0);
  QCOMPARE(anchors.byteAfter(2), 3);
  QCOMPARE(anchors.byteAfter(5), 6);
  QCOMPARE(anchors.byteAfter(99), 6);
  QCOMPARE(anchors.tokensUpTo(0), 1);
  QCOMPARE(anchors.tokensUpTo(2), 1);
  QCOMPARE(anchors.tokensUpTo(3), 2);
  QCOMPARE(anchors.tokensUpTo(6), 3);
  QCOMPARE(TokenAnchors().byteAfter(3), 0);
  QCOMPARE(TokenAnchors().tokensUpTo(3), 0);
}

void ChatValuesTest::anchorsOfARange() {
  const TokenAnchors anchors = someAnchors(1000);
  QVERIFY(anchors.bytes(1) == std::make_pair(std::int64_t{1000}, std::int64_t{1003}));
  QCOMPARE(anchors.byteAfter(0), 1000);
  QCOMPARE(anchors.byteAfter(3), 1005);
  QCOMPARE(anchors.tokensUpTo(1003), 2);
}

void ChatValuesTest::learnsHowLongReadingTakes() {
  // A machine that really takes 0.002 n + 1e-6 n^2 seconds.
  const auto seconds = [](double n) { return 0.002 * n + 1e-6 * n * n; };
  SpeedMeter meter;
  for (std::int64_t done = 512; done <= 10240; done += 512) {
    PrefillStats stats{};
    stats.tokensDone = done;
    stats.tokensTotal = 10240;
    stats.seconds = seconds(static_cast<double>(done));
    meter.add(stats);
  }
  const auto speed = meter.result();
  QVERIFY(speed.has_value());
  // Two exact points of a curve with two parameters: exact but for rounding.
  QVERIFY(std::abs(speed->perToken - 0.002) < 1e-9);
  QVERIFY(std::abs(speed->perTokenSquared - 1e-6) < 1e-12);
  QVERIFY(std::abs(readingSeconds(*speed, 0, 40000) - seconds(40000)) < 1e-3);
  QVERIFY(std::abs(readingSeconds(*speed, 30000, 40000) - (seconds(40000) - seconds(30000))) <
          1e-3);
  QCOMPARE(readingSeconds(*speed, 40000, 40000), 0.0);
}

void ChatValuesTest::doesNotLearnFromTooLittle() {
  SpeedMeter meter;
  PrefillStats stats{};
  stats.tokensDone = stats.tokensTotal = SpeedMeter::kLeastTokens - 1;
  stats.seconds = 1;
  meter.add(stats);
  QVERIFY(!meter.result().has_value());
  stats.tokensDone = stats.tokensTotal = 10000;
  stats.tokensFromCache = 9000;  // it went on from the middle
  meter.add(stats);
  QVERIFY(!meter.result().has_value());
}

void ChatValuesTest::guessesByTheSizeOfTheModel() {
  // Qwen2.5 1.5B reads about 51 to 80 tokens/s on the two cores that were measured: the guess is
  // within 3 times.
  ModelShape shape;
  shape.layers = 28;
  shape.heads = 12;
  shape.kvHeads = 2;
  shape.headDim = 128;
  shape.embedding = 1536;
  shape.feedForward = 8960;
  const double rate = 1000 / readingSeconds(guessSpeed(shape, 2), 0, 1000);
  QVERIFY2(rate > 51.0 / 3 && rate < 80.0 * 3, qPrintable(QString::number(rate)));
}

void ChatValuesTest::answerFactsSurviveJson() {
  AnswerStats stats;
  stats.model = u"Qwen"_s;
  stats.pages = {3, 40};
  stats.bookPages = 312;
  stats.whileReading = true;
  stats.promptTokens = 5000000000;
  stats.answerTokens = 214;
  stats.firstTokenSeconds = 0.8;
  stats.tokensPerSecond = 20.1;
  stats.stopReason = u"end"_s;
  const AnswerStats back = AnswerStats::fromJson(stats.toJson());
  QCOMPARE(back.toJson(), stats.toJson());
  QCOMPARE(back.promptTokens, 5000000000);
  QCOMPARE(back.figures(), u"214 tokens, 20.1 tokens/s, first word after 0.8 s, Qwen"_s);
  QCOMPARE(AnswerStats::fromJson({}).standsOn(), QString());
}

void ChatValuesTest::saysWhatAnAnswerStandsOn_data() {
  QTest::addColumn<int>("first");
  QTest::addColumn<int>("last");
  QTest::addColumn<int>("pages");
  QTest::addColumn<bool>("whileReading");
  QTest::addColumn<QString>("words");
  QTest::newRow("whole") << 0 << 0 << 312 << false << "From the whole book, 312 pages";
  QTest::newRow("one page") << 0 << 0 << 1 << false << "From the whole text, 1 page";
  QTest::newRow("part") << 1 << 142 << 312 << true << "Read up to page 142 of 312 when answered";
  QTest::newRow("part of a range")
      << 20 << 142 << 1312 << true << "Read pages 20 to 142 of 1,312 when answered";
  QTest::newRow("range") << 3 << 40 << 312 << false << "From pages 3 to 40 of 312";
  QTest::newRow("a page") << 7 << 7 << 312 << false << "From page 7 of 312";
}

void ChatValuesTest::saysWhatAnAnswerStandsOn() {
  QFETCH(int, first);
  QFETCH(int, last);
  QFETCH(int, pages);
  QFETCH(bool, whileReading);
  QFETCH(QString, words);
  AnswerStats stats;
  stats.pages = {first, last};
  stats.bookPages = pages;
  stats.whileReading = whileReading;
  QCOMPARE(stats.standsOn(), words);
}

void ChatValuesTest::writesNumbersForPeople() {
  QCOMPARE(countText(131402), u"131,402"_s);
  QCOMPARE(bytesText(0), u"0 bytes"_s);
  QCOMPARE(bytesText(840 * 1024 * 1024), u"840 MB"_s);
  QCOMPARE(bytesText(qint64{7} * 1024 * 1024 * 1024 + 214748365), u"7.2 GB"_s);
  QCOMPARE(durationText(-1), QString());
  QCOMPARE(durationText(std::nan("")), QString());
  QCOMPARE(durationText(4), u"under 10 s"_s);
  QCOMPARE(durationText(37), u"about 40 s"_s);
  QCOMPARE(durationText(58), u"about 1 min"_s);
  QCOMPARE(durationText(4 * 60 + 20), u"about 4 min"_s);
  QCOMPARE(durationText(80 * 60), u"about 1 h 20 min"_s);
  QCOMPARE(measuredDurationText(0.61), u"0.6 s"_s);
  QCOMPARE(measuredDurationText(160), u"2 min 40 s"_s);
  QCOMPARE(speedText(0), QString());
  QCOMPARE(speedText(20.14), u"20.1 tokens/s"_s);
  QCOMPARE(speedText(642.4), u"642 tokens/s"_s);
  const QDateTime now(QDate(2026, 11, 24), QTime(14, 30));
  QCOMPARE(whenText(now.addSecs(-30), now), u"now"_s);
  QCOMPARE(whenText(now.addSecs(-12 * 60), now), u"12 min"_s);
  QCOMPARE(whenText(now.addSecs(-5 * 3600), now), u"09:30"_s);
  QCOMPARE(whenText(now.addDays(-1), now), u"Mon"_s);
  QCOMPARE(whenText(now.addDays(-21), now), u"3 Nov"_s);
  QCOMPARE(whenText(now.addYears(-1), now), u"24 Nov 2025"_s);
}

void ChatValuesTest::cutsTitlesAtWords() {
  QCOMPARE(titleFrom(u"  Who did it?\nAnd why?"_s), u"Who did it?"_s);
  const QString cut = titleFrom(u"word "_s.repeated(40), 23);
  QCOMPARE(cut, u"word word word word…"_s);
  const QString emoji = titleFrom(QString::fromUtf8("😀").repeated(40), 10);
  QVERIFY(!emoji.contains(QChar::ReplacementCharacter) && emoji.toUtf8().size() % 4 == 3);
  QVERIFY(QString::fromUtf8(emoji.toUtf8()) == emoji);  // no half of a pair
}

void ChatValuesTest::theChatModelStreams() {
  Library library(u":memory:"_s);
  ChatModel model(library);
  const QAbstractItemModelTester tester(&model,
                                        QAbstractItemModelTester::FailureReportingMode::QtTest);
  const ChatId chat = library.addChat(library.addBook(bookNamed(u"a"_s)), u"c"_s);
  MessageRecord question;
  question.chat = chat;
  question.text = u"Q"_s;
  question.id = library.addMessage(question);
  model.append(question);
  MessageRecord answer;
  answer.chat = chat;
  answer.parent = question.id;
  answer.role = MessageRole::Answer;
  answer.state = MessageState::Partial;
  answer.id = library.addMessage(answer);
  model.append(answer);
  QVERIFY(!model.index(1).data(ChatModel::StateWordsRole).toString().isEmpty());
  model.setStreaming(answer.id);
  QCOMPARE(model.index(1).data(ChatModel::StateWordsRole).toString(), QString());
  QVERIFY(!model.index(1).data(ChatModel::CanRetryRole).toBool());
  QSignalSpy changed(&model, &QAbstractItemModel::dataChanged);
  model.appendText(answer.id, u"one "_s);
  model.appendText(answer.id, u"two"_s);
  model.appendText(answer.id, QString());  // tokens that made no whole character
  model.appendText(999, u"of another chat"_s);
  QCOMPARE(changed.count(), 2);
  QCOMPARE(changed.first().at(0).toModelIndex().row(), 1);
  QCOMPARE(changed.first().at(2).value<QList<int>>(), QList<int>{ChatModel::TextRole});
  QCOMPARE(model.index(1).data().toString(), u"one two"_s);
  model.setStreaming(0);
  answer.text = u"one two."_s;
  answer.state = MessageState::Failed;
  model.update(answer);
  QCOMPARE(model.index(1).data(ChatModel::StateWordsRole).toString(), u"Broken off by an error."_s);
  model.show({});
  QCOMPARE(model.rowCount(), 0);
}

void ChatValuesTest::theShelfFilters() {
  Library library(u":memory:"_s);
  LibraryModel model(library);
  const QAbstractItemModelTester tester(&model,
                                        QAbstractItemModelTester::FailureReportingMode::QtTest);
  QVERIFY(model.summary().startsWith(u"No books yet"_s));
  const BookId flood = library.addBook(bookNamed(u"Harrow Valley Flood Defences"_s));
  library.addBook(bookNamed(u"Frankenstein"_s));
  QCOMPARE(model.rowCount(), 2);
  QCOMPARE(model.summary(), u"2 books"_s);
  model.setFilter(u"FLOOD harrow"_s);
  QCOMPARE(model.rowCount(), 1);
  QCOMPARE(model.summary(), u"1 of 2 books"_s);
  model.setFilter(u".pdf"_s);  // the file's name counts
  QCOMPARE(model.rowCount(), 2);
  model.setFilter({});
  QSignalSpy reset(&model, &QAbstractItemModel::modelReset);
  model.setCurrent(flood, {BookActivity::Glyph::Filling, 0.5, u"Reading, page 6 of 12"_s});
  const QModelIndex row = model.index(model.rowOf(flood));
  QCOMPARE(row.data(LibraryModel::WordsRole).toString(), u"Reading, page 6 of 12"_s);
  QCOMPARE(row.data(LibraryModel::ShareRole).toDouble(), 0.5);
  BookRecord renamed = *library.book(flood);
  renamed.title = u"Flood"_s;
  library.updateBook(renamed);
  QCOMPARE(row.data().toString(), u"Flood"_s);
  QCOMPARE(reset.count(), 0);  // a row that changes does not lose the selection
}

void ChatValuesTest::theChatsModelFollows() {
  Library library(u":memory:"_s);
  ChatsModel model(library);
  const QAbstractItemModelTester tester(&model,
                                        QAbstractItemModelTester::FailureReportingMode::QtTest);
  const BookId book = library.addBook(bookNamed(u"a"_s));
  const BookId other = library.addBook(bookNamed(u"b"_s));
  model.setBook(book);
  const ChatId chat = library.addChat(book, u"one"_s);
  library.addChat(other, u"elsewhere"_s);
  QCOMPARE(model.rowCount(), 1);
  model.setCurrent(chat);
  QVERIFY(model.index(0).data(ChatsModel::CurrentRole).toBool());
  QCOMPARE(model.index(0).data(ChatsModel::WhenRole).toString(), u"now"_s);
  library.removeChat(chat);
  QCOMPARE(model.rowCount(), 0);
  model.setBook(0);
  QCOMPARE(model.rowCount(), 0);
}

void ChatValuesTest::theStatsModelTellsAtMostFourTimesASecond() {
  CacheStatsModel model;
  EngineFigures engine;
  engine.memory = {1 << 30, 2 << 20, 1 << 20};
  engine.fast.tokens = 4096;
  model.setEngine(engine);
  model.setStage(CacheStatsModel::Stage::Answering);
  QSignalSpy told(&model, &CacheStatsModel::figuresChanged);
  // The first token of an answer comes from reading: it is no step, whatever it took.
  model.addStep({0, 9e6, 2 << 20});
  QVERIFY(model.answerSpeeds().isEmpty());
  StepStats step{1, 50000.0, 2 << 20};
  step.times = {30000.0, 15000.0};
  for (int token = 0; token < 1000; ++token) {
    step.position = token;
    model.addStep(step);
  }
  QCOMPARE(model.answerSpeeds().size(), CacheStatsModel::kHistory);
  QVERIFY(std::abs(model.tokensPerSecond() - 20.0) < 1e-6);
  QCOMPARE(model.speedTextNow(), u"20.0 tokens/s"_s);
  QCOMPARE(model.headline(), u"Reading the weights is the limit: 30 of 50 ms a step."_s);
  QCOMPARE(model.memoryParts().size(), 3);
  QCOMPARE(model.usedBytes(), (1 << 30) + (2 << 20) + (1 << 20));
  QCOMPARE(model.hitRate(), -1.0);
  QCOMPARE(model.ratioText(), QString());
  // Over a low-bit copy, store in a file: what came before says nothing of it.
  engine.memory = {1 << 30, 3 << 18, 1 << 20, 1 << 18, 1 << 16, 1 << 19};
  engine.cache.policy = CachePolicy::Corrected;
  engine.capacity = CapacityPlace::File;
  engine.fast.copyBytes = 1 << 18;
  engine.fast.metadataBytes = 1 << 16;
  engine.fast.compressionRatio = 8;
  model.setEngine(engine);
  QCOMPARE(model.measuredSteps(), 0);
  step.pairs.wanted = 8;
  step.pairs.resident = 2;
  step.pairs.hiddenUs = 3000;
  step.pairs.exposedUs = 1000;
  step.pairs.fetchedBytes = 4096;
  step.pairs.guesses = 1;
  step.layers.entries = 2;
  step.layers.rate = {0.5f, 0.0f};
  model.addStep(step);
  QCOMPARE(model.hitRate(), 0.25);
  QCOMPARE(model.hitRateText(), u"25%"_s);
  QCOMPARE(model.layerHitRates(), (QList<double>{0.5, 0.0}));
  QCOMPARE(model.layersSentence(), u"Hit rate by layer: lowest layer 1, 0 percent."_s);
  QCOMPARE(model.guessedRight(), 0.0);
  QCOMPARE(model.means().cacheUs, 14000.0);
  QCOMPARE(model.means().hiddenBytes(), 3072.0);
  QCOMPARE(model.means().otherUs(), 5000.0);
  const QList<MemoryPart> parts = model.memoryParts();
  QCOMPARE(parts.size(), 6);
  QCOMPARE(parts.at(1).bytes, (1 << 18) - (1 << 16));
  QCOMPARE(parts.at(2).bytes, 1 << 16);
  QCOMPARE(parts.at(3).bytes, 1 << 18);
  QCOMPARE(parts.at(4).bytes, 1 << 19);
  std::int64_t sum = 0;
  for (const MemoryPart& part : parts) {
    sum += part.bytes;
  }
  QCOMPARE(sum, model.usedBytes());
  QCOMPARE(model.ratioText(), u"8.0×"_s);
  PrefillStats stats{};
  stats.tokensDone = 999;
  stats.tokensTotal = 1000;
  model.setStage(CacheStatsModel::Stage::Reading);
  model.addPrefill(stats);
  QCOMPARE(model.shareText(), u"99% of the book read"_s);
  model.clearBook();
  QCOMPARE(model.shareText(), QString());
}

void ChatValuesTest::theCatalogDescribesFiles() {
  const QTemporaryDir folder;
  TinyModelOptions small;
  small.contextTokens = 1000;
  tinyModel(small).write(folder.filePath(u"small.gguf"_s).toStdString());
  TinyModelOptions large;
  large.layers = 4;
  large.contextTokens = 50000;
  tinyModel(large).write(folder.filePath(u"large.gguf"_s).toStdString());
  QFile bad(folder.filePath(u"bad.gguf"_s));
  QVERIFY(bad.open(QIODevice::WriteOnly) && bad.write("GGUF") == 4);
  bad.close();
  QFile other(folder.filePath(u"notes.txt"_s));
  QVERIFY(other.open(QIODevice::WriteOnly));

  Settings settings{QString()};
  ModelCatalog catalog(folder.path(), settings);
  const QAbstractItemModelTester tester(&catalog,
                                        QAbstractItemModelTester::FailureReportingMode::QtTest);
  QSignalSpy scanned(&catalog, &ModelCatalog::scanned);
  catalog.rescan();
  QVERIFY(catalog.scanning());
  QTRY_COMPARE(scanned.count(), 1);
  QCOMPARE(catalog.rowCount(), 3);
  QCOMPARE(catalog.entries().at(0).path, folder.filePath(u"small.gguf"_s));
  QCOMPARE(catalog.entries().at(1).path, folder.filePath(u"large.gguf"_s));
  QVERIFY(!catalog.entries().at(2).usable());
  QVERIFY(catalog.index(2).data(ModelCatalog::DetailRole).toString().contains(u"bad.gguf"_s));
  QVERIFY(
      catalog.index(0).data(ModelCatalog::DetailRole).toString().contains(u"Reads 1,000 tokens"_s));
  QCOMPARE(catalog.entries().at(0).weights, u"Q8_0"_s);
  // layers 2 x heads 2 x dims 32 x keys and values x 2 bytes
  QCOMPARE(catalog.entries().at(0).kvBytesPerToken, 2 * 2 * 32 * 2 * 2);
  QCOMPARE(catalog.suggested(), folder.filePath(u"large.gguf"_s));

  catalog.setDocumentTokens(1500);
  QCOMPARE(catalog.index(0).data(ModelCatalog::FitsRole).toString(),
           u"about 500 tokens too long"_s);
  QCOMPARE(catalog.index(1).data(ModelCatalog::FitsRole).toString(), u"fits whole"_s);
  QCOMPARE(catalog.thatFit(1500).size(), 1);
  catalog.setCurrent(folder.filePath(u"small.gguf"_s));
  QCOMPARE(catalog.index(0).data(ModelCatalog::FitsRole).toString(), u"500 tokens too long"_s);
  // 2^50 bytes of keys and values: no computer has them.
  ModelEntry huge = catalog.entries().at(1);
  huge.contextTokens = huge.kvBytesPerToken = std::int64_t{1} << 25;
  QCOMPARE(catalog.fit(huge, std::int64_t{1} << 25).kind, FitVerdict::Kind::TooLittleMemory);

  // A file outside the folder is remembered; one that is gone is not listed.
  const QTemporaryDir elsewhere;
  tinyModel(small).write(elsewhere.filePath(u"far.gguf"_s).toStdString());
  catalog.addFile(elsewhere.filePath(u"far.gguf"_s));
  QTRY_COMPARE(scanned.count(), 2);
  QCOMPARE(catalog.rowCount(), 4);
  QVERIFY(QFile::remove(elsewhere.filePath(u"far.gguf"_s)));
  catalog.rescan();
  QTRY_COMPARE(scanned.count(), 3);
  QCOMPARE(catalog.rowCount(), 3);
}

QTEST_GUILESS_MAIN(ChatValuesTest)
#include "chat_values_test.moc"
