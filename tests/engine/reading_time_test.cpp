// SPDX-License-Identifier: Apache-2.0
// ReadingTime: learns a machine's two rates, and predicts with attention growing with depth.
#include "engine/run/reading_time.h"

#include <QTest>

using bookwheel::ModelShape;
using bookwheel::ReadingTime;

namespace {

ModelShape shape() {
  ModelShape shape;
  shape.heads = 9;
  shape.kvHeads = 3;
  shape.headDim = 64;
  shape.embedding = 576;
  shape.feedForward = 1536;
  return shape;
}

double cost(double a, double b, std::int64_t begin, std::int64_t end) {
  const auto first = static_cast<double>(begin);
  const auto last = static_cast<double>(end);
  return a * (last - first) + b * (last * last - first * first) / 2;
}

}  // namespace

class ReadingTimeTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void unknownBeforeAnythingWasMeasured() {
    ReadingTime time(shape());
    QVERIFY(time.seconds(0, 1000) < 0);
    time.add(0, 0, 1);  // nothing to learn from
    QVERIFY(time.seconds(0, 1000) < 0);
  }

  void learnsBothRates_data() {
    QTest::addColumn<double>("a");
    QTest::addColumn<double>("b");
    QTest::newRow("attention matters") << 1e-3 << 2e-7;
    QTest::newRow("matrices only") << 5e-3 << 0.0;
    QTest::newRow("much faster machine") << 1e-5 << 1e-8;
  }
  void learnsBothRates() {
    QFETCH(double, a);
    QFETCH(double, b);
    ReadingTime time(shape());
    for (std::int64_t first = 0; first < 16384; first += 256) {
      time.add(first, 256, cost(a, b, first, first + 256));
    }
    const double expected = cost(a, b, 16384, 100'000);
    const double found = time.seconds(16384, 100'000);
    // Exact data: what is left is the pull of the prior, which a hundred chunks outweigh.
    QVERIFY2(std::abs(found - expected) < 0.03 * expected, qPrintable(QString::number(found)));
  }

  // After one chunk at depth 0 the estimate cannot know the attention's rate, but must allow for
  // it: by counting operations a token at 8k costs several times one at 0 for this shape.
  void oneChunkAlreadyAllowsForDepth() {
    ReadingTime time(shape());
    time.add(0, 256, 0.256);
    const double flat = 0.001 * 8192;
    QVERIFY(time.seconds(0, 8192) > 1.2 * flat);
    QVERIFY(time.seconds(0, 8192) < 20 * flat);
    // And the first chunk itself is reproduced.
    QVERIFY(std::abs(time.seconds(0, 256) - 0.256) < 0.02);
  }

  void aMachineThatSlowsDownIsFollowed() {
    ReadingTime time(shape());
    for (int chunk = 0; chunk < 200; ++chunk) {
      time.add(0, 256, chunk < 100 ? 0.25 : 0.5);
    }
    // 0.97^100: the fast half counts for a twentieth.
    QVERIFY(time.seconds(0, 256) > 0.45);
  }
};

QTEST_APPLESS_MAIN(ReadingTimeTest)
#include "reading_time_test.moc"
