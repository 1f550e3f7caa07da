// SPDX-License-Identifier: Apache-2.0
// Products with packed weights of every format on every instruction set, against doubles.
#include "tests/kernels/fixtures.h"
#include "tests/support/reference.h"

#include <cmath>
#include <cstring>

using namespace bookwheel;
using kernels::InstructionSet;
using kernels::WeightType;
using tests::Random;

namespace {

struct Shape {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t tokens;
};

// Weight rows around the tile of 16; tokens around the groups of 16, 8, 4, 2, 1; 576 and 896 are
// columns of real models that are no multiple of 256.
constexpr Shape kShapes[] = {{16, 256, 1}, {17, 256, 2},  {1, 512, 3},    {40, 256, 5},
                             {33, 768, 8}, {16, 256, 17}, {30, 256, 100}, {48, 1536, 31},
                             {24, 576, 2}, {20, 896, 9},  {5, 32, 4},     {50, 96, 33}};

bool fits(WeightType type, const Shape& shape) {
  return shape.columns % kernels::weightBlock(type).elements == 0;
}

// What rounding may do to one output: every block of 32 columns rounds at most six times (each
// part, their sum, the row's scale, the running sum) and errors add up over the blocks: (blocks +
// 6) half units of the sum of magnitudes; twice that where a multiply-add is two roundings
// (portable). Float weights round at each column.
double bound(WeightType type, const std::byte* row, const double* x, std::int64_t columns,
             double bias) {
  double magnitude = std::fabs(bias);
  for (std::int64_t k = 0; k < columns; ++k) {
    const reference::WeightParts parts = reference::weightParts(type, row, k);
    magnitude += (std::fabs(parts.product) + std::fabs(parts.plus)) * std::fabs(x[k]);
  }
  const bool words = kernels::weightBlock(type).elements == 1;
  const double steps = static_cast<double>(words ? columns : columns / 32) + 6;
  return 2 * steps * 0x1p-24 * magnitude + 1e-30;
}

QString where(const Shape& shape, std::int64_t t, std::int64_t r, double got, double expected,
              double allowed) {
  return QString("%1 x %2, row %3 of %4, output %5: %6 for %7, allowed %8")
      .arg(shape.rows)
      .arg(shape.columns)
      .arg(t)
      .arg(shape.tokens)
      .arg(r)
      .arg(got)
      .arg(expected)
      .arg(allowed);
}

}  // namespace

class MatmulTest : public QObject {
  Q_OBJECT

 private slots:
  void product_data() { addSetsAndTypes(); }
  void product();
  void floatProduct_data() { addSetsAndTypes(); }
  void floatProduct();
  void largestMagnitudes_data() { addSetsAndTypes(hasCodes); }
  void largestMagnitudes();
  void wholeNumbersAreExact_data() { addSetsAndTypes(isPlain32); }
  void wholeNumbersAreExact();
  void biasAccumulateStrideAndSlices_data() { addSetsAndTypes(); }
  void biasAccumulateStrideAndSlices();
  void vectorSetsAgreeBitForBit_data();
  void vectorSetsAgreeBitForBit();
  void quantize_data() { addSets(); }
  void quantize();
  void quantizeOddValues_data() { addSets(); }
  void quantizeOddValues();

 private:
  static void addSets() {
    QTest::addColumn<InstructionSet>("set");
    for (const InstructionSet set : kernels::supportedInstructionSets()) {
      QTest::newRow(kernels::name(set)) << set;
    }
  }
  static bool any(WeightType) { return true; }
  static bool hasCodes(WeightType type) { return kernels::weightBlock(type).elements > 1; }
  // Formats of 32; super-blocks multiply by scales and pass 2^24.
  static bool isPlain32(WeightType type) { return kernels::weightBlock(type).elements == 32; }
  static void addSetsAndTypes(bool (*wanted)(WeightType) = any) {
    QTest::addColumn<InstructionSet>("set");
    QTest::addColumn<WeightType>("type");
    for (const InstructionSet set : kernels::supportedInstructionSets()) {
      for (const WeightType type : tests::weightTypes()) {
        if (wanted(type)) {
          QTest::addRow("%s %s", kernels::name(set), kernels::weightBlock(type).name)
              << set << type;
        }
      }
    }
  }
  static void check(const Shape& shape, WeightType type, std::span<const std::byte> source,
                    std::span<const double> x, std::span<const float> y);
};

void MatmulTest::check(const Shape& shape, WeightType type, std::span<const std::byte> source,
                       std::span<const double> x, std::span<const float> y) {
  const auto weights = reference::decode(type, source.data(), shape.rows, shape.columns);
  const auto expected = reference::matmul(weights, shape.rows, shape.columns, x, {});
  const std::int64_t rowBytes = kernels::weightRowBytes(type, shape.columns);
  for (std::int64_t t = 0; t < shape.tokens; ++t) {
    for (std::int64_t r = 0; r < shape.rows; ++r) {
      const auto at = static_cast<std::size_t>(t * shape.rows + r);
      const double allowed =
          bound(type, source.data() + r * rowBytes, x.data() + t * shape.columns, shape.columns, 0);
      const double got = static_cast<double>(y[at]);
      QVERIFY2(std::fabs(got - expected[at]) <= allowed,
               qPrintable(where(shape, t, r, got, expected[at], allowed)));
    }
  }
}

void MatmulTest::product() {
  QFETCH(InstructionSet, set);
  QFETCH(WeightType, type);
  const tests::WithInstructionSet with(set);
  Random random(4);
  for (const Shape& shape : kShapes) {
    if (!fits(type, shape)) {
      continue;
    }
    const auto source = tests::randomWeights(type, shape.rows, shape.columns, random);
    tests::Packed packed(type, shape.rows, shape.columns, source);
    const auto x =
        tests::randomFloats(static_cast<std::size_t>(shape.tokens * shape.columns), random);
    tests::Quantized quantized(x, shape.tokens, shape.columns);
    std::vector<float> y(static_cast<std::size_t>(shape.tokens * shape.rows), -1.0F);
    kernels::matmul({packed.matrix(), quantized.rows(), nullptr, y.data(), shape.rows, false},
                    {0, kernels::matmulUnits(packed.matrix())});
    check(shape, type, source, reference::dequantize(quantized.rows()), y);
    if (QTest::currentTestFailed()) {
      return;
    }
  }
}

void MatmulTest::floatProduct() {
  QFETCH(InstructionSet, set);
  QFETCH(WeightType, type);
  const tests::WithInstructionSet with(set);
  Random random(5);
  for (Shape shape : kShapes) {
    if (!fits(type, shape)) {
      continue;
    }
    if (kernels::weightBlock(type).elements == 1) {
      shape.columns += 5;  // words need no multiple of 32 here
    }
    const auto source = tests::randomWeights(type, shape.rows, shape.columns, random);
    tests::Packed packed(type, shape.rows, shape.columns, source);
    const auto x =
        tests::randomFloats(static_cast<std::size_t>(shape.tokens * shape.columns), random);
    std::vector<float> y(static_cast<std::size_t>(shape.tokens * shape.rows), -1.0F);
    kernels::matmulFloat({packed.matrix(), x.data(), shape.tokens, shape.columns, nullptr, y.data(),
                          shape.rows, false},
                         {0, kernels::matmulUnits(packed.matrix())});
    // Decoded weights round twice and every column adds a rounding.
    const std::vector<double> exact(x.begin(), x.end());
    const auto weights = reference::decode(type, source.data(), shape.rows, shape.columns);
    const auto expected = reference::matmul(weights, shape.rows, shape.columns, exact, {});
    const std::int64_t rowBytes = kernels::weightRowBytes(type, shape.columns);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const std::int64_t t = static_cast<std::int64_t>(i) / shape.rows;
      const std::int64_t r = static_cast<std::int64_t>(i) % shape.rows;
      double magnitude = 0;
      for (std::int64_t k = 0; k < shape.columns; ++k) {
        const auto parts = reference::weightParts(type, source.data() + r * rowBytes, k);
        magnitude += (std::fabs(parts.product) + std::fabs(parts.plus)) *
                     std::fabs(exact[static_cast<std::size_t>(t * shape.columns + k)]);
      }
      const double allowed = 2 * static_cast<double>(shape.columns + 6) * 0x1p-24 * magnitude;
      QVERIFY2(std::fabs(static_cast<double>(y[i]) - expected[i]) <= allowed,
               qPrintable(where(shape, t, r, static_cast<double>(y[i]), expected[i], allowed)));
    }
  }
}

// Every code at its largest or smallest and every activation at +-127: 16-bit sums that saturate
// would be off by far more than the bound.
void MatmulTest::largestMagnitudes() {
  QFETCH(InstructionSet, set);
  QFETCH(WeightType, type);
  const tests::WithInstructionSet with(set);
  const Shape shape{16, 512, 3};
  for (const bool ones : {true, false}) {
    const auto source = tests::extremeWeights(type, shape.rows, shape.columns, ones);
    tests::Packed packed(type, shape.rows, shape.columns, source);
    std::vector<float> x(static_cast<std::size_t>(shape.tokens * shape.columns), 127.0F);
    for (std::size_t k = 0; k < 512; ++k) {
      x[512 + k] = -127.0F;
      x[1024 + k] = k / 2 % 2 == 0 ? 127.0F : -127.0F;  // pairs of one sign
    }
    tests::Quantized quantized(x, shape.tokens, shape.columns);
    QCOMPARE(quantized.codes[0], 127);
    QCOMPARE(quantized.codes[512], -127);
    std::vector<float> y(static_cast<std::size_t>(shape.tokens * shape.rows));
    kernels::matmul({packed.matrix(), quantized.rows(), nullptr, y.data(), shape.rows, false},
                    {0, 1});
    check(shape, type, source, reference::dequantize(quantized.rows()), y);
    if (QTest::currentTestFailed()) {
      return;
    }
  }
}

// With d = 1 and scale 1 every intermediate is a whole number below 2^24, so the result must be
// exact on every instruction set: the integer parts are the same bit for bit.
void MatmulTest::wholeNumbersAreExact() {
  QFETCH(InstructionSet, set);
  QFETCH(WeightType, type);
  const tests::WithInstructionSet with(set);
  Random random(6);
  const Shape shape{48, 256, 21};
  auto source = tests::randomWeights(type, shape.rows, shape.columns, random);
  const auto ones = tests::extremeWeights(type, shape.rows, shape.columns, true);
  const auto block = static_cast<std::size_t>(kernels::weightBlock(type).bytes);
  const bool affine = type == WeightType::Q4_1 || type == WeightType::Q5_1;
  for (std::size_t at = 0; at < source.size(); at += block) {  // d (and m) = 1
    std::memcpy(&source[at], &ones[at], affine ? 4 : 2);
  }
  std::uniform_int_distribution<int> code(-127, 127);
  std::vector<float> x;
  for (std::int64_t i = 0; i < shape.tokens * shape.columns; ++i) {
    x.push_back(i % 32 == 0 ? 127.0F : static_cast<float>(code(random)));  // scale becomes 1
  }
  tests::Packed packed(type, shape.rows, shape.columns, source);
  tests::Quantized quantized(x, shape.tokens, shape.columns);
  std::vector<float> y(static_cast<std::size_t>(shape.tokens * shape.rows));
  kernels::matmul({packed.matrix(), quantized.rows(), nullptr, y.data(), shape.rows, false},
                  {0, kernels::matmulUnits(packed.matrix())});
  const auto weights = reference::decode(type, source.data(), shape.rows, shape.columns);
  const auto expected = reference::matmul(weights, shape.rows, shape.columns,
                                          std::vector<double>(x.begin(), x.end()), {});
  for (std::size_t i = 0; i < y.size(); ++i) {
    QCOMPARE(static_cast<double>(y[i]), expected[i]);
  }
}

// The same numbers whether in one call or in slices, with bias, added to y, y's rows further apart;
// nothing outside the slice is touched.
void MatmulTest::biasAccumulateStrideAndSlices() {
  QFETCH(InstructionSet, set);
  QFETCH(WeightType, type);
  const tests::WithInstructionSet with(set);
  Random random(7);
  const Shape shape{52, 256, 7};
  const std::int64_t stride = 61;
  const auto source = tests::randomWeights(type, shape.rows, shape.columns, random);
  tests::Packed packed(type, shape.rows, shape.columns, source);
  const auto x =
      tests::randomFloats(static_cast<std::size_t>(shape.tokens * shape.columns), random);
  const auto bias = tests::randomFloats(static_cast<std::size_t>(shape.rows), random);
  tests::Quantized quantized(x, shape.tokens, shape.columns);
  std::vector<float> plain(static_cast<std::size_t>(shape.tokens * shape.rows));
  kernels::matmul({packed.matrix(), quantized.rows(), nullptr, plain.data(), shape.rows, false},
                  {0, 4});
  for (const bool isFloat : {false, true}) {
    if (isFloat) {
      kernels::matmulFloat({packed.matrix(), x.data(), shape.tokens, shape.columns, nullptr,
                            plain.data(), shape.rows, false},
                           {0, 4});
    }
    std::vector<float> y(static_cast<std::size_t>(shape.tokens * stride), 3.0F);
    for (const kernels::Slice slice : {kernels::Slice{3, 4}, {0, 1}, {1, 3}}) {
      if (isFloat) {
        kernels::matmulFloat({packed.matrix(), x.data(), shape.tokens, shape.columns, bias.data(),
                              y.data(), stride, true},
                             slice);
      } else {
        kernels::matmul({packed.matrix(), quantized.rows(), bias.data(), y.data(), stride, true},
                        slice);
      }
    }
    for (std::int64_t t = 0; t < shape.tokens; ++t) {
      for (std::int64_t r = 0; r < stride; ++r) {
        const float got = y[static_cast<std::size_t>(t * stride + r)];
        const float expected = r < shape.rows
                                   ? plain[static_cast<std::size_t>(t * shape.rows + r)] +
                                         bias[static_cast<std::size_t>(r)] + 3.0F
                                   : 3.0F;
        QCOMPARE(got, expected);
      }
    }
  }
}

void MatmulTest::vectorSetsAgreeBitForBit_data() {
  QTest::addColumn<WeightType>("type");
  for (const WeightType type : tests::weightTypes()) {
    QTest::newRow(kernels::weightBlock(type).name) << type;
  }
}

// AVX2 and AVX-512 do the same float operations in the same order on each lane.
void MatmulTest::vectorSetsAgreeBitForBit() {
  QFETCH(WeightType, type);
  if (kernels::supportedInstructionSets().size() < 3) {
    QSKIP("this machine has no AVX-512 VNNI to compare with AVX2");
  }
  Random random(8);
  const Shape shape{40, 1024, 13};
  const auto source = tests::randomWeights(type, shape.rows, shape.columns, random);
  tests::Packed packed(type, shape.rows, shape.columns, source);
  const auto x =
      tests::randomFloats(static_cast<std::size_t>(shape.tokens * shape.columns), random);
  std::vector<float> y[2];
  for (const int i : {0, 1}) {
    const tests::WithInstructionSet with(i == 0 ? InstructionSet::Avx2
                                                : InstructionSet::Avx512Vnni);
    tests::Quantized quantized(x, shape.tokens, shape.columns);
    y[i].resize(static_cast<std::size_t>(shape.tokens * shape.rows));
    kernels::matmul({packed.matrix(), quantized.rows(), nullptr, y[i].data(), shape.rows, false},
                    {0, kernels::matmulUnits(packed.matrix())});
  }
  QCOMPARE(y[0], y[1]);
}

void MatmulTest::quantize() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(9);
  const std::int64_t rows = 7;
  const std::int64_t columns = 96;
  const std::int64_t stride = 101;
  const auto x = tests::randomFloats(static_cast<std::size_t>(rows * stride), random, 3.0F);
  tests::Quantized out(std::vector<float>(static_cast<std::size_t>(rows * columns)), rows, columns);
  kernels::quantizeRows({x.data(), stride, out.rows()}, {0, 3});
  kernels::quantizeRows({x.data(), stride, out.rows()}, {3, rows});
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t b = 0; b < columns / 32; ++b) {
      double peak = 0;
      for (std::int64_t k = 0; k < 32; ++k) {
        peak = std::max(
            peak,
            std::fabs(static_cast<double>(x[static_cast<std::size_t>(r * stride + b * 32 + k)])));
      }
      const auto block = static_cast<std::size_t>(r * columns / 32 + b);
      const double scale = static_cast<double>(out.scales[block]);
      QVERIFY(std::fabs(scale - peak / 127) <= 0x1p-24 * scale);
      int sum = 0;
      for (std::size_t k = 0; k < 32; ++k) {
        const int code = out.codes[block * 32 + k];
        const double value =
            static_cast<double>(x[static_cast<std::size_t>(r * stride + b * 32) + k]);
        // Half a step, and what rounding of the inverse scale can move a tie.
        QVERIFY(std::fabs(code * scale - value) <= (0.5 + 1e-4) * scale);
        QVERIFY(code >= -127);
        sum += code;
        if (k % 16 == 15) {
          QCOMPARE(out.sums[block * 2 + k / 16], static_cast<std::int16_t>(sum));
          sum = 0;
        }
      }
    }
  }
}

void MatmulTest::quantizeOddValues() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  std::vector<float> x(32 * 6, 0.0F);
  x[32 + 5] = 1e-35F;  // too small to invert: zeros
  x[64 + 31] = std::numeric_limits<float>::quiet_NaN();
  x[96] = -std::numeric_limits<float>::infinity();
  x[128 + 17] = 3e38F;
  x[128 + 18] = -1.0F;
  x[160] = -2.0F;
  x[160 + 1] = 1.0F;
  tests::Quantized out(x, 2, 96);
  QCOMPARE(out.scales[0], 0.0F);
  QCOMPARE(out.scales[1], 0.0F);
  QVERIFY(std::isnan(out.scales[2]));
  QVERIFY(std::isnan(out.scales[3]));
  QCOMPARE(out.codes[128 + 17], 127);
  QCOMPARE(out.codes[128 + 18], 0);
  QCOMPARE(out.codes[160], -127);
  QCOMPARE(out.codes[161], 64);  // 63.5, ties to even
  for (std::size_t i = 0; i < 128; ++i) {
    QCOMPARE(out.codes[i], 0);
  }
}

QTEST_APPLESS_MAIN(MatmulTest)
#include "matmul_test.moc"
