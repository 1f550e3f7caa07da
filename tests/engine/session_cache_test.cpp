// SPDX-License-Identifier: Apache-2.0
// Session with a low-bit copy: changing it while a document is loaded, scoring through the decoding
// step, and the figures it reports.
#include "engine/cache/planner.h"
#include "engine/error.h"
#include "tests/engine/engine_fixtures.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <utility>

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

  void changesWhileAnAnswerStreams_data() {
    QTest::addColumn<bool>("inFile");
    QTest::newRow("16-bit store in memory") << false;
    QTest::newRow("16-bit store in a file") << true;
  }
  /// Each token must be the one that the cache of that moment gives over the same tokens.
  void changesWhileAnAnswerStreams() {
    QFETCH(bool, inFile);
    constexpr std::int64_t kPrompt = 500;
    constexpr std::int64_t kFirstChange = 12;
    constexpr std::int64_t kSecondChange = 25;
    constexpr std::int64_t kTokens = 40;
    const CacheOptions k2v2 = corrected(2, 2, 8);
    const CacheOptions k1v1 = corrected(1, 1, 16);
    const TinyModelFile file;
    SessionOptions options;
    options.cache = k2v2;
    options.capacity = inFile ? CapacityPlace::File : CapacityPlace::Memory;
    const auto session = file.open(options);
    std::vector<TokenId> ids = someTokens(kPrompt, session->shape().vocabulary);
    std::int64_t told = 0;
    const auto streamed = session->answer(ids, greedy(kTokens), {},
                                          [&](TokenId, std::string_view, const StepStats& stats) {
                                            if (stats.decodeUs == 0) {
                                              return;  // the rest of a character
                                            }
                                            ++told;
                                            if (told == kFirstChange) {
                                              QVERIFY(session->setCache(k1v1));
                                            } else if (told == kSecondChange) {
                                              QVERIFY(session->setCache(k2v2));
                                            }
                                          },
                                          {});
    QCOMPARE(std::ssize(streamed.tokens), kTokens);
    QVERIFY(session->cacheOptions() == k2v2);
    ids.insert(ids.end(), streamed.tokens.begin(), streamed.tokens.end());

    // The cache still holds the rows that were written then: those of the answer's steps too.
    const auto check = [&](const CacheOptions& cache, std::int64_t from, std::int64_t to) {
      session->setCache(cache);
      const auto rows = decoded(*session, std::span(ids).first(static_cast<std::size_t>(to)), from);
      QCOMPARE(std::ssize(rows), to - from);
      for (std::int64_t i = 0; i < to - from; ++i) {
        const auto& row = rows[static_cast<std::size_t>(i)];
        const auto best = static_cast<TokenId>(std::ranges::max_element(row) - row.begin());
        QCOMPARE(best, ids[static_cast<std::size_t>(from + i + 1)]);
      }
    };
    // Token i of the answer comes from the step that was fed token i - 1. In this order: a step
    // over another cache would leave other rows behind.
    check(k2v2, kPrompt, kPrompt + kFirstChange - 1);
    check(k1v1, kPrompt + kFirstChange - 1, kPrompt + kSecondChange - 1);
    check(k2v2, kPrompt + kSecondChange - 1, kPrompt + kTokens - 1);
  }

  void changesBetweenTwoChunksOfAReading() {
    const TinyModelFile file;
    SessionOptions options;
    options.chunkTokens = 64;
    options.cache = corrected(2, 2, 32);
    const auto session = file.open(options);
    const auto ids = someTokens(600, session->shape().vocabulary);
    int chunks = 0;
    session->read(ids,
                  [&](const PrefillStats&) {
                    if (++chunks == 4) {
                      session->setCache(corrected(1, 1, 32));
                    }
                  },
                  {});
    QCOMPARE(session->cachedTokens().size(), ids.size());
    SessionOptions other = options;
    other.cache = corrected(1, 1, 32);
    const auto straight = file.open(other);
    straight->read(ids, {}, {});
    QCOMPARE(session->memory().copyBytes, straight->memory().copyBytes);
    QVERIFY(session->answer(ids, greedy(20), {}, {}, {}).tokens ==
            straight->answer(ids, greedy(20), {}, {}, {}).tokens);
  }

  void aStoppedChangeChangesNothing() {
    const TinyModelFile file;
    SessionOptions options;
    options.cache = corrected(2, 2, 32);
    const auto session = file.open(options);
    const auto ids = someTokens(500, session->shape().vocabulary);
    const auto before = session->answer(ids, greedy(20), {}, {}, {}).tokens;
    std::stop_source stop;
    std::vector<double> shares;
    QVERIFY(!session->setCache(
        corrected(1, 1, 64),
        [&](double share) {
          shares.push_back(share);
          stop.request_stop();
        },
        stop.get_token()));
    QCOMPARE(shares, std::vector<double>{0.5});  // the first of two layers
    QVERIFY(session->cacheOptions() == corrected(2, 2, 32));
    QVERIFY(session->answer(ids, greedy(20), {}, {}, {}).tokens == before);
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
    QCOMPARE(plan.fastTier.metadataBytes, use.metadataBytes);
    QVERIFY(use.metadataBytes > 0 && use.metadataBytes < use.copyBytes);
    QCOMPARE(plan.totalBytes, use.totalBytes());
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
                      QCOMPARE(stats.layers.entries, decodedStep ? 2 : 0);
                      if (decodedStep) {
                        // Both layers want the same number of pairs.
                        const double mean = (stats.layers.rate[0] + stats.layers.rate[1]) / 2;
                        QVERIFY(std::abs(mean - stats.pairs.hitRate()) < 1e-6);
                        QVERIFY(stats.times.weightsUs > 0 && stats.times.cacheUs > 0);
                        QVERIFY(stats.times.weightsUs + stats.times.cacheUs <= stats.decodeUs);
                      } else {
                        QCOMPARE(stats.times.weightsUs, 0.0);
                      }
                      ++steps;
                    },
                    {});
    QCOMPARE(steps, 30);
    // The last step of this answer is no figure of the next one's first token.
    bool first = true;
    session->answer(ids, greedy(2), {},
                    [&](TokenId, std::string_view, const StepStats& stats) {
                      QCOMPARE(stats.pairs.wanted == 0, std::exchange(first, false));
                    },
                    {});
  }
};

QTEST_APPLESS_MAIN(SessionCacheTest)
#include "session_cache_test.moc"
