// SPDX-License-Identifier: Apache-2.0
// LowBitDecode: the corrected step and the paper's against attention in plain loops over the same
// copy, and what must not depend on how a state was reached.
#include "engine/run/low_bit_decode.h"

#include "engine/backend/cpu_backend.h"
#include "engine/cache/planner.h"
#include "engine/error.h"
#include "engine/run/decode.h"
#include "engine/run/prefill.h"
#include "kernels/cpu_lowbit.h"
#include "tests/engine/engine_fixtures.h"
#include "tests/support/reference.h"

#include <QTest>

#include <algorithm>
#include <cmath>

using namespace bookwheel;

namespace {

CacheOptions corrected(int keyBits, int valueBits, int pairs) {
  CacheOptions options;
  options.policy = CachePolicy::Corrected;
  options.keyBits = keyBits;
  options.valueBits = valueBits;
  options.pairs = pairs;
  options.residualTokens = 64;
  return options;
}

TokenId best(std::span<const float> logits) {
  return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

float largestDifference(std::span<const float> a, std::span<const float> b) {
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

/// A model, its tiers and both ways to decode.
class Tiers {
 public:
  explicit Tiers(const CacheOptions& options, const TinyModelOptions& model = {},
                 ActivationRounding rounding = ActivationRounding::None)
      : m_file(model),
        m_gguf(m_file.parse()),
        shape(readShape(m_gguf)),
        backend(2, rounding),
        m_model(loadModel(m_gguf, shape, backend, {})),
        cache(kvShape(shape), shape.contextTokens),
        forward(backend, m_model, 64, shape.contextTokens),
        m_readingTime(shape),
        m_prefill(backend, forward, cache, shape, m_readingTime),
        exact(backend, forward, cache, shape),
        copy(backend, kvShape(shape), options, shape.contextTokens),
        decode(backend, forward, cache, copy, shape, options) {}

  void read(std::span<const TokenId> ids) { m_prefill.run(ids, Prefill::Logits::None, {}, {}, {}); }

 private:
  const TinyModelFile m_file;
  const Gguf m_gguf;

 public:
  const ModelShape shape;
  CpuBackend backend;

 private:
  const LoadedModel m_model;

 public:
  CapacityTier cache;
  Forward forward;

 private:
  ReadingTime m_readingTime;
  Prefill m_prefill;

 public:
  Decode exact;
  LowBitCopy copy;
  LowBitDecode decode;
};

/// Keys and values of every token of one (layer, KV head): those of the copy where it has them,
/// else the 16-bit ones.
struct PlainRows {
  std::vector<double> keys;    // (n, d)
  std::vector<double> values;  // (n, d)
};

PlainRows plainRows(Tiers& tiers, int layer, int kvHead, std::int64_t tokens, int sinks,
                    std::span<const std::uint32_t> exactPairs) {
  const int d = tiers.shape.headDim;
  const kernels::KvRows kv = tiers.cache.rows(layer);
  PlainRows rows;
  std::vector<float> keys(static_cast<std::size_t>(kernels::kLowBitBlock * d));
  std::vector<float> values(keys.size());
  for (std::int64_t token = 0; token < tokens; ++token) {
    const std::int64_t place = token % kernels::kLowBitBlock;
    if (token < tiers.copy.tokens() && place == 0) {
      kernels::dequantizeBlock({tiers.copy.layer(layer), kvHead, token / kernels::kLowBitBlock,
                                keys.data(), values.data()});
    }
    const bool inCopy = token < tiers.copy.tokens() && token >= sinks &&
                        !std::binary_search(exactPairs.begin(), exactPairs.end(),
                                            static_cast<std::uint32_t>(token));
    const std::uint16_t* const row = kv.data + kvHead * kv.headStride + token * kv.tokenStride;
    for (int i = 0; i < d; ++i) {
      const auto at = static_cast<std::size_t>(place * d + i);
      rows.keys.push_back(inCopy ? static_cast<double>(keys[at]) : reference::fromHalf(row[i]));
      rows.values.push_back(inCopy ? static_cast<double>(values[at])
                                   : reference::fromHalf(row[d + i]));
    }
  }
  return rows;
}

/// softmax(q K^T / sqrt d) V of one head.
void attendPlainly(const PlainRows& rows, const float* query, int d, float* out) {
  const std::size_t tokens = rows.keys.size() / static_cast<std::size_t>(d);
  std::vector<double> weights(tokens);
  for (std::size_t token = 0; token < tokens; ++token) {
    double score = 0;
    for (int i = 0; i < d; ++i) {
      score += static_cast<double>(query[i]) *
               rows.keys[token * static_cast<std::size_t>(d) + static_cast<std::size_t>(i)];
    }
    weights[token] = score / std::sqrt(static_cast<double>(d));
  }
  const double largest = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (double& weight : weights) {
    weight = std::exp(weight - largest);
    sum += weight;
  }
  for (int i = 0; i < d; ++i) {
    double value = 0;
    for (std::size_t token = 0; token < tokens; ++token) {
      value += weights[token] *
               rows.values[token * static_cast<std::size_t>(d) + static_cast<std::size_t>(i)];
    }
    out[i] = static_cast<float>(value / sum);
  }
}

using PairsOfHeads = std::vector<std::vector<std::uint32_t>>;  // (L Hkv)

PairsOfHeads usedPairs(const Tiers& tiers) {
  PairsOfHeads pairs;
  for (int layer = 0; layer < tiers.shape.layers; ++layer) {
    for (int head = 0; head < tiers.shape.kvHeads; ++head) {
      const std::span<const std::uint32_t> used = tiers.decode.usedPairs(layer, head);
      pairs.emplace_back(used.begin(), used.end());
    }
  }
  return pairs;
}

/// The logits after `token` at `position`, whose row the cache may hold already: the step with
/// these pairs in plain loops.
std::vector<float> plainStep(Tiers& tiers, std::int64_t position, TokenId token, int sinks,
                             const PairsOfHeads& pairs) {
  const ModelShape& shape = tiers.shape;
  const int d = shape.headDim;
  const int group = shape.heads / shape.kvHeads;
  tiers.forward.run({&token, 1}, position, 1, [&](const LayerRows& rows) {
    tiers.backend.appendKv({tiers.cache.rows(rows.layer), rows.keys, rows.values,
                            std::int64_t{shape.kvHeads} * d, position},
                           1);
    for (int kvHead = 0; kvHead < shape.kvHeads; ++kvHead) {
      const PlainRows plain =
          plainRows(tiers, rows.layer, kvHead, position + 1, sinks,
                    pairs[static_cast<std::size_t>(rows.layer * shape.kvHeads + kvHead)]);
      for (int head = kvHead * group; head < (kvHead + 1) * group; ++head) {
        attendPlainly(plain, rows.queries + head * d, d, rows.out + head * d);
      }
    }
    return true;
  });
  const std::span<const float> logits = tiers.forward.lastLogits();
  return {logits.begin(), logits.end()};
}

}  // namespace

class LowBitDecodeTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void everyStepIsTheReference_data() {
    QTest::addColumn<CacheOptions>("options");
    QTest::addColumn<int>("headDim");
    for (const int headDim : {32, 64}) {
      const std::string size = " d " + std::to_string(headDim);
      QTest::newRow(("copy only, K2V2" + size).c_str()) << corrected(2, 2, 0) << headDim;
      QTest::newRow(("copy only, K1V1" + size).c_str()) << corrected(1, 1, 0) << headDim;
      QTest::newRow(("K2V2, k 16" + size).c_str()) << corrected(2, 2, 16) << headDim;
      QTest::newRow(("K1V2, k 40" + size).c_str()) << corrected(1, 2, 40) << headDim;
      QTest::newRow(("K4V4, k 16" + size).c_str()) << corrected(4, 4, 16) << headDim;
      CacheOptions small = corrected(2, 1, 16);
      small.group = 32;
      small.sinkTokens = 0;
      small.metadata = QuantizerMetadata::Bits16;
      QTest::newRow(("K2V1, g 32, no sinks" + size).c_str()) << small << headDim;
      CacheOptions row = corrected(2, 2, 16);
      row.predictor = Predictor::Row;
      QTest::newRow(("with a speculative row" + size).c_str()) << row << headDim;
      QTest::newRow(("the paper's step" + size).c_str()) << paperCacheOptions(2, 2) << headDim;
    }
  }
  void everyStepIsTheReference() {
    QFETCH(CacheOptions, options);
    QFETCH(int, headDim);
    TinyModelOptions model;
    model.headDim = headDim;
    Tiers tiers(options, model);
    const auto ids = someTokens(420, tiers.shape.vocabulary);
    tiers.read(std::span(ids).first(400));
    float largest = 0;
    float range = 0;
    for (std::size_t i = 400; i < ids.size(); ++i) {
      const auto position = static_cast<std::int64_t>(i);
      const std::span<const float> found = tiers.decode.step(ids[i]);
      const std::vector<float> step(found.begin(), found.end());
      const std::vector<float> plain =
          plainStep(tiers, position, ids[i], options.sinkTokens, usedPairs(tiers));
      largest = std::max(largest, largestDifference(step, plain));
      range = std::max(range, *std::max_element(plain.begin(), plain.end()));
      // The reference has written the same row again, from its own attention in the layers before.
    }
    qInfo("largest difference of a logit %.4f, largest logit %.2f", static_cast<double>(largest),
          static_cast<double>(range));
    // The kernels round the query (times the key scales) and the weights to 8 bits: 1.4 % of a
    // layer's output at most (kernels/README.md).
    QVERIFY2(largest < 0.03f * range, qPrintable(QString::number(static_cast<double>(largest))));
  }

  void allPairsAreTheExactCache() {
    CacheOptions options = corrected(2, 2, kAllPairs);
    Tiers tiers(options);
    Tiers exact(options);
    const auto prompt = someTokens(300, tiers.shape.vocabulary);
    tiers.read(prompt);
    exact.read(prompt);
    TokenId token = 7;
    float largest = 0;
    for (int step = 0; step < 500; ++step) {
      const std::span<const float> found = tiers.decode.step(token);
      const std::span<const float> expected = exact.exact.step(token);
      largest = std::max(largest, largestDifference(found, expected));
      QCOMPARE(best(found), best(expected));
      token = best(expected);
    }
    qInfo("largest difference of a logit over 500 steps %.2e", static_cast<double>(largest));
    // Both attend in float32 to the same 16-bit rows, in another order of additions.
    QVERIFY(largest < 1e-3f);
  }

  void moreExactPairsAreNearer() {
    const auto ids = someTokens(600, 400);
    const auto distance = [&](const CacheOptions& options) {
      Tiers tiers(options);
      Tiers exact(options);
      tiers.read(std::span(ids).first(560));
      exact.read(std::span(ids).first(560));
      double sum = 0;
      for (std::size_t i = 560; i < ids.size(); ++i) {
        const std::span<const float> found = tiers.decode.step(ids[i]);
        const std::span<const float> expected = exact.exact.step(ids[i]);
        sum += static_cast<double>(largestDifference(found, expected));
      }
      return sum;
    };
    const double copyOnly = distance(corrected(1, 1, 0));
    const double some = distance(corrected(1, 1, 64));
    const double most = distance(corrected(1, 1, 256));
    QVERIFY2(some < 0.9 * copyOnly && most < 0.9 * some,
             qPrintable(QString("%1 %2 %3").arg(copyOnly).arg(some).arg(most)));
    QVERIFY(distance(corrected(4, 4, 0)) < distance(corrected(2, 2, 0)));
    QVERIFY(distance(corrected(2, 2, 0)) < copyOnly);
  }

  void predictorsNeverChangeABit() {
    const auto ids = someTokens(500, 400);
    std::vector<std::vector<float>> expected;
    for (const Predictor predictor : {Predictor::Sticky, Predictor::Row, Predictor::Both}) {
      CacheOptions options = corrected(2, 2, 32);
      options.predictor = predictor;
      Tiers tiers(options, {}, ActivationRounding::Int8);
      tiers.read(std::span(ids).first(400));
      std::vector<std::vector<float>> found;
      for (std::size_t i = 400; i < ids.size(); ++i) {
        const std::span<const float> logits = tiers.decode.step(ids[i]);
        found.emplace_back(logits.begin(), logits.end());
      }
      if (expected.empty()) {
        expected = found;
      }
      QVERIFY(found == expected);
    }
  }

  void theStateFollowsFromTheTokensAlone() {
    const CacheOptions options = corrected(2, 2, 32);
    const auto ids = someTokens(480, 400);
    Tiers straight(options);
    straight.read(std::span(ids).first(470));
    Tiers around(options);
    around.read(std::span(ids).first(300));
    for (std::size_t i = 300; i < 400; ++i) {
      around.decode.step(ids[(i * 7) % 300]);  // other tokens, taken back below
    }
    around.copy.truncate(300);
    around.decode.restart();
    around.cache.truncate(300);
    around.read(std::span(ids).subspan(300, 170));
    for (std::size_t i = 470; i < ids.size(); ++i) {
      const std::span<const float> a = straight.decode.step(ids[i]);
      const std::vector<float> expected(a.begin(), a.end());
      const std::span<const float> b = around.decode.step(ids[i]);
      QVERIFY(std::ranges::equal(b, expected));
    }
  }

  void thePaperUsesWhatTheSpeculativeRowChose() {
    CacheOptions options = paperCacheOptions(2, 2);
    options.residualTokens = 64;
    options.pairs = 24;
    Tiers tiers(options);
    const auto ids = someTokens(420, tiers.shape.vocabulary);
    tiers.read(std::span(ids).first(400));
    // Pre-decode: over the copy alone.
    tiers.decode.step(ids[400]);
    for (const auto& pairs : usedPairs(tiers)) {
      QVERIFY(pairs.empty());
    }
    QCOMPARE(tiers.decode.stats().guesses, 0);
    PairStats sum;
    for (std::size_t i = 401; i < ids.size(); ++i) {
      tiers.decode.step(ids[i]);
      const PairStats& stats = tiers.decode.stats();
      QCOMPARE(stats.guesses, 1);
      QCOMPARE(stats.wanted, std::int64_t{24} * tiers.shape.layers * tiers.shape.kvHeads);
      sum.wanted += stats.wanted;
      sum.resident += stats.resident;
      // Hits are the wanted pairs among those in use: counted here once more.
      for (const auto& pairs : usedPairs(tiers)) {
        QCOMPARE(pairs.size(), std::size_t{24});
        QVERIFY(std::ranges::is_sorted(pairs));
        QVERIFY(pairs.back() < tiers.copy.tokens());
      }
    }
    QVERIFY(sum.resident > 0 && sum.resident < sum.wanted);
  }

  void stickyHitsAreTheSharedPairs() {
    CacheOptions options = corrected(2, 2, 24);
    Tiers tiers(options);
    const auto ids = someTokens(420, tiers.shape.vocabulary);
    tiers.read(std::span(ids).first(400));
    PairsOfHeads before(static_cast<std::size_t>(tiers.shape.layers * tiers.shape.kvHeads));
    for (std::size_t i = 400; i < ids.size(); ++i) {
      tiers.decode.step(ids[i]);
      const PairsOfHeads now = usedPairs(tiers);
      std::int64_t shared = 0;
      for (std::size_t head = 0; head < now.size(); ++head) {
        std::vector<std::uint32_t> both;
        std::ranges::set_intersection(now[head], before[head], std::back_inserter(both));
        shared += std::ssize(both);
      }
      QCOMPARE(tiers.decode.stats().resident, shared);
      QCOMPARE(tiers.decode.stats().wanted, 24 * std::ssize(now));
      // A pair is K and V of one head in 16 bits.
      QCOMPARE(tiers.decode.stats().fetchedBytes,
               (24 * std::ssize(now) - shared) * std::max(2 * tiers.shape.headDim * 2, 128));
      before = now;
    }
  }

  void shortCachesAreExact() {
    Tiers tiers(corrected(1, 1, 8));
    Tiers exact(corrected(1, 1, 8));
    for (int position = 0; position < 128; ++position) {
      const TokenId token = position % 300;
      const std::span<const float> found = tiers.decode.step(token);
      QVERIFY(std::ranges::equal(found, exact.exact.step(token)));
    }
    // 128 tokens: the first block is older than the newest 64.
    tiers.decode.step(5);
    QCOMPARE(tiers.copy.blocks(), 1);
  }

  void saysWhatIsPossible_data() {
    QTest::addColumn<CacheOptions>("options");
    QTest::addColumn<QString>("part");
    CacheOptions bits = corrected(3, 2, 16);
    QTest::newRow("bits") << bits << "keys can have 1, 2 or 4 bits, not 3";
    CacheOptions group = corrected(2, 2, 16);
    group.group = 48;
    QTest::newRow("group") << group << "32 or 64 numbers, not 48";
    CacheOptions pairs = corrected(2, 2, -1);
    QTest::newRow("pairs") << pairs << "must be 0 or more, not -1";
    CacheOptions sinks = corrected(2, 2, 16);
    sinks.sinkTokens = -4;
    QTest::newRow("sinks") << sinks << "must be 0 or more, not -4";
  }
  void saysWhatIsPossible() {
    QFETCH(CacheOptions, options);
    QFETCH(QString, part);
    try {
      const Tiers tiers(options);
      QFAIL("accepted");
    } catch (const Error& error) {
      QVERIFY(error.code() == ErrorCode::InvalidRequest);
      QVERIFY2(QString(error.what()).contains(part), error.what());
    }
  }

  void aHeadSizeWithoutACopyIsNamed() {
    TinyModelOptions model;
    model.headDim = 48;
    model.heads = 4;
    try {
      const Tiers tiers(corrected(2, 2, 16), model);
      QFAIL("accepted");
    } catch (const Error& error) {
      QVERIFY(error.code() == ErrorCode::UnsupportedModel);
      QVERIFY2(QString(error.what()).contains("48"), error.what());
    }
  }
};

QTEST_APPLESS_MAIN(LowBitDecodeTest)
#include "low_bit_decode_test.moc"
