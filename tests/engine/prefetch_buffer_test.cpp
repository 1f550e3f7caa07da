// SPDX-License-Identifier: Apache-2.0
// PrefetchBuffer: the wanted rows are there, whatever was guessed, however slow or broken the file.
#include "engine/cache/prefetch_buffer.h"

#include "engine/error.h"
#include "tests/engine/kv_rows_fixture.h"
#include "tests/support/failing_file.h"
#include "tests/support/seeded_random.h"

#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {
std::atomic<std::int64_t> allocations = 0;
std::atomic<std::int64_t> allocatedBytes = 0;

void* counted(void* memory, std::size_t bytes) {
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  allocations.fetch_add(1, std::memory_order_relaxed);
  allocatedBytes.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  return memory;
}
}  // namespace

void* operator new(std::size_t bytes) { return counted(std::malloc(bytes), bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit), bytes);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

using namespace bookwheel;

namespace {

constexpr KvShape kShape{3, 2, 32};
constexpr std::int64_t kMostTokens = 100'000;

using Tokens = std::vector<std::uint32_t>;
using Slots = std::vector<std::uint32_t>;

/// `count` different tokens below `limit`, ascending.
Tokens someOf(SeededRandom& random, std::size_t count, std::int64_t limit) {
  std::set<std::uint32_t> chosen;
  while (chosen.size() < count) {
    chosen.insert(random.below(static_cast<std::uint32_t>(limit)));
  }
  return {chosen.begin(), chosen.end()};
}

/// Attention's winners from one step to the next: about a quarter of them changes.
Tokens drifted(SeededRandom& random, const Tokens& before, std::size_t count, std::int64_t limit) {
  std::set<std::uint32_t> chosen;
  for (const std::uint32_t token : before) {
    if (token < limit && chosen.size() < count && random.below(4) != 0) {
      chosen.insert(token);
    }
  }
  while (chosen.size() < count) {
    chosen.insert(random.below(static_cast<std::uint32_t>(limit)));
  }
  return {chosen.begin(), chosen.end()};
}

Slots wanted(PrefetchBuffer& buffer, int layer, int head, const Tokens& tokens) {
  Slots places(tokens.size());
  buffer.want(layer, head, tokens, places.data());
  return places;
}

bool hold(const PrefetchBuffer& buffer, int layer, int head, const Tokens& tokens,
          const Slots& places, int text = 0) {
  const kernels::KvRows rows = buffer.rows(layer);
  if (std::set(places.begin(), places.end()).size() != places.size()) {
    return false;
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (places[i] >= static_cast<std::uint32_t>(buffer.slotCount()) ||
        !isRowOf(rows.data + head * rows.headStride + places[i] * rows.tokenStride, kShape, layer,
                 head, tokens[i], text)) {
      return false;
    }
  }
  return true;
}

std::optional<std::string> messageOf(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

enum Predictor { NoGuess, RightGuess, WrongGuess, EndlessGuess };

}  // namespace

class PrefetchBufferTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() {
    m_folder = std::make_unique<QTemporaryDir>();
    QVERIFY(m_folder->isValid());
  }
  void cleanup() { m_folder.reset(); }

  void wantedRowsAreThere_data() {
    QTest::addColumn<int>("readers");
    QTest::addColumn<int>("slotCount");
    QTest::addColumn<int>("predictor");
    for (const int readers : {1, 3}) {
      for (const int slotCount : {40, 80}) {  // k and 2 k
        for (const auto& [name, predictor] : {std::pair{"none", NoGuess},
                                              {"right", RightGuess},
                                              {"wrong", WrongGuess},
                                              {"more than fits", EndlessGuess}}) {
          QTest::addRow("%d readers, %d slots, guess: %s", readers, slotCount, name)
              << readers << slotCount << static_cast<int>(predictor);
        }
      }
    }
  }
  /// Real use, without any waiting but the buffer's own: prefetches of the step before are still
  /// on their way when the next step wants slots. Each row wanted is compared in full, so no
  /// predictor, slot count or thread count changes a bit of what attention would read.
  void wantedRowsAreThere() {
    QFETCH(int, readers);
    QFETCH(int, slotCount);
    QFETCH(int, predictor);
    constexpr std::size_t kPairs = 40;
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, readers);
    appendTokens(*file, 1200);
    PrefetchBuffer buffer(*file, slotCount);
    SeededRandom random(static_cast<std::uint64_t>(slotCount + predictor));
    std::map<std::pair<int, int>, Tokens> winners;
    std::map<std::pair<int, int>, Tokens> next;
    int text = 0;
    for (int step = 0; step < 60; ++step) {
      buffer.beginStep();
      if (step == 30) {  // another question: the same positions, other rows
        file->truncate(0);
        buffer.forget(0);
        text = 1;
        appendTokens(*file, 900, text);
        next.clear();
      }
      for (int layer = 0; layer < kShape.layers; ++layer) {
        std::map<int, Slots> found;
        for (int head = 0; head < kShape.kvHeads; ++head) {
          Tokens& kappa = winners[{layer, head}];
          kappa = next.contains({layer, head}) ? next[{layer, head}]
                                               : drifted(random, kappa, kPairs, file->tokens());
          found[head] = wanted(buffer, layer, head, kappa);
        }
        buffer.wait(layer);
        for (int head = 0; head < kShape.kvHeads; ++head) {
          QVERIFY(hold(buffer, layer, head, winners[{layer, head}], found[head], text));
        }
        for (int head = 0; head < kShape.kvHeads; ++head) {
          Tokens& after = next[{layer, head}];
          after = drifted(random, winners[{layer, head}], kPairs, file->tokens());
          if (predictor == RightGuess) {
            buffer.prefetch(layer, head, after);
          } else if (predictor == WrongGuess) {
            buffer.prefetch(layer, head, someOf(random, kPairs, file->tokens()));
          } else if (predictor == EndlessGuess) {
            buffer.prefetch(layer, head, someOf(random, 500, file->tokens()));
          }
        }
        const FetchStats& stats = buffer.stats(layer);
        QCOMPARE(stats.wantedPairs, 2 * static_cast<std::int64_t>(kPairs));
        QVERIFY(stats.hits >= 0 && stats.hits <= stats.wantedPairs);
        QCOMPARE(stats.fetchedPairs, stats.wantedPairs - stats.hits + stats.aheadPairs);
        QCOMPARE(stats.fetchedBytes, stats.fetchedPairs * 128);
        QVERIFY(stats.hiddenUs >= 0 && stats.exposedUs >= 0);
        // A right guess that finds room is a hit.
        if (predictor == RightGuess && slotCount == 80 && step != 0 && step != 30) {
          QCOMPARE(stats.hits, stats.wantedPairs);
        }
      }
    }
  }

  /// A plain map as a model of what must be resident: with room for all and every guess waited
  /// for, a pair is fetched exactly once until it is forgotten.
  void residentsAreNotFetchedAgain() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens);
    appendTokens(*file, 300);
    PrefetchBuffer buffer(*file, 300);
    SeededRandom random(3);
    std::map<std::pair<int, int>, std::set<std::uint32_t>> resident;
    for (int step = 0; step < 80; ++step) {
      buffer.beginStep();
      const int layer = static_cast<int>(random.below(3));
      const int head = static_cast<int>(random.below(2));
      std::set<std::uint32_t>& pairs = resident[{layer, head}];
      const Tokens tokens = someOf(random, 1 + random.below(60),
                                   std::min<std::int64_t>(file->tokens(), 100 + 4 * step));
      std::int64_t missing = 0;
      for (const std::uint32_t token : tokens) {
        missing += pairs.insert(token).second ? 1 : 0;
      }
      const auto count = static_cast<std::int64_t>(tokens.size());
      if (random.below(3) == 0) {
        buffer.prefetch(layer, head, tokens);
        buffer.wait(layer);
        QCOMPARE(buffer.stats().aheadPairs, missing);
        QCOMPARE(buffer.stats().wantedPairs, 0);
      } else {
        const Slots places = wanted(buffer, layer, head, tokens);
        buffer.wait(layer);
        QVERIFY(hold(buffer, layer, head, tokens, places));
        QCOMPARE(buffer.stats().hits, count - missing);
        QCOMPARE(buffer.stats().aheadPairs, 0);
      }
      QCOMPARE(buffer.stats().fetchedPairs, missing);
      if (step % 20 == 19) {
        const std::int64_t kept = 150 + random.below(100);
        file->truncate(kept);
        buffer.forget(kept);
        for (auto& entry : resident) {
          entry.second.erase(entry.second.lower_bound(static_cast<std::uint32_t>(kept)),
                             entry.second.end());
        }
        appendTokens(*file, 300 - kept);
      }
    }
  }

  void oneTokenMoreForgetsTheLeastRecent() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens);
    appendTokens(*file, 100);
    PrefetchBuffer buffer(*file, 4);
    const auto hitsOf = [&](const Tokens& tokens) {
      buffer.beginStep();
      const Slots places = wanted(buffer, 1, 1, tokens);
      buffer.wait(1);
      return hold(buffer, 1, 1, tokens, places) ? buffer.stats(1).hits : -1;
    };
    QCOMPARE(hitsOf({1, 2}), 0);
    QCOMPARE(hitsOf({3, 4}), 0);
    QCOMPARE(hitsOf({5}), 0);        // in the place of 1
    QCOMPARE(hitsOf({2, 3, 4}), 3);  // wanted for the second time
    QCOMPARE(hitsOf({1}), 0);        // in the place of 5
    QCOMPARE(hitsOf({6}), 0);        // in that of 1: the others were wanted more than once
    QCOMPARE(hitsOf({2, 3, 4, 6}), 4);
  }

  void aGuessPushesOutNoWinner() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens);
    appendTokens(*file, 100);
    PrefetchBuffer buffer(*file, 4);
    buffer.beginStep();
    wanted(buffer, 0, 0, {1, 2, 3});
    buffer.wait(0);
    buffer.prefetch(0, 0, Tokens{10, 11, 12});
    QCOMPARE(buffer.stats(0).aheadPairs, 1);  // one slot was not wanted
    buffer.beginStep();
    const Slots places = wanted(buffer, 0, 0, {1, 2, 3, 10});
    buffer.wait(0);
    QCOMPARE(buffer.stats(0).hits, 4);
    QVERIFY(hold(buffer, 0, 0, {1, 2, 3, 10}, places));
  }

  void allMemoryIsTakenAtOnceAndCounted() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 2);
    appendTokens(*file, 1000);
    for (const int slotCount : {7, 64}) {
      const std::int64_t before = allocatedBytes;
      auto buffer = std::make_unique<PrefetchBuffer>(*file, slotCount);
      const auto object = static_cast<std::int64_t>(sizeof(PrefetchBuffer));
      QCOMPARE(allocatedBytes - before, buffer->bytes() + object);
    }

    PrefetchBuffer buffer(*file, 64);
    SeededRandom random(1);
    std::vector<Tokens> sets;
    for (int i = 0; i < 50; ++i) {
      sets.push_back(someOf(random, 40, 1000));
    }
    Slots places(40);
    const std::int64_t before = allocations;
    for (const Tokens& tokens : sets) {
      buffer.beginStep();
      for (int layer = 0; layer < kShape.layers; ++layer) {
        buffer.want(layer, 0, tokens, places.data());
        buffer.want(layer, 1, tokens, places.data());
        buffer.wait(layer);
        buffer.prefetch(layer, 0, sets[0]);
      }
    }
    buffer.forget(10);
    QCOMPARE(allocations - before, 0);
  }

  // ---- Slow and broken files ----------------------------------------------------------------

  void wantReturnsBeforeTheRowsAreRead() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 2);
    appendTokens(*file, 100);
    PrefetchBuffer buffer(*file, 8);
    HeldFile slow(folder().native(), FileCall::Read);
    buffer.beginStep();
    const Slots first = wanted(buffer, 0, 0, {1, 50});
    const Slots second = wanted(buffer, 0, 1, {2, 51});
    slow.waitUntilHeld(1);
    const auto held = std::chrono::steady_clock::now();
    QCOMPARE(buffer.stats(0).hits, 0);
    const std::chrono::duration<double, std::micro> work = std::chrono::steady_clock::now() - held;
    std::jthread device([&] { slow.release(); });
    buffer.wait(0);
    QVERIFY(hold(buffer, 0, 0, {1, 50}, first));
    QVERIFY(hold(buffer, 0, 1, {2, 51}, second));
    QVERIFY(buffer.stats(0).exposedUs > 0);
    // The rows were on their way while this thread worked. How much of that was hidden depends on
    // how late the system lets the waiting thread go on.
    QVERIFY(buffer.stats(0).hiddenUs + buffer.stats(0).exposedUs >= work.count());
    QCOMPARE(buffer.stats(1).exposedUs, 0.0);
  }

  void slotsOnTheirWayAreNotGivenUp() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 1);
    appendTokens(*file, 100);
    PrefetchBuffer buffer(*file, 4);
    HeldFile slow(folder().native(), FileCall::Read);
    buffer.beginStep();
    buffer.prefetch(0, 0, Tokens{10, 20, 30, 40});  // all slots
    slow.waitUntilHeld(1);
    buffer.beginStep();
    std::jthread device([&] { slow.release(); });
    const Tokens kappa{20, 50, 60, 70};
    const Slots places = wanted(buffer, 0, 0, kappa);  // has to wait for slots
    buffer.wait(0);
    QVERIFY(hold(buffer, 0, 0, kappa, places));
    QCOMPARE(buffer.stats(0).hits, 1);
    QVERIFY(buffer.stats(0).exposedUs > 0);
  }

  void forgettingWaitsForRowsOnTheirWay() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 1);
    appendTokens(*file, 100);
    PrefetchBuffer buffer(*file, 8);
    const Tokens kappa{5, 60, 70};
    {
      HeldFile slow(folder().native(), FileCall::Read);
      buffer.beginStep();
      buffer.prefetch(2, 1, kappa);
      slow.waitUntilHeld(1);
      std::jthread device([&] { slow.release(); });
      buffer.forget(50);
    }
    file->truncate(50);
    appendTokens(*file, 50, 1);
    buffer.beginStep();
    const Slots places = wanted(buffer, 2, 1, {60, 70});
    buffer.wait(2);
    QCOMPARE(buffer.stats(2).hits, 0);
    QVERIFY(hold(buffer, 2, 1, {60, 70}, places, 1));
    const Slots old = wanted(buffer, 2, 1, {5});
    buffer.wait(2);
    QVERIFY(hold(buffer, 2, 1, {5}, old));
  }

  void aWantedRowThatCannotBeReadIsAnError() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 2);
    appendTokens(*file, 100);
    PrefetchBuffer buffer(*file, 8);
    buffer.beginStep();
    const Tokens good{1, 2};
    wanted(buffer, 0, 0, good);
    buffer.wait(0);
    {
      FailingFile failing(folder().native(), FileCall::Read, 1, EIO, FaultLength::FromThenOn);
      buffer.beginStep();
      wanted(buffer, 0, 0, {1, 2, 40, 80});
      wanted(buffer, 0, 1, {7});
      const std::optional<std::string> message = messageOf([&] { buffer.wait(0); });
      QVERIFY(message && message->find("Input/output error") != std::string::npos);
      QVERIFY(!messageOf([&] { buffer.wait(0); }));  // said once
      // Given up before wait(): nothing of it is taken for a row later.
      buffer.beginStep();
      wanted(buffer, 0, 1, {8});
      file->reader().waitUntilIdle();
      wanted(buffer, 0, 0, {90});
      file->reader().waitUntilIdle();
    }
    buffer.beginStep();
    const Tokens kappa{1, 2, 40, 80, 90};
    const Slots places = wanted(buffer, 0, 0, kappa);
    const Slots other = wanted(buffer, 0, 1, {7, 8});
    buffer.wait(0);
    QVERIFY(hold(buffer, 0, 0, kappa, places));
    QVERIFY(hold(buffer, 0, 1, {7, 8}, other));
    QCOMPARE(buffer.stats(0).hits, 2);  // what failed is not resident
  }

  void aFailedGuessIsNoError_data() {
    QTest::addColumn<bool>("isKnown");
    QTest::newRow("known before the step wants the pair") << true;
    QTest::newRow("while the step waits for it") << false;
  }
  void aFailedGuessIsNoError() {
    QFETCH(bool, isKnown);
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 1);
    appendTokens(*file, 100);
    PrefetchBuffer buffer(*file, 8);
    const Tokens guess{10, 50, 90};
    const Tokens kappa{10, 51, 90};
    Slots places;
    std::optional<HeldFile> slow;
    slow.emplace(folder().native(), FileCall::Read);
    // One call for each guess and, since they lie far apart, no second one.
    std::optional<FailingFile> failing;
    failing.emplace(folder().native(), FileCall::Read, 1, EIO);
    buffer.beginStep();
    buffer.prefetch(1, 0, guess);
    slow->waitUntilHeld(1);
    if (isKnown) {
      slow.reset();
      file->reader().waitUntilIdle();
    }
    buffer.beginStep();
    places = wanted(buffer, 1, 0, kappa);
    slow.reset();
    buffer.wait(1);  // no Error
    QCOMPARE(failing->failures(), 1);
    QVERIFY(hold(buffer, 1, 0, kappa, places));
    QCOMPARE(buffer.stats(1).hits, isKnown ? 1 : 2);
  }

  void shortReadsAreNoMatter() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 2);
    appendTokens(*file, 100);
    PrefetchBuffer buffer(*file, 30);
    FailingFile failing(folder().native(), FileCall::Read, 1, 0, FaultLength::FromThenOn);
    SeededRandom random(5);
    for (int step = 0; step < 10; ++step) {
      buffer.beginStep();
      const Tokens kappa = someOf(random, 30, 100);
      const Slots places = wanted(buffer, 1, 1, kappa);
      buffer.wait(1);
      QVERIFY(hold(buffer, 1, 1, kappa, places));
    }
    QVERIFY(failing.failures() > 100);
  }

  void aCutFileIsAnError() {
    const auto file = CapacityFile::named(folder() / "kv", kShape, kMostTokens);
    appendTokens(*file, 600);
    PrefetchBuffer buffer(*file, 8);
    std::filesystem::resize_file(folder() / "kv", 20'000);
    buffer.beginStep();
    wanted(buffer, 2, 1, {599});
    const std::optional<std::string> message = messageOf([&] { buffer.wait(2); });
    QVERIFY(message && message->find("was cut by another program") != std::string::npos);
  }

 private:
  std::filesystem::path folder() const {
    return std::filesystem::canonical(m_folder->path().toStdString());
  }

  std::unique_ptr<QTemporaryDir> m_folder;
};

QTEST_APPLESS_MAIN(PrefetchBufferTest)
#include "prefetch_buffer_test.moc"
