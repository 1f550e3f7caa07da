// SPDX-License-Identifier: Apache-2.0
// CapacityTier: rows where they are said to be, growth without copying, memory that follows the
// tokens.
#include "engine/cache/capacity_tier.h"

#include <QTest>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>

using bookwheel::CapacityTier;
using bookwheel::KvShape;
namespace kernels = bookwheel::kernels;

namespace {

std::int64_t residentBytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t size = 0;
  std::int64_t resident = 0;
  file >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

std::uint16_t mark(int layer, int head, std::int64_t token) {
  return static_cast<std::uint16_t>(layer * 7919 + head * 131 + token * 17 + 1);
}

std::uint16_t* rowOf(const CapacityTier& tier, int layer, int head, std::int64_t token) {
  const kernels::KvRows rows = tier.rows(layer);
  return rows.data + head * rows.headStride + token * rows.tokenStride;
}

void fill(CapacityTier& tier, const KvShape& shape, std::int64_t count) {
  tier.reserve(count);
  for (int layer = 0; layer < shape.layers; ++layer) {
    for (int head = 0; head < shape.kvHeads; ++head) {
      for (std::int64_t token = tier.tokens(); token < tier.tokens() + count; ++token) {
        std::fill_n(rowOf(tier, layer, head, token), 2 * shape.headDim, mark(layer, head, token));
      }
    }
  }
  tier.commit(count);
}

}  // namespace

class CapacityTierTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void rowsKeepTheirPlace_data() {
    QTest::addColumn<int>("headDim");
    // 80: rows of 320 bytes are padded to 384.
    for (const int headDim : {32, 64, 80, 128, 256}) {
      QTest::addRow("d = %d", headDim) << headDim;
    }
  }
  void rowsKeepTheirPlace() {
    QFETCH(int, headDim);
    const KvShape shape{3, 2, headDim};
    CapacityTier tier(shape, 5000);
    const std::uint16_t* const first = rowOf(tier, 0, 0, 0);
    for (const std::int64_t count : {1, 1, 510, 1, 2000, 3}) {
      fill(tier, shape, count);
    }
    QCOMPARE(tier.tokens(), 2516);
    QCOMPARE(rowOf(tier, 0, 0, 0), first);  // growing moved nothing
    for (int layer = 0; layer < shape.layers; ++layer) {
      const kernels::KvRows rows = tier.rows(layer);
      QCOMPARE(rows.kvHeads, shape.kvHeads);
      QCOMPARE(rows.headDim, headDim);
      QVERIFY(rows.tokenStride >= 2 * headDim);
      for (int head = 0; head < shape.kvHeads; ++head) {
        for (std::int64_t token = 0; token < tier.tokens(); ++token) {
          const std::uint16_t* const row = rowOf(tier, layer, head, token);
          QCOMPARE(reinterpret_cast<std::uintptr_t>(row) % 128, 0u);
          QCOMPARE(row[0], mark(layer, head, token));
          QCOMPARE(row[2 * headDim - 1], mark(layer, head, token));
        }
      }
    }
  }

  void bytesAreCounted() {
    // By hand: 3 layers, 2 heads, K and V of 64 halves each: 3 * 2 * 2 * 64 * 2 = 1536 bytes a
    // token.
    QCOMPARE(CapacityTier::bytesFor({3, 2, 64}, 1), 1536);
    QCOMPARE(CapacityTier::bytesFor({3, 2, 64}, 1000), 1'536'000);
    // Padded rows count with their padding.
    QCOMPARE(CapacityTier::bytesFor({1, 1, 80}, 1), 384);
    CapacityTier tier({3, 2, 64}, 100);
    QCOMPARE(tier.bytes(), 0);
    tier.reserve(10);
    QCOMPARE(tier.bytes(), 0);  // reserved is not held
    tier.commit(10);
    QCOMPARE(tier.bytes(), 15'360);
    tier.truncate(4);
    QCOMPARE(tier.tokens(), 4);
    QCOMPARE(tier.bytes(), 6'144);
  }

  void memoryFollowsTheTokens() {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    QSKIP("A sanitizer's shadow of the memory counts as resident too.");
#endif
    // A cache that could hold 3 GB.
    const KvShape shape{8, 4, 128};
    CapacityTier tier(shape, 200'000);
    const std::int64_t empty = residentBytes();
    fill(tier, shape, 2000);
    const std::int64_t full = residentBytes() - empty;
    // Rows only, and at most a page more for each of the 32 (layer, head); 1 MB for whatever else
    // the process did meanwhile.
    QVERIFY2(full >= tier.bytes() && full <= tier.bytes() + 32 * 4096 + (1 << 20),
             qPrintable(QString::number(full)));
    tier.truncate(100);
    const std::int64_t less = residentBytes() - empty;
    QVERIFY2(less <= tier.bytes() + 32 * 4096 + (1 << 20), qPrintable(QString::number(less)));
    QCOMPARE(*rowOf(tier, 7, 3, 99), mark(7, 3, 99));
    fill(tier, shape, 500);
    QCOMPARE(*rowOf(tier, 7, 3, 599), mark(7, 3, 599));
  }

  void refusesWhatNoSystemGives() {
    // 2^50 tokens are 2^60 bytes of address space.
    QVERIFY_THROWS_EXCEPTION(std::exception, CapacityTier({1, 1, 256}, std::int64_t{1} << 50));
  }
};

QTEST_APPLESS_MAIN(CapacityTierTest)
#include "capacity_tier_test.moc"
