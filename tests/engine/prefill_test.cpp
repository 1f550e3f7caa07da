// SPDX-License-Identifier: Apache-2.0
// Reading: progress once a chunk, and stopping within one chunk without leaving half of one behind.
#include "engine/run/session.h"
#include "tests/engine/engine_fixtures.h"

#include <QTest>

#include <thread>

using namespace bookwheel;

namespace {

SessionOptions chunksOf(int tokens) {
  SessionOptions options;
  options.chunkTokens = tokens;
  return options;
}

}  // namespace

class PrefillTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void progressOnceAChunk() {
    const TinyModelFile file;
    const auto session = file.open(chunksOf(64));
    const auto ids = someTokens(600, session->shape().vocabulary);
    session->read(std::span(ids).first(100), {}, {});

    std::vector<PrefillStats> all;
    session->read(ids, [&](const PrefillStats& stats) { all.push_back(stats); }, {});
    QCOMPARE(all.size(), 8u);  // 500 tokens: seven chunks of 64 and one of 52
    double seconds = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::int64_t done = std::min<std::int64_t>(600, 100 + 64 * (static_cast<int>(i) + 1));
      QCOMPARE(all[i].tokensDone, done);
      QCOMPARE(all[i].tokensTotal, 600);
      QCOMPARE(all[i].tokensFromCache, 100);
      QCOMPARE(all[i].capacityBytes, session->kvBytes(done));
      QVERIFY(all[i].seconds > seconds);
      seconds = all[i].seconds;
      QVERIFY(all[i].tokensPerSecond > 0);
      QVERIFY(all[i].secondsLeft >= 0);
    }
    QCOMPARE(all.back().secondsLeft, 0.0);
    // Nothing left to do: no chunk, no progress.
    session->read(ids, [&](const PrefillStats&) { QFAIL("nothing was to be read"); }, {});
  }

  void stopFromProgressEndsBehindThatChunk() {
    const TinyModelFile file;
    const auto session = file.open(chunksOf(64));
    const auto ids = someTokens(1000, session->shape().vocabulary);
    std::stop_source stop;
    int chunks = 0;
    const ReadResult result = session->read(
        ids,
        [&](const PrefillStats&) {
          if (++chunks == 3) {
            stop.request_stop();
          }
        },
        stop.get_token());
    QVERIFY(!result.complete);
    QCOMPARE(chunks, 3);
    QCOMPARE(session->cachedTokens().size(), 192u);
    // Reading goes on where it stopped, and nothing shows that it did.
    const ReadResult rest = session->read(ids, {}, {});
    QVERIFY(rest.complete);
    QCOMPARE(rest.tokensFromCache, 192);
    const Answer answer = session->answer(ids, greedy(8), {}, {}, {});
    QCOMPARE(answer.tokens, file.open(chunksOf(64))->answer(ids, greedy(8), {}, {}, {}).tokens);
  }

  // From another thread at any moment: whole chunks stay, the one in flight leaves nothing.
  void stopFromAnotherThread() {
    const TinyModelFile file;
    const auto session = file.open(chunksOf(32));
    const auto ids = someTokens(2000, session->shape().vocabulary);
    for (int round = 0; round < 20; ++round) {
      session->clear();
      std::stop_source stop;
      std::jthread stopper([&, round] {
        for (int i = 0; i < round * 200; ++i) {
          std::this_thread::yield();
        }
        stop.request_stop();
      });
      const ReadResult result = session->read(ids, {}, stop.get_token());
      const auto held = static_cast<std::int64_t>(session->cachedTokens().size());
      QVERIFY(held % 32 == 0 || held == 2000);
      QCOMPARE(result.complete, held == 2000);
      QCOMPARE(session->memory().kvBytes, session->kvBytes(held));
    }
    QCOMPARE(session->answer(ids, greedy(4), {}, {}, {}).tokens,
             file.open(chunksOf(32))->answer(ids, greedy(4), {}, {}, {}).tokens);
  }

  void stoppedBeforeItBegan() {
    const TinyModelFile file;
    const auto session = file.open(chunksOf(32));
    std::stop_source stop;
    stop.request_stop();
    const ReadResult result =
        session->read(someTokens(100, session->shape().vocabulary), {}, stop.get_token());
    QVERIFY(!result.complete);
    QCOMPARE(session->cachedTokens().size(), 0u);
  }
};

QTEST_APPLESS_MAIN(PrefillTest)
#include "prefill_test.moc"
