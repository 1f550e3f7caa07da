// SPDX-License-Identifier: Apache-2.0
// Session with a low-bit copy: changing it while a document is loaded, scoring through the decoding
// step, and the figures it reports.
#include "engine/cache/planner.h"
#include "engine/error.h"
#include "tests/engine/engine_fixtures.h"

#include <QTest>

#include <cmath>

using namespace bookwheel;

namespace {

CacheOptions corrected(int keyBits, int valueBits, int pairs) {
  CacheOptions options;
  options.policy = CachePolicy::Corrected;
  options.keyBits = keyBits;
  options.valueBits = valueBits;
  options.pairs = pairs;
  return options;
}

std::vector<std::vector<float>> decoded(Session& session, std::span<const TokenId> ids,
                                        std::int64_t from) {
  std::vector<std::vector<float>> rows;
  session.scoreDecoding(
      ids, from,
      [&](std::int64_t position, std::span<const float> logits, const StepStats& stats) {
        QCOMPARE(position, from + std::ssize(rows));
        QCOMPARE(stats.position, position);
        rows.emplace_back(logits.begin(), logits.end());
      },
      {});
  return rows;
}

}  // namespace

class SessionCacheTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void decodingScoresAreTheScores() {
    const TinyModelFile file;
    const auto session = file.open();
    const auto ids = someTokens(300, session->shape().vocabulary);
    const auto steps = decoded(*session, ids, 250);
    const auto all = scoreAll(*session, ids);
    QCOMPARE(steps.size(), std::size_t{50});
    for (std::size_t i = 0; i < steps.size(); ++i) {
      for (std::size_t id = 0; id < steps[i].size(); ++id) {
        // Rows of a chunk and single rows add in another order.
        QVERIFY(std::abs(steps[i][id] - all[250 + i][id]) < 2e-2f);
      }
    }
  }

  void stepsInFloatDifferByTheCacheAlone() {
    const TinyModelFile file;
    SessionOptions options;
    options.activations = Activations::Float32Decoding;
    const auto session = file.open(options);
    const auto ids = someTokens(400, session->shape().vocabulary);
    const auto exact = decoded(*session, ids, 380);
    session->setCache(corrected(2, 2, kAllPairs));
    const auto all = decoded(*session, ids, 380);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      for (std::size_t id = 0; id < exact[i].size(); ++id) {
        // The same 16-bit rows, added up in another order; activations rounded to 8 bits would turn
        // that into differences of 1e-2.
        QVERIFY(std::abs(all[i][id] - exact[i][id]) < 1e-4f);
      }
    }
    // Reading stays in 8 bits: the cache is the one of an ordinary session.
    const auto ordinary = file.open();
    ordinary->read(std::span(ids).first(380), {}, {});
    session->setCache({});
    session->read(std::span(ids).first(380), {}, {});
    QVERIFY(session->answer(std::span(ids).first(380), greedy(1), {}, {}, {}).tokens ==
            ordinary->answer(std::span(ids).first(380), greedy(1), {}, {}, {}).tokens);
  }

  void nothingIsReadAgain() {
    const TinyModelFile file;
    const auto session = file.open();
    const auto ids = someTokens(400, session->shape().vocabulary);
    const auto first = decoded(*session, ids, 380);
    session->setCache(corrected(2, 2, 32));
    QCOMPARE(session->cachedTokens().size(), ids.size());
    const auto prefix = std::span<const TokenId>(ids).first(380);
    QCOMPARE(session->read(prefix, {}, {}).tokensFromCache, 380);
    const auto copied = decoded(*session, ids, 380);
    QVERIFY(copied != first);
    session->setCache({});
    QVERIFY(decoded(*session, ids, 380) == first);
  }

  void otherBitsAndBackChangeNothing() {
    const TinyModelFile file;
    SessionOptions options;
    options.cache = corrected(2, 2, 32);
    const auto session = file.open(options);
    const auto ids = someTokens(500, session->shape().vocabulary);
    const auto before = session->answer(ids, greedy(40), {}, {}, {}).tokens;
    session->read(ids, {}, {});
    session->setCache(corrected(1, 1, 64));
    QVERIFY(session->cacheOptions() == corrected(1, 1, 64));
    session->answer(ids, greedy(40), {}, {}, {});
    session->read(ids, {}, {});
    session->setCache(corrected(2, 2, 32));
    QVERIFY(session->answer(ids, greedy(40), {}, {}, {}).tokens == before);
  }

  void aRefusedChangeChangesNothing() {
    const TinyModelFile file;
    const auto session = file.open();
    const auto ids = someTokens(300, session->shape().vocabulary);
    session->setCache(corrected(2, 2, 32));
    session->read(ids, {}, {});
    QVERIFY_THROWS_EXCEPTION(Error, session->setCache(corrected(3, 2, 32)));
    QVERIFY(session->cacheOptions() == corrected(2, 2, 32));
    QCOMPARE(session->read(ids, {}, {}).tokensFromCache, 300);
    QCOMPARE(session->answer(ids, greedy(5), {}, {}, {}).tokens.size(), std::size_t{5});
  }

  void scoringBeginsBehindAToken() {
    const TinyModelFile file;
    const auto session = file.open();
    const auto ids = someTokens(10, session->shape().vocabulary);
    QVERIFY_THROWS_EXCEPTION(Error, decoded(*session, ids, 0));
    QVERIFY_THROWS_EXCEPTION(Error, decoded(*session, ids, 11));
    QVERIFY(decoded(*session, ids, 10).empty());
  }

  void planAndSessionAgree_data() {
    QTest::addColumn<CacheOptions>("cache");
    QTest::newRow("K2V2") << corrected(2, 2, 32);
    QTest::newRow("K1V1, all pairs") << corrected(1, 1, kAllPairs);
    QTest::newRow("the paper's") << paperCacheOptions(2, 2);
  }
  void planAndSessionAgree() {
    QFETCH(CacheOptions, cache);
    const TinyModelFile file;
    SessionOptions options;
    options.threads = 3;
    options.chunkTokens = 40;
    options.cache = cache;
    const auto session = file.open(options);
    session->read(someTokens(500, session->shape().vocabulary), {}, {});
    PlanRequest request;
    request.tokens = 500;
    request.weightsBytes = session->memory().weightsBytes;
    request.availableBytes = std::int64_t{1} << 40;
    request.chunkTokens = 40;
    request.threads = 3;
    request.cache = cache;
    const MemoryPlan plan = planMemory(session->shape(), request);
    const MemoryUse use = session->memory();
    QCOMPARE(plan.kvBytes, use.kvBytes);
    QCOMPARE(plan.copyBytes, use.copyBytes);
    QCOMPARE(plan.workspaceBytes, use.workspaceBytes);
    QCOMPARE(plan.fastTier.copyBytes, use.copyBytes);
    QCOMPARE(plan.fastTier.bytes(), session->fastTier().bytes());
  }

  void stepsReportPairsAndBytes() {
    const TinyModelFile file;
    SessionOptions options;
    options.cache = corrected(2, 2, 32);
    const auto session = file.open(options);
    const auto ids = someTokens(500, session->shape().vocabulary);
    int steps = 0;
    session->answer(ids, greedy(30), {},
                    [&](TokenId, std::string_view, const StepStats& stats) {
                      if (stats.decodeUs == 0) {
            return;  // the rest of a character that the last token left incomplete
          }
          // The first token comes from reading the question, which attends exactly.
                      const bool decodedStep = steps > 0;
                      QCOMPARE(stats.pairs.wanted, decodedStep ? 32 * 2 * 2 : 0);
                      QCOMPARE(stats.position, 499 + steps);
                      QVERIFY(stats.fastBytes > 0 && stats.fastBytes < stats.capacityBytes);
                      ++steps;
                    },
                    {});
    QCOMPARE(steps, 30);
  }
};

QTEST_APPLESS_MAIN(SessionCacheTest)
#include "session_cache_test.moc"
