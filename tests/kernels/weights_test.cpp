// SPDX-License-Identifier: Apache-2.0
// Weight formats: decoding against the formulas, and packing as a lossless change of order.
#include "tests/kernels/fixtures.h"
#include "tests/support/reference.h"

#include <cmath>

using namespace bookwheel;
using kernels::WeightType;
using tests::Random;

class WeightsTest : public QObject {
  Q_OBJECT

 private slots:
  void decode_data() { addTypes(); }
  void decode();
  void halvesDecodeExactly();
  void packAndUnpack_data() { addTypes(); }
  void packAndUnpack();
  void packInSlices_data() { addTypes(); }
  void packInSlices();
  void packedSize_data() { addTypes(); }
  void packedSize();

 private:
  static void addTypes() {
    QTest::addColumn<WeightType>("type");
    for (const WeightType type : tests::weightTypes()) {
      QTest::newRow(kernels::weightBlock(type).name) << type;
    }
  }
};

void WeightsTest::decode() {
  QFETCH(WeightType, type);
  Random random(1);
  const std::int64_t columns = 1024;
  const auto source = tests::randomWeights(type, 1, columns, random);
  std::vector<float> out(static_cast<std::size_t>(columns));
  kernels::decodeWeights(type, source.data(), columns, out.data());
  for (std::int64_t k = 0; k < columns; ++k) {
    const reference::WeightParts parts = reference::weightParts(type, source.data(), k);
    const double expected = parts.product + parts.plus;
    // f16 scale times an integer below 2^13 is exact in float; the formula then rounds at most
    // three times.
    const double bound = 3 * 0x1p-24 * (std::fabs(parts.product) + std::fabs(parts.plus));
    const double error =
        std::fabs(static_cast<double>(out[static_cast<std::size_t>(k)]) - expected);
    QVERIFY2(error <= bound,
             qPrintable(QString("column %1: %2 for %3")
                            .arg(k)
                            .arg(static_cast<double>(out[static_cast<std::size_t>(k)]))
                            .arg(expected)));
  }
}

// All 65536 halves, through the F16 format.
void WeightsTest::halvesDecodeExactly() {
  for (int bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    float out = 0;
    kernels::decodeWeights(WeightType::F16, reinterpret_cast<const std::byte*>(&half), 1, &out);
    const double expected = reference::fromHalf(half);
    QVERIFY2(std::isnan(expected) ? std::isnan(out) : static_cast<double>(out) == expected,
             qPrintable(QString::number(bits, 16)));
    if (!std::isnan(expected)) {
      QCOMPARE(reference::toHalf(expected), half);
    }
  }
}

void WeightsTest::packAndUnpack() {
  QFETCH(WeightType, type);
  Random random(2);
  const std::int64_t columns = 512;
  for (const std::int64_t rows : {1, 15, 16, 17, 40}) {
    const auto source = tests::randomWeights(type, rows, columns, random);
    tests::Packed packed(type, rows, columns, source);
    std::vector<float> expected(static_cast<std::size_t>(columns));
    std::vector<float> out(expected.size());
    for (std::int64_t row = 0; row < rows; ++row) {
      kernels::decodeWeights(type, source.data() + row * kernels::weightRowBytes(type, columns),
                             columns, expected.data());
      kernels::unpackRow({packed.matrix(), row, out.data()});
      QCOMPARE(out, expected);
    }
  }
}

// Tiles are independent: packed one by one and in any order they give the same bytes.
void WeightsTest::packInSlices() {
  QFETCH(WeightType, type);
  Random random(3);
  const std::int64_t rows = 70;
  const std::int64_t columns = 256;
  const auto source = tests::randomWeights(type, rows, columns, random);
  tests::Packed whole(type, rows, columns, source);
  const std::int64_t bytes = kernels::packedBytes(type, rows, columns);
  tests::AlignedBytes parts(bytes);
  const kernels::PackArgs args{type, rows, columns, source.data(), parts.data()};
  QCOMPARE(kernels::packUnits(args), 5);
  for (std::int64_t unit = 4; unit >= 0; --unit) {
    kernels::pack(args, {unit, unit + 1});
  }
  QCOMPARE(std::memcmp(parts.data(), whole.matrix().data, static_cast<std::size_t>(bytes)), 0);
}

// The contract of packedBytes: at most 8 % above the file.
void WeightsTest::packedSize() {
  QFETCH(WeightType, type);
  for (const std::int64_t columns : {256, 512, 8960, 32, 576, 896, 33}) {
    const std::int64_t bytes = kernels::packedBytes(type, 16, columns);
    if (columns % kernels::weightBlock(type).elements != 0) {
      QCOMPARE(bytes, 0);
      continue;
    }
    const std::int64_t file = 16 * kernels::weightRowBytes(type, columns);
    QCOMPARE_GE(bytes, file);
    QCOMPARE_LE(static_cast<double>(bytes), 1.08 * static_cast<double>(file));
    QCOMPARE(kernels::packedBytes(type, 17, columns), 2 * bytes);
  }
}

QTEST_APPLESS_MAIN(WeightsTest)
#include "weights_test.moc"
