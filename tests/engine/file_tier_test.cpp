// SPDX-License-Identifier: Apache-2.0
// FileTier: whatever is appended, settled, forgotten and asked for, its rows are those of the tier
// in memory; and answers from a file are those from memory to the last bit.
#include "engine/cache/file_tier.h"

#include "engine/cache/capacity_tier.h"
#include "engine/cache/planner.h"
#include "tests/engine/engine_fixtures.h"

#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <random>

using namespace bookwheel;

namespace {

constexpr KvShape kShape{2, 3, 32};

std::uint16_t* rowOf(const kernels::KvRows& rows, int head, std::int64_t row) {
  return rows.data + head * rows.headStride + row * rows.tokenStride;
}

/// Numbers that only this appending of this token has.
void writeRow(std::uint16_t* row, int layer, int head, std::int64_t token, int round) {
  for (int i = 0; i < 2 * kShape.headDim; ++i) {
    row[i] = static_cast<std::uint16_t>(layer * 131 + head * 977 + token * 7919 + round * 31 + i);
  }
}

bool sameRows(const kernels::KvRows& a, std::int64_t rowA, const kernels::KvRows& b,
              std::int64_t rowB, std::int64_t count) {
  for (int head = 0; head < kShape.kvHeads; ++head) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (!std::equal(rowOf(a, head, rowA + i), rowOf(a, head, rowA + i) + 2 * kShape.headDim,
                      rowOf(b, head, rowB + i))) {
        return false;
      }
    }
  }
  return true;
}

CacheOptions corrected(int pairs, Predictor predictor) {
  CacheOptions options;
  options.policy = CachePolicy::Corrected;
  options.pairs = pairs;
  options.predictor = predictor;
  return options;
}

}  // namespace

class FileTierTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void holdsWhatMemoryHolds_data() {
    QTest::addColumn<int>("seed");
    for (int seed = 1; seed <= 8; ++seed) {
      QTest::addRow("seed %d", seed) << seed;
    }
  }
  void holdsWhatMemoryHolds() {
    QFETCH(int, seed);
    const QTemporaryDir folder;
    constexpr std::int64_t kMost = 3000;
    constexpr std::int64_t kChunk = 100;
    FileTier file(folder.path().toStdString(), kShape, kMost, kChunk);
    CapacityTier memory(kShape, kMost);
    std::mt19937 random(static_cast<unsigned>(seed));
    const auto upTo = [&](std::int64_t most) {
      return static_cast<std::int64_t>(random() % static_cast<unsigned long>(most + 1));
    };
    std::int64_t sinks = 0;
    std::int64_t residual = 0;
    for (int round = 0; round < 120; ++round) {
      const std::int64_t tokens = memory.tokens();
      const std::int64_t count = std::min(upTo(kChunk), kMost - tokens);
      const bool wholeLayers = random() % 2 == 0;
      file.reserve(count);
      memory.reserve(count);
      for (int layer = 0; layer < kShape.layers; ++layer) {
        const kernels::KvRows rows = wholeLayers ? file.openLayer(layer) : file.newestRows(layer);
        const std::int64_t first = wholeLayers ? tokens : tokens - file.firstNewest();
        QVERIFY(!wholeLayers || sameRows(rows, 0, memory.rows(layer), 0, tokens));
        for (int head = 0; head < kShape.kvHeads; ++head) {
          for (std::int64_t i = 0; i < count; ++i) {
            writeRow(rowOf(rows, head, first + i), layer, head, tokens + i, round);
            writeRow(rowOf(memory.rows(layer), head, tokens + i), layer, head, tokens + i, round);
          }
        }
        if (wholeLayers) {
          file.closeLayer(layer);
        }
      }
      file.commit(count);
      memory.commit(count);
      const std::int64_t copied = std::max<std::int64_t>(memory.tokens() - residual, 0) / 64 * 64;
      file.settle(copied);
      switch (random() % 6) {
        case 0: {
          const std::int64_t kept = upTo(memory.tokens());
          file.truncate(kept);
          memory.truncate(kept);
          break;
        }
        case 1:
          sinks = upTo(70);
          residual = upTo(200);
          file.keep(sinks, residual);
          break;
        case 2:
          file.closeLayers();
          break;
        default:
          break;
      }
      QCOMPARE(file.tokens(), memory.tokens());
      QCOMPARE(file.bytes(), memory.bytes());
      const std::int64_t newest = std::max<std::int64_t>(memory.tokens() - residual, 0) / 64 * 64;
      QVERIFY(file.firstNewest() <= newest);
      for (int layer = 0; layer < kShape.layers; ++layer) {
        QVERIFY(sameRows(file.newestRows(layer), 0, memory.rows(layer), file.firstNewest(),
                         memory.tokens() - file.firstNewest()));
        QVERIFY(sameRows(file.firstRows(layer), 0, memory.rows(layer), 0,
                         std::min(sinks, file.firstNewest())));
      }
    }
  }

  void answersAreThoseFromMemory_data() {
    QTest::addColumn<CacheOptions>("cache");
    QTest::newRow("exact") << CacheOptions{};
    QTest::newRow("sticky") << corrected(48, Predictor::Sticky);
    QTest::newRow("row") << corrected(48, Predictor::Row);
    QTest::newRow("both") << corrected(48, Predictor::Both);
    QTest::newRow("copy only") << corrected(0, Predictor::Sticky);
    QTest::newRow("the paper's") << paperCacheOptions(2, 2);
  }
  void answersAreThoseFromMemory() {
    QFETCH(CacheOptions, cache);
    const TinyModelFile model;
    const QTemporaryDir folder;
    SessionOptions options;
    options.chunkTokens = 64;
    options.cache = cache;
    const auto memory = model.open(options);
    options.capacity = CapacityPlace::File;
    options.capacityFolder = folder.path().toStdString();
    const auto file = model.open(options);
    const auto ids = someTokens(700, memory->shape().vocabulary);
    const auto answers = [&](Session& session) {
      std::vector<TokenId> all;
      const auto add = [&](std::span<const TokenId> prompt, int count) {
        const Answer answer = session.answer(prompt, greedy(count), {}, {}, {});
        all.insert(all.end(), answer.tokens.begin(), answer.tokens.end());
      };
      add(std::span(ids).first(600), 90);
      add(std::span(ids).first(610), 40);  // back, then on
      add(std::span(ids).first(150), 20);  // far back
      add(ids, 40);
      CacheOptions other = corrected(16, Predictor::Sticky);
      other.keyBits = other.valueBits = 1;
      other.residualTokens = 200;
      session.setCache(other);
      add(ids, 40);
      session.setCache(cache);
      add(ids, 40);
      return all;
    };
    QVERIFY(answers(*file) == answers(*memory));
    // Nothing of the file is to be seen.
    QVERIFY(QDir(folder.path()).isEmpty());
  }

  void longAnswersSettleOverTheExactCacheToo() {
    const TinyModelFile model;
    const QTemporaryDir folder;
    SessionOptions options;
    options.chunkTokens = 32;
    const auto memory = model.open(options);
    options.capacity = CapacityPlace::File;
    options.capacityFolder = folder.path().toStdString();
    const auto file = model.open(options);
    const auto ids = someTokens(50, memory->shape().vocabulary);
    // Six times what is kept in memory.
    QVERIFY(file->answer(ids, greedy(600), {}, {}, {}).tokens ==
            memory->answer(ids, greedy(600), {}, {}, {}).tokens);
  }

  void planAndSessionAgree() {
    const TinyModelFile model;
    const QTemporaryDir folder;
    SessionOptions options;
    options.threads = 2;
    options.chunkTokens = 64;
    options.cache = corrected(32, Predictor::Sticky);
    options.capacity = CapacityPlace::File;
    options.capacityFolder = folder.path().toStdString();
    const auto session = model.open(options);
    session->read(someTokens(900, session->shape().vocabulary), {}, {});
    PlanRequest request;
    request.tokens = 900;
    request.weightsBytes = session->memory().weightsBytes;
    request.availableBytes = std::int64_t{1} << 40;
    request.chunkTokens = 64;
    request.threads = 2;
    request.cache = options.cache;
    request.capacity = CapacityPlace::File;
    const MemoryPlan plan = planMemory(session->shape(), request);
    const MemoryUse use = session->memory();
    QCOMPARE(plan.kvMemoryBytes, use.kvBytes);
    QCOMPARE(plan.copyBytes, use.copyBytes);
    QCOMPARE(plan.workspaceBytes, use.workspaceBytes);
    QCOMPARE(plan.totalBytes,
             use.kvBytes + use.copyBytes + use.workspaceBytes + use.weightsBytes + plan.layerBytes);
  }
};

QTEST_APPLESS_MAIN(FileTierTest)
#include "file_tier_test.moc"
