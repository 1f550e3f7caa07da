// SPDX-License-Identifier: Apache-2.0
// RopeTables: frequencies of each kind of scaling, and tables in double precision far out.
#include "engine/run/rope_tables.h"

#include <QTest>

#include <cmath>

using bookwheel::ModelShape;
using bookwheel::RopeScalingKind;
using bookwheel::RopeTables;

namespace {

ModelShape shapeWith(RopeScalingKind kind, double factor) {
  ModelShape shape;
  shape.ropeDims = 128;
  shape.ropeBase = 1e6;
  shape.contextTokens = 131072;
  shape.ropeScaling = {kind, factor, 32768, 1.0};
  return shape;
}

double frequency(const RopeTables& tables, int pair) {
  return tables.frequencies()[static_cast<std::size_t>(pair)];
}

}  // namespace

class RopeTablesTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void plain() {
    const RopeTables tables(shapeWith(RopeScalingKind::None, 1), {});
    QCOMPARE(tables.frequencies().size(), 64u);
    QCOMPARE(frequency(tables, 0), 1.0);
    QCOMPARE(frequency(tables, 32), 1e-3);  // base^(-64/128)
    QCOMPARE(tables.magnitude(), 1.0);
  }

  void linear() {
    const RopeTables tables(shapeWith(RopeScalingKind::Linear, 4), {});
    QCOMPARE(frequency(tables, 0), 0.25);
    QCOMPARE(frequency(tables, 32), 0.25e-3);
  }

  void yarn() {
    // By hand for base 1e6, d = 128, 32,768 original tokens: pairs turn 32 times at 128 ln(32768 /
    // (32 * 2 pi)) / (2 ln 1e6) = 23.6 and once at 39.7, so the ramp runs over pairs 23..40.
    const RopeTables plain(shapeWith(RopeScalingKind::None, 1), {});
    const RopeTables tables(shapeWith(RopeScalingKind::Yarn, 4), {});
    for (int pair = 0; pair < 64; ++pair) {
      const double share = std::min(1.0, std::max(0.0, (pair - 23) / 17.0));
      const double expected = frequency(plain, pair) * (1 - share + share / 4);
      QVERIFY2(std::abs(frequency(tables, pair) - expected) < 1e-12 * expected,
               qPrintable(QString::number(pair)));
    }
    QCOMPARE(tables.magnitude(), 1 + 0.1 * std::log(4.0));
    std::vector<float> cosines(64);
    std::vector<float> sines(64);
    tables.fill(0, 1, cosines, sines);
    QCOMPARE(cosines[5], static_cast<float>(tables.magnitude()));
    QCOMPARE(sines[5], 0.0f);
  }

  void llama3DividesByTheFilesFactors() {
    std::vector<float> factors(64, 1.0f);
    factors[10] = 8.0f;
    const RopeTables plain(shapeWith(RopeScalingKind::None, 1), {});
    const RopeTables tables(shapeWith(RopeScalingKind::Llama3, 8), factors);
    QCOMPARE(frequency(tables, 9), frequency(plain, 9));
    QCOMPARE(frequency(tables, 10), frequency(plain, 10) / 8);
  }

  // At position 131,071 an angle in float32 would be off by up to 0.004 radians; the table must be
  // right to float rounding.
  void farPositionsAreExact() {
    const RopeTables tables(shapeWith(RopeScalingKind::None, 1), {});
    std::vector<float> cosines(3 * 64);
    std::vector<float> sines(3 * 64);
    tables.fill(131'069, 3, cosines, sines);
    for (int row = 0; row < 3; ++row) {
      for (int pair = 0; pair < 64; ++pair) {
        const long double angle = (131'069.0L + row) * std::pow(1e6L, -2.0L * pair / 128.0L);
        const auto at = static_cast<std::size_t>(row * 64 + pair);
        // Half a unit in the last place of a float near 1, and the rounding of the angle in double.
        QVERIFY(std::abs(cosines[at] - static_cast<float>(std::cos(angle))) <= 1.2e-7f);
        QVERIFY(std::abs(sines[at] - static_cast<float>(std::sin(angle))) <= 1.2e-7f);
      }
    }
  }
};

QTEST_APPLESS_MAIN(RopeTablesTest)
#include "rope_tables_test.moc"
