// SPDX-License-Identifier: Apache-2.0
// A book that is kept on disk: answers after a restart are those without one, whatever was
// interrupted, and what is of another model or text is refused.
#include "tests/engine/kept_book_fixture.h"

#include <QTest>

#include <fstream>

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
    const KeptBookFixture book(placeOf(inFile), cache);
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
};

QTEST_APPLESS_MAIN(KeptBookTest)
#include "kept_book_test.moc"
