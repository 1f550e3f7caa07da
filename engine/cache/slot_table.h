// SPDX-License-Identifier: Apache-2.0
// SlotTable: which token's row is in which slot of one KV head, and which slot is given up next.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bookwheel {

/// A token is in at most one slot. All operations are O(1) but takeVictims, which is O(slots). The
/// same calls give the same slots on every machine.
class SlotTable {
 public:
  static constexpr int kMostSlots = 32'768;
  static constexpr std::uint32_t kNoToken = 0xffff'ffff;
  static constexpr int kNoSlot = -1;
  /// How many steps longer a slot counts as used when it has been wanted in more than one step:
  /// a step or two with other winners do not push out what several steps agreed on. More would
  /// leave guesses too little room in a buffer of 2 k slots.
  static constexpr std::uint32_t kHysteresisSteps = 2;

  /// What may be given up.
  enum class Reach {
    Unwanted,  ///< everything this step has not wanted
    Stale,     ///< only what counts as last used before this step: a guess pushes out no winner
  };

  explicit SlotTable(int slotCount);

  /// The slot of a token, or kNoSlot.
  int find(std::uint32_t token) const;
  std::uint32_t token(int slot) const { return m_tokens[index(slot)]; }
  bool isWanted(int slot, std::uint32_t step) const { return m_wanted[index(slot)] == step; }

  /// The slot is wanted in this step. Steps count from 1 and never go back.
  void markWanted(int slot, std::uint32_t step);
  /// The slot is expected to be wanted in the next step.
  void markExpected(int slot, std::uint32_t step);

  /// Chooses up to victims.size() slots to be given up: empty ones first, then those used least
  /// recently, the lower slot first; returns how many. Never a slot wanted in `step`, nor one whose
  /// row was requested in `busyEpoch` (0: no row is on its way).
  int takeVictims(std::span<std::uint16_t> victims, std::uint32_t step, Reach reach,
                  std::uint32_t busyEpoch) const;
  /// The slot holds this token from now on, requested in `epoch`; what it held is forgotten. The
  /// token must be in no slot.
  void assign(int slot, std::uint32_t token, std::uint32_t epoch);
  /// The slot is empty.
  void drop(int slot);
  /// Empties the slots of all tokens >= fromToken.
  void dropFrom(std::int64_t fromToken);

  int slotCount() const { return static_cast<int>(m_tokens.size()); }
  /// Of the arrays of a table.
  static std::int64_t bytesFor(int slotCount);

 private:
  static std::size_t index(int slot) { return static_cast<std::size_t>(slot); }
  std::size_t home(std::uint32_t token) const;
  std::size_t entryOf(std::uint32_t token) const;
  void erase(std::uint32_t token);

  std::vector<std::uint32_t> m_tokens;     // (slots) kNoToken: empty
  std::vector<std::uint32_t> m_used;       // (slots) the step it counts as last used in
  std::vector<std::uint32_t> m_wanted;     // (slots) the step it was last wanted in, 0: never
  std::vector<std::uint32_t> m_requested;  // (slots) the epoch its row was requested in
  // Open addressing with linear probing, at most half full: slot + 1, 0 is free.
  std::vector<std::uint16_t> m_entries;
};

}  // namespace bookwheel
