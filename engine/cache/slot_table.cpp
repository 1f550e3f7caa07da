// SPDX-License-Identifier: Apache-2.0
#include "engine/cache/slot_table.h"

#include "engine/error.h"

#include <algorithm>
#include <array>
#include <bit>

namespace bookwheel {
namespace {

// Victims are sorted by age into buckets: all that is older than this many steps is equally old.
constexpr std::uint32_t kOldest = 62;
constexpr std::uint32_t kEmpty = kOldest + 1;  // the bucket of empty slots
constexpr std::uint32_t kKept = kEmpty + 1;    // and of those that may not be given up

constexpr std::size_t entriesFor(std::size_t slotCount) { return std::bit_ceil(2 * slotCount); }

}  // namespace

SlotTable::SlotTable(int slotCount)
    : m_tokens(index(slotCount), kNoToken),
      m_used(index(slotCount)),
      m_wanted(index(slotCount)),
      m_requested(index(slotCount)),
      m_entries(entriesFor(index(slotCount))) {
  BOOKWHEEL_ASSERT(slotCount >= 1 && slotCount <= kMostSlots);
}

std::int64_t SlotTable::bytesFor(int slotCount) {
  return static_cast<std::int64_t>(index(slotCount) * 4 * sizeof(std::uint32_t) +
                                   entriesFor(index(slotCount)) * sizeof(std::uint16_t));
}

std::size_t SlotTable::home(std::uint32_t token) const {
  // Fibonacci hashing: the golden ratio spreads the runs of neighbours that attention likes.
  const std::uint32_t mixed = token * 0x9E37'79B9u;
  return mixed >> (32 - std::bit_width(m_entries.size() - 1));
}

std::size_t SlotTable::entryOf(std::uint32_t token) const {
  const std::size_t mask = m_entries.size() - 1;
  std::size_t entry = home(token);
  while (m_entries[entry] != 0 && m_tokens[m_entries[entry] - 1u] != token) {
    entry = (entry + 1) & mask;
  }
  return entry;
}

int SlotTable::find(std::uint32_t token) const { return m_entries[entryOf(token)] - 1; }

void SlotTable::markWanted(int slot, std::uint32_t step) {
  std::uint32_t& wanted = m_wanted[index(slot)];
  std::uint32_t& used = m_used[index(slot)];
  if (wanted != step) {
    used = std::max(used, wanted == 0 ? step : step + kHysteresisSteps);
    wanted = step;
  }
}

void SlotTable::markExpected(int slot, std::uint32_t step) {
  m_used[index(slot)] = std::max(m_used[index(slot)], step);
}

int SlotTable::takeVictims(std::span<std::uint16_t> victims, std::uint32_t step, Reach reach,
                           std::uint32_t busyEpoch) const {
  const auto bucketOf = [&](std::size_t slot) {
    if (m_tokens[slot] == kNoToken) {
      return kEmpty;
    }
    if (m_wanted[slot] == step || (busyEpoch != 0 && m_requested[slot] == busyEpoch)) {
      return kKept;
    }
    if (reach == Reach::Stale && m_used[slot] >= step) {
      return kKept;
    }
    return std::min(step + kHysteresisSteps - m_used[slot], kOldest);
  };
  std::array<std::size_t, kKept + 1> counts{};
  for (std::size_t slot = 0; slot < m_tokens.size(); ++slot) {
    ++counts[bucketOf(slot)];
  }
  // The youngest bucket that is needed, and how many of it.
  std::size_t missing = victims.size();
  std::uint32_t youngest = kEmpty;
  while (youngest > 0 && counts[youngest] < missing) {
    missing -= counts[youngest--];
  }
  std::size_t taken = 0;
  for (std::size_t slot = 0; slot < m_tokens.size() && taken < victims.size(); ++slot) {
    const std::uint32_t bucket = bucketOf(slot);
    if (bucket == kKept || bucket < youngest || (bucket == youngest && missing == 0)) {
      continue;
    }
    missing -= bucket == youngest ? 1 : 0;
    victims[taken++] = static_cast<std::uint16_t>(slot);
  }
  return static_cast<int>(taken);
}

void SlotTable::assign(int slot, std::uint32_t token, std::uint32_t epoch) {
  BOOKWHEEL_ASSERT(token != kNoToken);
  drop(slot);
  const std::size_t entry = entryOf(token);
  BOOKWHEEL_ASSERT(m_entries[entry] == 0);
  m_entries[entry] = static_cast<std::uint16_t>(slot + 1);
  m_tokens[index(slot)] = token;
  m_requested[index(slot)] = epoch;
}

void SlotTable::drop(int slot) {
  std::uint32_t& token = m_tokens[index(slot)];
  if (token != kNoToken) {
    erase(token);
    token = kNoToken;
  }
  m_used[index(slot)] = 0;
  m_wanted[index(slot)] = 0;
}

void SlotTable::dropFrom(std::int64_t fromToken) {
  for (int slot = 0; slot < slotCount(); ++slot) {
    if (m_tokens[index(slot)] != kNoToken && m_tokens[index(slot)] >= fromToken) {
      drop(slot);
    }
  }
}

void SlotTable::erase(std::uint32_t token) {
  const std::size_t mask = m_entries.size() - 1;
  std::size_t hole = entryOf(token);
  // Entries behind the hole move up unless that would put them before their home.
  for (std::size_t entry = (hole + 1) & mask; m_entries[entry] != 0; entry = (entry + 1) & mask) {
    const std::size_t wish = home(m_tokens[m_entries[entry] - 1u]);
    if (((entry - wish) & mask) >= ((entry - hole) & mask)) {
      m_entries[hole] = m_entries[entry];
      hole = entry;
    }
  }
  m_entries[hole] = 0;
}

}  // namespace bookwheel
