// SPDX-License-Identifier: Apache-2.0
// Row-wise operations on every instruction set, against doubles.
#include "tests/kernels/fixtures.h"
#include "tests/support/reference.h"

#include <cmath>
#include <limits>

using namespace bookwheel;
using kernels::InstructionSet;
using tests::Random;

namespace {

void addSets() {
  QTest::addColumn<InstructionSet>("set");
  for (const InstructionSet set : kernels::supportedInstructionSets()) {
    QTest::newRow(kernels::name(set)) << set;
  }
}

double wide(float x) { return static_cast<double>(x); }

}  // namespace

class ElementwiseTest : public QObject {
  Q_OBJECT

 private slots:
  void rmsNorm_data() { addSets(); }
  void rmsNorm();
  void rope_data();
  void rope();
  void swiglu_data() { addSets(); }
  void swiglu();
  void appendKv_data() { addSets(); }
  void appendKv();
  void appendKvRefuses_data() { addSets(); }
  void appendKvRefuses();
  void setsAreOrderedAndNamed();
};

void ElementwiseTest::rmsNorm() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(20);
  for (const std::size_t columns : {1U, 15U, 64U, 576U, 900U}) {
    const std::size_t rows = 3;
    auto x = tests::randomFloats(rows * columns, random, 4.0F);
    const auto weight = tests::randomFloats(columns, random);
    std::vector<float> out(x.size());
    kernels::rmsNorm(
        {x.data(), weight.data(), out.data(), static_cast<std::int64_t>(columns), 1e-5F}, {0, 1});
    kernels::rmsNorm(
        {x.data(), weight.data(), out.data(), static_cast<std::int64_t>(columns), 1e-5F}, {1, 3});
    for (std::size_t r = 0; r < rows; ++r) {
      const auto row = std::span(x).subspan(r * columns, columns);
      const auto expected = reference::rmsNorm(row, weight, static_cast<double>(1e-5F));
      for (std::size_t k = 0; k < columns; ++k) {
        // A sum of n positive terms in float is within n half units; its root halves that; five
        // more roundings.
        const double allowed =
            (static_cast<double>(columns) / 2 + 5) * 0x1p-24 * std::fabs(expected[k]);
        QVERIFY(std::fabs(wide(out[r * columns + k]) - expected[k]) <= allowed);
      }
    }
    const std::vector<float> apart = out;
    kernels::rmsNorm({x.data(), weight.data(), x.data(), static_cast<std::int64_t>(columns), 1e-5F},
                     {0, 3});
    QCOMPARE(x, apart);  // in place
  }
}

void ElementwiseTest::rope_data() {
  QTest::addColumn<InstructionSet>("set");
  QTest::addColumn<kernels::RopeLayout>("layout");
  for (const InstructionSet set : kernels::supportedInstructionSets()) {
    QTest::addRow("%s interleaved", kernels::name(set)) << set << kernels::RopeLayout::Interleaved;
    QTest::addRow("%s half", kernels::name(set)) << set << kernels::RopeLayout::Half;
  }
}

void ElementwiseTest::rope() {
  QFETCH(InstructionSet, set);
  QFETCH(kernels::RopeLayout, layout);
  const tests::WithInstructionSet with(set);
  Random random(21);
  struct Shape {
    int d;
    int dims;
  };
  for (const Shape shape : {Shape{64, 64}, {128, 128}, {80, 32}, {96, 2}, {80, 20}, {256, 256}}) {
    const std::size_t d = static_cast<std::size_t>(shape.d);
    const std::size_t pairs = static_cast<std::size_t>(shape.dims) / 2;
    const std::size_t rows = 3;
    const std::size_t heads = 2;
    const std::size_t stride = heads * d + 7;
    const auto before = tests::randomFloats(rows * stride, random);
    const auto angles = tests::randomFloats(rows * pairs, random, 10.0F);
    std::vector<float> cosines;
    std::vector<float> sines;
    for (const float angle : angles) {
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
    auto x = before;
    const kernels::RopeArgs args{x.data(),
                                 static_cast<std::int64_t>(stride),
                                 static_cast<int>(heads),
                                 shape.d,
                                 shape.dims,
                                 layout,
                                 cosines.data(),
                                 sines.data()};
    kernels::rope(args, {2, 3});
    kernels::rope(args, {0, 2});
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t h = 0; h < heads; ++h) {
        const std::size_t at = r * stride + h * d;
        const auto expected = reference::rope(std::span(before).subspan(at, d),
                                              std::span(cosines).subspan(r * pairs, pairs),
                                              std::span(sines).subspan(r * pairs, pairs), layout);
        for (std::size_t k = 0; k < d; ++k) {
          // Two products and a sum of numbers below 8: three roundings of at most 8 * 2^-24 each.
          QVERIFY(std::fabs(wide(x[at + k]) - expected[k]) <= 3 * 8 * 0x1p-24);
          if (k >= 2 * pairs) {
            QCOMPARE(x[at + k], before[at + k]);
          }
        }
      }
      for (std::size_t k = heads * d; k < stride; ++k) {
        QCOMPARE(x[r * stride + k], before[r * stride + k]);
      }
    }
  }
}

void ElementwiseTest::swiglu() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(22);
  const std::size_t columns = 77;
  const std::size_t rows = 4;
  auto gate = tests::randomFloats(rows * columns, random, 6.0F);
  const auto up = tests::randomFloats(rows * columns, random);
  // Ends of the range, where e^-x leaves float.
  const float odd[] = {0.0F,   -0.0F,  1e-30F,  20.0F, -20.0F, 87.0F,
                       -87.0F, 200.0F, -200.0F, 1e30F, -1e30F};
  std::copy(std::begin(odd), std::end(odd), gate.begin());
  std::vector<float> out(rows * (columns + 3), 5.0F);
  kernels::swiglu({gate.data(), up.data(), out.data(), columns, columns, columns + 3}, {0, 4});
  for (std::size_t i = 0; i < rows * columns; ++i) {
    const double expected = reference::swiglu(wide(gate[i]), wide(up[i]));
    const double got = wide(out[i / columns * (columns + 3) + i % columns]);
    // The exponential is within 2 units (4 half units), then three roundings; below e^-87 it is cut
    // off.
    const double allowed =
        8 * 0x1p-24 * std::fabs(expected) + 1e-35 * std::fabs(wide(gate[i] * up[i]));
    QVERIFY2(std::fabs(got - expected) <= allowed,
             qPrintable(QString("%1 for %2").arg(got).arg(expected)));
  }
  QCOMPARE(out[columns], 5.0F);
  std::vector<float> apart;
  for (std::size_t r = 0; r < rows; ++r) {
    apart.insert(apart.end(), out.begin() + static_cast<std::ptrdiff_t>(r * (columns + 3)),
                 out.begin() + static_cast<std::ptrdiff_t>(r * (columns + 3) + columns));
  }
  kernels::swiglu({gate.data(), up.data(), gate.data(), columns, columns, columns}, {0, 4});
  QCOMPARE(gate, apart);  // in place
}

void ElementwiseTest::appendKv() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(23);
  const int heads = 2;
  const int d = 80;
  const std::size_t stride = 2 * 80 + 9;
  const std::size_t tokens = 5;
  const std::size_t first = 3;
  auto keys = tests::randomFloats(tokens * stride, random, 10.0F);
  auto values = tests::randomFloats(tokens * stride, random, 1e-6F);  // subnormal halves
  keys[0] = 65519.0F;
  keys[1] = -65504.0F;
  keys[2] = 2049.0F;       // tie, to even: 2048
  values[0] = 0x1.8p-24F;  // tie between subnormals
  for (const bool byToken : {true, false}) {
    std::vector<std::uint16_t> cache(8 * heads * 2 * d, 0x1234);
    const std::int64_t row = 2 * d;
    const kernels::KvRows kv{cache.data(), byToken ? row : 8 * row, byToken ? heads * row : row,
                             heads, d};
    const kernels::AppendKvArgs args{kv, keys.data(), values.data(),
                                     static_cast<std::int64_t>(stride),
                                     static_cast<std::int64_t>(first)};
    QVERIFY(kernels::appendKv(args, {0, 2}));
    QVERIFY(kernels::appendKv(args, {2, 5}));
    for (std::size_t t = 0; t < 8; ++t) {
      for (std::size_t h = 0; h < heads; ++h) {
        for (std::size_t k = 0; k < 2 * static_cast<std::size_t>(d); ++k) {
          const std::uint16_t got = cache[h * static_cast<std::size_t>(kv.headStride) +
                                          t * static_cast<std::size_t>(kv.tokenStride) + k];
          std::uint16_t expected = 0x1234;
          if (t >= first) {
            const std::size_t from = (t - first) * stride + h * static_cast<std::size_t>(d) +
                                     k % static_cast<std::size_t>(d);
            expected = reference::toHalf(
                wide(k < static_cast<std::size_t>(d) ? keys[from] : values[from]));
          }
          QCOMPARE(got, expected);
        }
      }
    }
  }
}

void ElementwiseTest::appendKvRefuses() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  const int d = 64;
  std::vector<std::uint16_t> cache(2 * 2 * d);
  const std::vector<float> good(2 * d, 1.0F);
  const kernels::KvRows kv{cache.data(), 2 * d, 2 * d, 1, d};
  for (const float bad :
       {65520.0F, -65520.0F, 1e38F, std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    for (const std::size_t at : {0U, 17U, 63U, 64U + 40U}) {
      auto wrong = good;
      wrong[at] = bad;
      const bool inFirst = at < 64;
      for (const bool asKey : {true, false}) {
        const kernels::AppendKvArgs args{kv, asKey ? wrong.data() : good.data(),
                                         asKey ? good.data() : wrong.data(), d, 0};
        QVERIFY(!kernels::appendKv(args, {0, 2}));
        QCOMPARE(kernels::appendKv(args, {0, 1}), !inFirst);
        QCOMPARE(kernels::appendKv(args, {1, 2}), inFirst);
      }
    }
  }
}

void ElementwiseTest::setsAreOrderedAndNamed() {
  const auto sets = kernels::supportedInstructionSets();
  QVERIFY(!sets.empty());
  QCOMPARE(sets.front(), InstructionSet::Portable);
  for (std::size_t i = 1; i < sets.size(); ++i) {
    QVERIFY(sets[i - 1] < sets[i]);
  }
  for (const InstructionSet set : sets) {
    const tests::WithInstructionSet with(set);
    QCOMPARE(kernels::instructionSet(), set);
  }
}

QTEST_APPLESS_MAIN(ElementwiseTest)
#include "elementwise_test.moc"
