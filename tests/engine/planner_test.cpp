// SPDX-License-Identifier: Apache-2.0
// The planner: bytes by hand, the border between fitting and not, and sentences with the numbers in
// them.
#include "engine/cache/planner.h"

#include "engine/cache/available_memory.h"

#include <QTest>

#include <algorithm>
#include <vector>

using bookwheel::MemoryPlan;
using bookwheel::ModelShape;
using bookwheel::planMemory;
using bookwheel::PlanRequest;

namespace {

// Llama-3-8B.
ModelShape shape() {
  ModelShape shape;
  shape.layers = 32;
  shape.heads = 32;
  shape.kvHeads = 8;
  shape.headDim = 128;
  shape.ropeDims = 128;
  shape.embedding = 4096;
  shape.feedForward = 14336;
  shape.vocabulary = 128256;
  shape.contextTokens = 131072;
  return shape;
}

PlanRequest request(std::int64_t tokens, std::int64_t available) {
  PlanRequest request;
  request.tokens = tokens;
  request.weightsBytes = 4'600'000'000;
  request.availableBytes = available;
  request.threads = 8;
  return request;
}

constexpr std::int64_t kGiga = std::int64_t{1} << 30;

}  // namespace

class PlannerTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void bytesByHand() {
    const MemoryPlan plan = planMemory(shape(), request(100'000, 64 * kGiga));
    QVERIFY(plan.fits);
    QVERIFY(plan.reason.empty());
    // 32 layers x 8 heads x 2 x 128 halves = 131,072 bytes a token.
    QCOMPARE(plan.kvBytes, 13'107'200'000);
    QCOMPARE(plan.totalBytes, plan.weightsBytes + plan.kvBytes + plan.workspaceBytes);
    QCOMPARE(plan.mostTokens, 131'072);
    // A chunk of 256 rows of about 50,000 floats, a row of logits, 8-bit copies, attention
    // partials.
    QVERIFY2(plan.workspaceBytes > 50'000'000 && plan.workspaceBytes < 200'000'000,
             qPrintable(QString::number(plan.workspaceBytes)));
  }

  void theBorderIsExact() {
    const std::int64_t available = 16 * kGiga;
    const MemoryPlan plan = planMemory(shape(), request(100'000, available));
    QVERIFY(!plan.fits);
    QVERIFY(plan.mostTokens > 50'000 && plan.mostTokens < 100'000);
    QVERIFY(planMemory(shape(), request(plan.mostTokens, available)).fits);
    QVERIFY(!planMemory(shape(), request(plan.mostTokens + 1, available)).fits);
  }

  // SmolLM2-135M with a context that was made longer.
  void lowBitCopiesAreSmall_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("pairs");
    QTest::addColumn<int>("tokens");
    QTest::addColumn<double>("most");
    QTest::newRow("K2V2 at 32k") << 2 << 256 << 32 * 1024 << 2.7;
    QTest::newRow("K1V1 at 32k") << 1 << 1024 << 32 * 1024 << 2.0;
    QTest::newRow("K1V1 at 128k") << 1 << 1024 << 128 * 1024 << 1.5;
  }
  void lowBitCopiesAreSmall() {
    QFETCH(int, bits);
    QFETCH(int, pairs);
    QFETCH(int, tokens);
    QFETCH(double, most);
    ModelShape smol = shape();
    smol.layers = 30;
    smol.heads = 9;
    smol.kvHeads = 3;
    smol.headDim = 64;
    PlanRequest wish = request(tokens, 64 * kGiga);
    wish.cache.policy = bookwheel::CachePolicy::Corrected;
    wish.cache.keyBits = wish.cache.valueBits = bits;
    wish.cache.pairs = pairs;
    const MemoryPlan plan = planMemory(smol, wish);
    const bookwheel::FastTierUse& fast = plan.fastTier;
    // 90 heads; islands: 4 first tokens and the newest 128, of 256 bytes a row; slots of the
    // prefetch buffer are rows and their place in its tables. The copy: codes and metadata of every
    // block, below.
    QCOMPARE(fast.islandBytes, 90 * (4 + 128) * 256);
    const int slotCount = pairs + 64;
    QVERIFY(fast.bufferBytes >= 90LL * slotCount * 256 &&
            fast.bufferBytes < 90LL * slotCount * 320);
    const double elements = 90.0 * tokens * 128;
    const double copyBits = static_cast<double>(fast.copyBytes) * 8 / elements;
    // 16 bits of scale and zero for 64 numbers, and ranges for a block.
    QVERIFY2(copyBits > bits + 0.24 && copyBits < bits + 0.28,
             qPrintable(QString::number(copyBits)));
    QCOMPARE(fast.bitsPerElement, static_cast<double>(fast.bytes()) * 8 / elements);
    QVERIFY2(fast.bitsPerElement <= most, qPrintable(QString::number(fast.bitsPerElement)));
    QVERIFY(fast.compressionRatio > 16 / most);
  }

  void theDefaultIsWhatTheModelCanHave() {
    QCOMPARE(bookwheel::defaultCacheOptions(shape()).policy, bookwheel::CachePolicy::Corrected);
    ModelShape narrow = shape();
    narrow.headDim = 80;
    QCOMPARE(bookwheel::defaultCacheOptions(narrow).policy, bookwheel::CachePolicy::Exact);
    ModelShape shared = shape();
    shared.kvHeads = 1;
    QCOMPARE(bookwheel::defaultCacheOptions(shared).policy, bookwheel::CachePolicy::Exact);
  }

  void choosesTheBestThatFits() {
    // Room for everything, then less and less of it.
    const PlanRequest plenty = request(100'000, 64 * kGiga);
    const bookwheel::PlanChoice best = bookwheel::choosePlan(shape(), plenty);
    QVERIFY(best.plan.fits);
    QCOMPARE(best.cache, bookwheel::defaultCacheOptions(shape()));
    QCOMPARE(best.capacity, bookwheel::CapacityPlace::Memory);

    std::int64_t budget = best.plan.totalBytes;
    std::vector<QString> chosen;
    for (;;) {
      const bookwheel::PlanChoice choice = bookwheel::choosePlan(shape(), request(100'000, budget));
      if (!choice.plan.fits) {
        break;
      }
      QVERIFY(choice.plan.totalBytes <= budget);
      chosen.push_back(QString("%1 K%2V%3")
                           .arg(choice.capacity == bookwheel::CapacityPlace::File ? "file" : "ram")
                           .arg(choice.cache.usesCopy() ? choice.cache.keyBits : 16)
                           .arg(choice.cache.usesCopy() ? choice.cache.valueBits : 16));
      budget = choice.plan.totalBytes - 1;
    }
    QCOMPARE(chosen.front(), QString("ram K2V2"));
    QVERIFY(std::ranges::find(chosen, QString("ram K16V16")) != chosen.end());
    QVERIFY(std::ranges::find(chosen, QString("file K2V2")) != chosen.end());
    QCOMPARE(chosen.back(), QString("file K1V1"));
  }

  void stopsAreWhereTheChoiceChanges() {
    const bookwheel::PlanRequest wish = request(100'000, 0);
    const std::vector<bookwheel::PlanChoice> stops = bookwheel::planStops(shape(), wish);
    QVERIFY(stops.size() >= 4);
    for (std::size_t i = 0; i < stops.size(); ++i) {
      const std::int64_t budget = stops[i].plan.totalBytes;
      QVERIFY(stops[i].plan.fits);
      const auto at = bookwheel::choosePlan(shape(), request(100'000, budget));
      QVERIFY(at.cache == stops[i].cache && at.capacity == stops[i].capacity);
      // One byte less buys what the stop before buys, or nothing.
      const auto below = bookwheel::choosePlan(shape(), request(100'000, budget - 1));
      QCOMPARE(below.plan.fits, i > 0);
      if (i > 0) {
        QVERIFY(stops[i - 1].plan.totalBytes < budget);
        QVERIFY(below.cache == stops[i - 1].cache && below.capacity == stops[i - 1].capacity);
      }
    }
    QCOMPARE(stops.back().cache, bookwheel::defaultCacheOptions(shape()));
    QVERIFY(bookwheel::planStops(shape(), request(131'073, 0)).empty());
  }

  void saysTheLeastBudget() {
    const bookwheel::PlanChoice choice = bookwheel::choosePlan(shape(), request(100'000, kGiga));
    QVERIFY(!choice.plan.fits);
    const std::string& reason = choice.plan.reason;
    QVERIFY2(reason.find("1.00 GB") != std::string::npos, reason.c_str());
    // What it names is enough.
    QVERIFY(bookwheel::choosePlan(shape(), request(100'000, choice.plan.totalBytes)).plan.fits);
    QVERIFY(
        !bookwheel::choosePlan(shape(), request(100'000, choice.plan.totalBytes - 1)).plan.fits);

    const std::string tooLong =
        bookwheel::choosePlan(shape(), request(131'402, 64 * kGiga)).plan.reason;
    QVERIFY2(tooLong.find("131,072") != std::string::npos, tooLong.c_str());
  }

  void saysWhyNot() {
    const std::string tooLong = planMemory(shape(), request(131'402, 64 * kGiga)).reason;
    QVERIFY2(tooLong.find("131,402") != std::string::npos, tooLong.c_str());
    QVERIFY2(tooLong.find("131,072") != std::string::npos, tooLong.c_str());

    const MemoryPlan tooLarge = planMemory(shape(), request(10, 2 * kGiga));
    QVERIFY(!tooLarge.fits);
    QCOMPARE(tooLarge.mostTokens, 0);
    QVERIFY2(tooLarge.reason.find("2.00 GB") != std::string::npos, tooLarge.reason.c_str());

    const MemoryPlan tooMany = planMemory(shape(), request(100'000, 16 * kGiga));
    QVERIFY2(tooMany.reason.find("100,000") != std::string::npos, tooMany.reason.c_str());
    QVERIFY2(tooMany.reason.find("16.00 GB") != std::string::npos, tooMany.reason.c_str());
  }

  void aShorterContextIsRespected() {
    PlanRequest wish = request(5000, 64 * kGiga);
    wish.contextTokens = 4096;
    QVERIFY(!planMemory(shape(), wish).fits);
    wish.contextTokens = std::int64_t{1} << 40;  // never more than the model reads
    wish.tokens = 131'073;
    QVERIFY(!planMemory(shape(), wish).fits);
  }

  void theSystemSaysWhatIsFree() { QVERIFY(bookwheel::availableMemoryBytes() > (1 << 20)); }
};

QTEST_APPLESS_MAIN(PlannerTest)
#include "planner_test.moc"
