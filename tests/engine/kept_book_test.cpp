// SPDX-License-Identifier: Apache-2.0
// A book that is kept on disk: answers after a restart are those without one, whatever was
// interrupted, and what is of another model or text is refused.
#include "tests/engine/kept_book_fixture.h"

#include <QTest>

#include <algorithm>
#include <fstream>
#include <vector>

using namespace bookwheel;

namespace {

void addPlacesAndCaches() {
  QTest::addColumn<bool>("inFile");
  QTest::addColumn<CacheOptions>("cache");
  for (const bool inFile : {false, true}) {
    const char* const place = inFile ? "file" : "memory";
    QTest::addRow("%s, exact", place) << inFile << CacheOptions{};
    QTest::addRow("%s, K2V2", place) << inFile << lowBit(2, 2);
    QTest::addRow("%s, K1V1", place) << inFile << lowBit(1, 1);
  }
}

CapacityPlace placeOf(bool inFile) { return inFile ? CapacityPlace::File : CapacityPlace::Memory; }

}  // namespace

class KeptBookTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void answersAfterARestartAreThoseWithout_data() { addPlacesAndCaches(); }
  void answersAfterARestartAreThoseWithout() {
    QFETCH(bool, inFile);
    QFETCH(CacheOptions, cache);
    const KeptBookFixture book(placeOf(inFile), cache, 3);
    {
      const auto session = book.open();
      const BookRestore none = book.openBook(*session);
      QCOMPARE(none.documentTokens, kDocumentTokens);
      QCOMPARE(none.tokensRestored, 0);
      QCOMPARE(none.notice, std::string());
      session->read(theDocument(), {}, {});
      QCOMPARE(session->keptTokens(), kDocumentTokens);
      QVERIFY(book.answer(*session) == book.expected);  // keeping changes nothing
    }
    for (int restart = 0; restart < 2; ++restart) {  // also behind an answer
      const auto session = book.open();
      double share = 0;
      const BookRestore restore =
          session->openBook(book.folder(), theDocument(), KeptBookUse::Continue,
                            [&](double done) { share = done; }, {});
      QCOMPARE(restore.tokensRestored, kDocumentTokens);
      QCOMPARE(restore.notice, std::string());
      QCOMPARE(share, 1.0);
      QVERIFY(std::ranges::equal(session->cachedTokens(), theDocument()));
      QCOMPARE(session->keptTokens(), kDocumentTokens);
      const Answer answer = session->answer(thePrompt(), greedy(kAnswerTokens), {}, {}, {});
      QCOMPARE(answer.promptTokensFromCache, kDocumentTokens);
      QVERIFY(answer.tokens == book.expected);
      QCOMPARE(session->keptProblem(), std::string());
    }
  }

  void readingGoesOnWhereItStopped_data() {
    QTest::addColumn<bool>("inFile");
    QTest::addColumn<int>("chunks");
    for (const bool inFile : {false, true}) {
      for (int chunks = 0; chunks <= 10; ++chunks) {  // of 128 tokens; 1400 are 11 of them
        QTest::addRow("%s, %d chunks", inFile ? "file" : "memory", chunks) << inFile << chunks;
      }
    }
  }
  void readingGoesOnWhereItStopped() {
    QFETCH(bool, inFile);
    QFETCH(int, chunks);
    const KeptBookFixture book(placeOf(inFile), lowBit(2, 2));
    {
      const auto session = book.open();
      book.openBook(*session);
      std::stop_source stop;
      int done = 0;
      if (chunks == 0) {
        stop.request_stop();
      }
      session->read(
          theDocument(),
          [&](const PrefillStats&) {
            if (++done == chunks) {
              stop.request_stop();
            }
          },
          stop.get_token());
      QCOMPARE(session->keptTokens(), 128 * chunks);
    }
    const auto session = book.open();
    QCOMPARE(book.openBook(*session).tokensRestored, 128 * chunks);
    const ReadResult read = session->read(theDocument(), {}, {});
    QCOMPARE(read.tokensFromCache, 128 * chunks);
    QVERIFY(book.answer(*session) == book.expected);
  }

  // Chunks that end inside a segment: what is restored ends where a chunk does.
  void chunksNeedNotFitSegments() {
    for (const CapacityPlace place : {CapacityPlace::Memory, CapacityPlace::File}) {
      KeptBookFixture book(place, lowBit(2, 2));
      book.options().chunkTokens = 100;
      std::vector<TokenId> expected;
      {
        const auto session = book.open();
        session->read(theDocument(), {}, {});
        expected = book.answer(*session);
      }
      book.keep(600);
      const auto session = book.open();
      QCOMPARE(book.openBook(*session).tokensRestored, 600);
      // As a kill leaves it: the last whole segment.
      session->closeBook();
      std::filesystem::resize_file(book.file("rows"), 512 * 2 * 2 * 128);
      const BookRestore cut = book.openBook(*session);
      QCOMPARE(cut.tokensRestored, 500);
      QVERIFY(!cut.notice.empty());
      session->read(theDocument(), {}, {});
      QCOMPARE(session->keptTokens(), kDocumentTokens);
      QVERIFY(book.answer(*session) == expected);
      const auto again = book.open();
      session->closeBook();
      const BookRestore whole = book.openBook(*again);
      QCOMPARE(whole.tokensRestored, kDocumentTokens);
      QCOMPARE(whole.notice, std::string());
      QVERIFY(book.answer(*again) == expected);
    }
  }

  // A part of the book that ends inside a chunk is not kept beyond that chunk: a reading of the
  // whole computes those rows together with what follows.
  void onlyWholeChunksOfAPartAreKept() {
    for (const CapacityPlace place : {CapacityPlace::Memory, CapacityPlace::File}) {
      const KeptBookFixture book(place, lowBit(2, 2));
      book.keep(700);
      const auto session = book.open();
      QCOMPARE(book.openBook(*session).tokensRestored, 640);
      // The logits of the book's own last token are wanted.
      const std::vector<TokenId> expected =
          book.open()->answer(theDocument(), greedy(20), {}, {}, {}).tokens;
      for (int round = 0; round < 2; ++round) {
        QVERIFY(session->answer(theDocument(), greedy(20), {}, {}, {}).tokens == expected);
        QCOMPARE(session->keptTokens(), kDocumentTokens);
      }
      QVERIFY(book.answer(*session) == book.expected);
    }
  }

  // An answer that goes on as the book does was computed another way, and is not part of it.
  void anAnswerIsNeverTakenForTheBook() {
    for (const CapacityPlace place : {CapacityPlace::Memory, CapacityPlace::File}) {
      const KeptBookFixture book(place, lowBit(1, 1));
      // A document whose tokens 128 on are what the model answers to its first 128.
      std::vector<TokenId> document = theDocument();
      document.resize(128);
      {
        const auto session = book.open();
        const Answer answer = session->answer(document, greedy(200), {}, {}, {});
        document.insert(document.end(), answer.tokens.begin(), answer.tokens.end());
      }
      const auto rowsAsRead = book.open();
      rowsAsRead->read(document, {}, {});
      const std::vector<TokenId> expected =
          rowsAsRead->answer(document, greedy(20), {}, {}, {}).tokens;

      const auto session = book.open();
      session->openBook(book.folder(), document, KeptBookUse::Continue, {}, {});
      session->read(std::span(document).first(128), {}, {});
      session->answer(std::span(document).first(128), greedy(150), {}, {}, {});
      QVERIFY(session->cachedTokens().size() > 250);
      QVERIFY(session->keptTokens() <= 128);
      QVERIFY(session->read(document, {}, {}).tokensFromCache <= 128);
      QVERIFY(session->answer(document, greedy(20), {}, {}, {}).tokens == expected);
    }
  }

  void otherSequencesHarmNothing_data() { addPlacesAndCaches(); }
  void otherSequencesHarmNothing() {
    QFETCH(bool, inFile);
    QFETCH(CacheOptions, cache);
    const KeptBookFixture book(placeOf(inFile), cache);
    book.keep();
    const auto session = book.open();
    book.openBook(*session);
    // Another text, a shorter part of this one, scores, nothing, numbers of nowhere.
    session->answer(someTokens(700, kVocabulary, 77), greedy(70), {}, {}, {});
    QVERIFY(book.answer(*session) == book.expected);
    const std::vector<TokenId> document = theDocument();
    session->answer(std::span(document).first(900), greedy(200), {}, {}, {});
    QVERIFY(book.answer(*session) == book.expected);
    session->clear();
    session->read(theDocument(), {}, {});
    QVERIFY(book.answer(*session) == book.expected);
    session->fillSynthetic(600, 5);
    session->closeBook();
    QCOMPARE(session->keptTokens(), 0);
    const BookRestore restore = book.openBook(*session);
    QCOMPARE(restore.notice, std::string());
    session->read(theDocument(), {}, {});
    QVERIFY(book.answer(*session) == book.expected);
  }

  void booksAreSwitched_data() { addPlacesAndCaches(); }
  void booksAreSwitched() {
    QFETCH(bool, inFile);
    QFETCH(CacheOptions, cache);
    const KeptBookFixture book(placeOf(inFile), cache);
    const std::vector<TokenId> second = someTokens(1100, kVocabulary, 31);
    const auto session = book.open();
    const auto openSecond = [&] {
      return session
          ->openBook(book.folder().parent_path() / "two", second, KeptBookUse::Continue, {}, {})
          .tokensRestored;
    };
    QCOMPARE(openSecond(), 0);
    session->read(second, {}, {});
    const std::vector<TokenId> of2 = session->answer(second, greedy(20), {}, {}, {}).tokens;
    for (int round = 0; round < 3; ++round) {
      QCOMPARE(book.openBook(*session).tokensRestored, round == 0 ? 0 : kDocumentTokens);
      session->read(theDocument(), {}, {});
      QVERIFY(book.answer(*session) == book.expected);
      // The book that is open already: what is at hand stays.
      QCOMPARE(book.openBook(*session).tokensRestored, kDocumentTokens);
      QVERIFY(session->cachedTokens().size() > kDocumentTokens);
      session->setCache(lowBit(4, 4));
      QCOMPARE(openSecond(), 1100);
      session->setCache(cache);
      QVERIFY(session->answer(second, greedy(20), {}, {}, {}).tokens == of2);
    }
    session->closeBook();
    QVERIFY(inFile == session->cachedTokens().empty());
    QVERIFY(book.answer(*session) == book.expected);
  }

  // ---- What is not the same book ------------------------------------------------------------

  void whatDiffersIsRefusedAndStays_data() {
    QTest::addColumn<bool>("inFile");
    QTest::newRow("memory") << false;
    QTest::newRow("file") << true;
  }
  void whatDiffersIsRefusedAndStays() {
    QFETCH(bool, inFile);
    const KeptBookFixture book(placeOf(inFile));
    book.keep();
    const auto refusal = [&](Session& session, const std::vector<TokenId>& document) {
      session.read(std::vector<TokenId>(100, 7), {}, {});
      const CaughtError error = caughtError(
          [&] { session.openBook(book.folder(), document, KeptBookUse::Continue, {}, {}); });
      // Nothing has changed.
      QTest::qVerify(session.cachedTokens().size() == 100, "", "", __FILE__, __LINE__);
      QTest::qVerify(error.happened && error.code == ErrorCode::KeptBookDiffers, "", "", __FILE__,
                     __LINE__);
      return QString::fromStdString(error.message);
    };
    // The same model but for one number of its metadata.
    TinyModelOptions other;
    other.seed = 2;
    const TinyModelFile changed(other);
    QVERIFY(refusal(*changed.open(book.options()), theDocument())
                .startsWith("The model file changed since this book was read"));
    SessionOptions extended = book.options();
    extended.extension = RopeScalingKind::Linear;
    extended.extensionFactor = 2;
    QVERIFY(refusal(*book.model().open(extended), theDocument()).contains("extended context"));
    std::vector<TokenId> text = theDocument();
    text[1399] = text[1399] == 5 ? 6 : 5;
    const auto session = book.open();
    QVERIFY(refusal(*session, text).startsWith("The text of this book"));
    text.resize(1399);
    QVERIFY(refusal(*session, text).contains("1,400 tokens were kept and it has 1,399 now"));
    // Another version of the index.
    IndexHeader header;
    header.version = kIndexVersion + 1;
    const IndexPage page = encode(header);
    std::filesystem::copy_file(book.file("index"), book.folder().parent_path() / "index.before");
    writePage(book.file("index"), page);
    QVERIFY(refusal(*session, theDocument()).contains("another version of Bookwheel"));
    QVERIFY(!keptBookFacts(book.folder()));
    std::filesystem::copy_file(book.folder().parent_path() / "index.before", book.file("index"),
                               std::filesystem::copy_options::overwrite_existing);
    // None of this did the book any harm.
    QCOMPARE(book.openBook(*session).tokensRestored, kDocumentTokens);
    QVERIFY(book.answer(*session) == book.expected);

    // ReadAnew takes its place.
    QCOMPARE(session->openBook(book.folder(), text, KeptBookUse::ReadAnew, {}, {}).tokensRestored,
             0);
    session->read(text, {}, {});
    session->closeBook();
    QCOMPARE(keptBookFacts(book.folder())->documentTokens, 1399);
    QCOMPARE(session->openBook(book.folder(), text, KeptBookUse::Continue, {}, {}).tokensRestored,
             1399);
  }

  void aBookIsOpenInOnePlace() {
    const KeptBookFixture book;
    book.keep();
    const auto first = book.open();
    book.openBook(*first);
    const auto second = book.open();
    second->read(theDocument(), {}, {});
    const CaughtError error = caughtError([&] { book.openBook(*second); });
    QVERIFY(error.happened && error.code == ErrorCode::FileIo);
    QVERIFY(error.message.find("in use by another program") != std::string::npos);
    QVERIFY(book.answer(*second) == book.expected);  // unkept, as before the call
    QCOMPARE(second->keptTokens(), 0);
    QVERIFY(caughtError([&] { removeKeptBook(book.folder()); }).happened);
    first->closeBook();
    QCOMPARE(book.openBook(*second).tokensRestored, kDocumentTokens);
  }

  void aFolderThatCannotBeUsed() {
    const KeptBookFixture book;
    const auto session = book.open();
    session->read(theDocument(), {}, {});
    for (const char* const folder : {"/proc/none/book", "/dev/null/book"}) {
      const CaughtError error = caughtError(
          [&] { session->openBook(folder, theDocument(), KeptBookUse::Continue, {}, {}); });
      QVERIFY(error.happened && error.code == ErrorCode::FileIo);
    }
    std::filesystem::create_directories(book.file("index"));
    QVERIFY(caughtError([&] { book.openBook(*session); }).happened);
    std::vector<TokenId> longer = theDocument();
    longer.resize(5000);
    QVERIFY(caughtError([&] {
              session->openBook(book.folder(), longer, KeptBookUse::Continue, {}, {});
            }).code == ErrorCode::DoesNotFit);
    QVERIFY(book.answer(*session) == book.expected);
  }

  void aStopLeavesTheBookAlone() {
    for (const CapacityPlace place : {CapacityPlace::Memory, CapacityPlace::File}) {
      const KeptBookFixture book(place);
      book.keep();
      const auto session = book.open();
      std::stop_source stop;
      stop.request_stop();
      const BookRestore restore = session->openBook(book.folder(), theDocument(),
                                                    KeptBookUse::Continue, {}, stop.get_token());
      QCOMPARE(restore.tokensRestored, 0);
      QVERIFY(session->cachedTokens().empty());
      QCOMPARE(book.openBook(*session).tokensRestored, kDocumentTokens);
      QVERIFY(book.answer(*session) == book.expected);
    }
  }

  // ---- The folder from outside --------------------------------------------------------------

  void factsAndRemoval() {
    const KeptBookFixture book;
    QVERIFY(!keptBookFacts(book.folder()));
    QCOMPARE(keptBookBytes(book.folder()), 0);
    removeKeptBook(book.folder());  // nothing there is no error
    book.keep(640);
    const std::optional<KeptBookFacts> part = keptBookFacts(book.folder());
    QVERIFY(part);
    QCOMPARE(part->documentTokens, kDocumentTokens);
    QCOMPARE(part->keptTokens, 640);
    // By hand: two segments of 2 layers of 2 heads of 512 rows of 128 bytes, and four pages.
    QVERIFY(part->bytes >= 2 * 262'144 + 4 * 4096);
    QVERIFY(part->bytes <= 2 * 262'144 + 4 * 4096 + 65'536);  // what a file system rounds up to
    QCOMPARE(keptBookBytes(book.folder()), part->bytes);
    std::ofstream(book.file("note")) << "of somebody else";
    removeKeptBook(book.folder());
    QVERIFY(!keptBookFacts(book.folder()));
    QVERIFY(std::filesystem::exists(book.file("note")));
    std::filesystem::remove(book.file("note"));
    removeKeptBook(book.folder());
    QVERIFY(!std::filesystem::exists(book.folder()));
    book.keep();
    QCOMPARE(keptBookFacts(book.folder())->keptTokens, kDocumentTokens);
  }

 private:
  static void writePage(const std::filesystem::path& path, const IndexPage& page) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.write(reinterpret_cast<const char*>(page.data()), kIndexPage);
  }
};

QTEST_APPLESS_MAIN(KeptBookTest)
#include "kept_book_test.moc"
