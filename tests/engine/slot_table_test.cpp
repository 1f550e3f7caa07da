// SPDX-License-Identifier: Apache-2.0
// SlotTable against the same rules in plain maps, and the rules one by one.
#include "engine/cache/slot_table.h"

#include "tests/support/seeded_random.h"

#include <QTest>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <vector>

using namespace bookwheel;

namespace {

/// The rules, as slowly as they can be written.
class PlainTable {
 public:
  explicit PlainTable(int slotCount) : m_slots(slotCount) {}

  int find(std::uint32_t token) const {
    for (const auto& [slot, held] : m_held) {
      if (held.token == token) {
        return slot;
      }
    }
    return SlotTable::kNoSlot;
  }
  void markWanted(int slot, std::uint32_t step) {
    Held& held = m_held.at(slot);
    if (held.wanted != step) {
      held.used = std::max(held.used, held.wanted == 0 ? step : step + SlotTable::kHysteresisSteps);
      held.wanted = step;
    }
  }
  void markExpected(int slot, std::uint32_t step) {
    m_held.at(slot).used = std::max(m_held.at(slot).used, step);
  }
  void assign(int slot, std::uint32_t token, std::uint32_t epoch) {
    m_held[slot] = {token, 0, 0, epoch};
  }
  void drop(int slot) { m_held.erase(slot); }
  std::vector<int> victims(std::size_t most, std::uint32_t step, SlotTable::Reach reach,
                           std::uint32_t busyEpoch) const {
    std::vector<std::tuple<std::int64_t, int>> order;  // (used, slot): the smallest goes first
    for (int slot = 0; slot < m_slots; ++slot) {
      const auto held = m_held.find(slot);
      if (held == m_held.end()) {
        order.emplace_back(-1, slot);
      } else if (held->second.wanted != step &&
                 (busyEpoch == 0 || held->second.requested != busyEpoch) &&
                 (reach == SlotTable::Reach::Unwanted || held->second.used < step)) {
        order.emplace_back(held->second.used, slot);
      }
    }
    std::sort(order.begin(), order.end());
    order.resize(std::min(order.size(), most));
    std::vector<int> chosen;
    for (const auto& [used, slot] : order) {
      chosen.push_back(slot);
    }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
  }
  const auto& held() const { return m_held; }

 private:
  struct Held {
    std::uint32_t token;
    std::uint32_t used;
    std::uint32_t wanted;
    std::uint32_t requested;
  };
  int m_slots;
  std::map<int, Held> m_held;
};

std::vector<int> victimsOf(const SlotTable& table, std::size_t most, std::uint32_t step,
                           SlotTable::Reach reach, std::uint32_t busyEpoch = 0) {
  std::vector<std::uint16_t> victims(most);
  victims.resize(static_cast<std::size_t>(table.takeVictims(victims, step, reach, busyEpoch)));
  return {victims.begin(), victims.end()};
}

}  // namespace

class SlotTableTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void agreesWithThePlainTable_data() {
    QTest::addColumn<int>("slotCount");
    for (const int slotCount : {1, 2, 7, 64, 100}) {
      QTest::addRow("%d slots", slotCount) << slotCount;
    }
  }
  void agreesWithThePlainTable() {
    QFETCH(int, slotCount);
    SlotTable table(slotCount);
    PlainTable plain(slotCount);
    SeededRandom random(static_cast<std::uint64_t>(slotCount));
    std::uint32_t step = 1;
    std::uint32_t epoch = 1;
    // Few tokens more than slots, so that they come back; some share their home in the table.
    const auto tokens = static_cast<std::uint32_t>(2 * slotCount + 3);
    const auto someToken = [&] { return random.below(tokens) * 64; };
    for (int move = 0; move < 20'000; ++move) {
      switch (random.below(8)) {
        case 0:
          // Steps stay within the ages that are told apart.
          ++step;
          break;
        case 1:
          ++epoch;
          break;
        case 2: {
          const std::uint32_t token = someToken();
          if (const int slot = plain.find(token); slot != SlotTable::kNoSlot) {
            table.drop(slot);
            plain.drop(slot);
          }
          break;
        }
        case 3: {
          // Refreshing all keeps ages below the limit, where the table stops telling them apart.
          for (const auto& entry : std::map(plain.held())) {
            table.markExpected(entry.first, step);
            plain.markExpected(entry.first, step);
          }
          break;
        }
        default: {
          const std::uint32_t token = someToken();
          int slot = plain.find(token);
          QCOMPARE(table.find(token), slot);
          const auto reach =
              random.below(2) == 0 ? SlotTable::Reach::Unwanted : SlotTable::Reach::Stale;
          if (slot == SlotTable::kNoSlot) {
            const std::size_t most = 1 + random.below(static_cast<std::uint32_t>(slotCount));
            const std::uint32_t busyEpoch = random.below(2) == 0 ? 0 : epoch;
            const std::vector<int> victims = plain.victims(most, step, reach, busyEpoch);
            QCOMPARE(victimsOf(table, most, step, reach, busyEpoch), victims);
            if (victims.empty()) {
              break;
            }
            slot = victims[random.below(static_cast<std::uint32_t>(victims.size()))];
            table.assign(slot, token, epoch);
            plain.assign(slot, token, epoch);
          }
          if (reach == SlotTable::Reach::Unwanted) {
            table.markWanted(slot, step);
            plain.markWanted(slot, step);
          } else {
            table.markExpected(slot, step);
            plain.markExpected(slot, step);
          }
        }
      }
      for (const auto& [slot, held] : plain.held()) {
        QCOMPARE(table.find(held.token), slot);
        QCOMPARE(table.token(slot), held.token);
        QCOMPARE(table.isWanted(slot, step), held.wanted == step);
      }
    }
    table.dropFrom(64 * slotCount);
    for (const auto& [slot, held] : plain.held()) {
      QCOMPARE(table.find(held.token), held.token < 64u * static_cast<std::uint32_t>(slotCount)
                                           ? slot
                                           : SlotTable::kNoSlot);
    }
  }

  void theLeastRecentlyWantedGoesFirst() {
    SlotTable table(4);
    for (int slot = 0; slot < 4; ++slot) {
      table.assign(slot, static_cast<std::uint32_t>(100 + slot), 1);
      table.markWanted(slot, static_cast<std::uint32_t>(4 - slot));  // slot 3 longest ago
    }
    using Slots = std::vector<int>;
    QCOMPARE(victimsOf(table, 1, 5, SlotTable::Reach::Unwanted), Slots({3}));
    QCOMPARE(victimsOf(table, 2, 5, SlotTable::Reach::Unwanted), Slots({2, 3}));
    table.drop(0);
    QCOMPARE(victimsOf(table, 2, 5, SlotTable::Reach::Unwanted), Slots({0, 3}));  // empty first
  }

  void nothingWantedInThisStepIsGivenUp() {
    SlotTable table(3);
    for (int slot = 0; slot < 3; ++slot) {
      table.assign(slot, static_cast<std::uint32_t>(slot), 1);
      table.markWanted(slot, 7);
    }
    QVERIFY(victimsOf(table, 3, 7, SlotTable::Reach::Unwanted).empty());
    QCOMPARE(victimsOf(table, 3, 8, SlotTable::Reach::Unwanted).size(), 3u);
    QVERIFY(victimsOf(table, 3, 8, SlotTable::Reach::Unwanted, 1).empty());  // on their way
  }

  void whatManyStepsWantStaysLonger() {
    SlotTable table(2);
    table.assign(0, 10, 1);
    table.assign(1, 11, 1);
    table.markWanted(0, 1);
    table.markWanted(0, 2);  // wanted twice, up to step 2
    table.markWanted(1, 3);  // wanted once, in step 3
    using Slots = std::vector<int>;
    // 2 + kHysteresisSteps is past 3.
    QCOMPARE(victimsOf(table, 1, 4, SlotTable::Reach::Unwanted), Slots({1}));
    // A guess may push out slot 1 and, as long as the hysteresis lasts, not slot 0.
    QCOMPARE(victimsOf(table, 2, 4, SlotTable::Reach::Stale), Slots({1}));
    QCOMPARE(victimsOf(table, 2, 5, SlotTable::Reach::Stale), Slots({0, 1}));
  }
};

QTEST_APPLESS_MAIN(SlotTableTest)
#include "slot_table_test.moc"
