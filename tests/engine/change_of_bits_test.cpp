// SPDX-License-Identifier: Apache-2.0
// Other bits while a long text is loaded, with a real model: fast, and back is where it was.
#include "tests/engine/engine_fixtures.h"
#include "tests/engine/real_models.h"

#include <QElapsedTimer>
#include <QTest>

using namespace bookwheel;

namespace {

constexpr int kTokens = 32768;
// The goal for both changes together. Measured on two idle cores: 0.5 s; the rest is for busy ones.
constexpr qint64 kMostMilliseconds = 3000;

CacheOptions corrected(int bits, int pairs) {
  CacheOptions options;
  options.policy = CachePolicy::Corrected;
  options.keyBits = options.valueBits = bits;
  options.pairs = pairs;
  return options;
}

}  // namespace

class ChangeOfBitsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void otherBitsAndBack_data() {
    QTest::addColumn<bool>("reads");
    QTest::newRow("seeded numbers") << false;
    // Reading takes four minutes on two idle cores; Qt ends a test after five.
    if (qEnvironmentVariableIsSet("BOOKWHEEL_LONG")) {
      QTest::newRow("the novel") << true;
    }
  }
  void otherBitsAndBack() {
    QFETCH(bool, reads);
    if (!std::filesystem::exists(realModelFile("smollm2-135m"))) {
      QSKIP("scripts/get-model smollm2-135m brings the model");
    }
    SessionOptions options;
    options.model = realModelFile("smollm2-135m");
    options.extension = RopeScalingKind::Yarn;
    options.extensionFactor = 5;  // of 8,192 tokens
    options.cache = corrected(2, 256);
    const auto session = Session::open(options);
    std::vector<TokenId> ids(kTokens, 0);
    if (reads) {
      ids = bookTokens(*session, kTokens);
      QCOMPARE(std::ssize(ids), kTokens);
      session->read(ids, {}, {});
    } else {
      session->fillSynthetic(kTokens, 1);
    }
    const std::vector<TokenId> question = bookTokens(*session, 100);
    ids.insert(ids.end(), question.begin(), question.end());

    // The question is read; from now on only its last token is computed anew for each answer,
    // alone.
    session->answer(ids, greedy(1), {}, {}, {});
    const Answer before = session->answer(ids, greedy(64), {}, {}, {});
    QCOMPARE(std::ssize(before.tokens), 64);
    QElapsedTimer timer;
    timer.start();
    session->setCache(corrected(1, 1024));
    const qint64 there = timer.elapsed();
    // An answer in between must leave nothing behind.
    const Answer between = session->answer(ids, greedy(8), {}, {}, {});
    QCOMPARE(between.promptTokens - between.promptTokensFromCache, 1);
    timer.restart();
    session->setCache(corrected(2, 256));
    const qint64 back = timer.elapsed();
    qInfo("K2V2 to K1V1 %lld ms, back %lld ms", static_cast<long long>(there),
          static_cast<long long>(back));
    QVERIFY(there + back < kMostMilliseconds);
    const Answer after = session->answer(ids, greedy(64), {}, {}, {});
    QVERIFY(after.tokens == before.tokens);
  }
};

QTEST_GUILESS_MAIN(ChangeOfBitsTest)
#include "change_of_bits_test.moc"
