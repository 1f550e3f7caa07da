// SPDX-License-Identifier: Apache-2.0
// PrefetchBuffer: the exact pairs of a capacity file that are at hand, and the fetching of others.
#pragma once

#include "engine/cache/capacity_file.h"
#include "engine/cache/slot_table.h"
#include "kernels/args.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace bookwheel {

/// What fetching did in one step. Times are wall time: exposed is what the engine thread spent in
/// wait() (or in want(), when no slot was free), hidden is the rest of the time during which rows
/// of the layer were on their way, those requested ahead in the step before included.
struct FetchStats {
  std::int64_t wantedPairs = 0;   ///< given to want()
  std::int64_t hits = 0;          ///< of these, resident or requested ahead
  std::int64_t fetchedPairs = 0;  ///< requested from the file, by want() and prefetch()
  std::int64_t aheadPairs = 0;    ///< of these, by prefetch()
  std::int64_t fetchedBytes = 0;  ///< of fetchedPairs, without padding
  double hiddenUs = 0;
  double exposedUs = 0;

  FetchStats& operator+=(const FetchStats& other);
};

/// A fixed number of slots for each (layer, KV head), each holding the row of one token. Winners
/// stay: the slot given up is the one that has been wanted least recently, and a pair wanted in
/// more than one step counts as wanted SlotTable::kHysteresisSteps steps longer. What is resident
/// changes the time a step takes and never a bit of its result: want() yields the rows of exactly
/// the tokens it is given, or wait() throws.
///
/// A step:  beginStep(); for each layer: want(layer, head, kappa, slots) for each head, other work,
/// wait(layer), attention over rows(layer) at these slots, prefetch(layer, head, guess) if there is
/// a guess for the next step.
///
/// Engine thread; the file's reader threads fill the slots. All memory is allocated by the
/// constructor.
class PrefetchBuffer {
 public:
  /// The file must outlive the buffer. slotCount: of each head, at least the most pairs that one
  /// step wants of it; twice k keeps last step's losers for a while. At most SlotTable::kMostSlots.
  PrefetchBuffer(CapacityFile& file, int slotCount);
  /// Waits for rows on their way.
  ~PrefetchBuffer();
  PrefetchBuffer(const PrefetchBuffer&) = delete;
  PrefetchBuffer& operator=(const PrefetchBuffer&) = delete;

  /// A new step: slots wanted before may be given up again, the statistics start at zero.
  void beginStep();
  /// The rows of `tokens` (ascending, each below file.tokens()) shall be in slots `slotsOut`
  /// (tokens.size()) of the head once wait(layer) has returned. Missing ones are requested at once.
  /// All tokens that a step wants of a head must fit its slots; they stay until the next
  /// beginStep().
  void want(int layer, int kvHead, std::span<const std::uint32_t> tokens, std::uint32_t* slotsOut);
  /// Requests pairs that the next step may want, in the given order, as far as there are slots that
  /// this step did not want. A guess that cannot be read is forgotten.
  void prefetch(int layer, int kvHead, std::span<const std::uint32_t> tokens);
  /// Returns when no row of the layer is on its way. A wanted pair that could not be read is tried
  /// once more; then its Error is thrown: this step's slots of the layer are void, and the buffer
  /// stays usable.
  void wait(int layer);

  /// The slots of a layer as rows: slot s of head h is "token" s of head h. For
  /// kernels::ExactPairsArgs; valid as long as the buffer.
  kernels::KvRows rows(int layer) const;

  /// Drops all pairs of tokens >= fromToken, and requests under way: with every
  /// CapacityFile::truncate, before the file is written again. forget(0) empties the buffer.
  void forget(std::int64_t fromToken);

  /// Of the step since beginStep().
  const FetchStats& stats(int layer) const {
    return m_layers[static_cast<std::size_t>(layer)]->stats;
  }
  FetchStats stats() const;  ///< of all layers

  int slotCount() const { return m_slots; }
  /// Memory the buffer holds: rows, tables and requests.
  std::int64_t bytes() const { return bytesFor(m_file.shape(), m_slots); }
  static std::int64_t bytesFor(const KvShape& shape, int slotCount);

 private:
  struct Layer {
    explicit Layer(RowReader& reader) : reads(reader) {}

    ReadGroup reads;
    FetchStats stats;
    bool isPending = false;  // rows may be on their way
    // Counts the times at which none was, from 1: with isPending, a slot requested in the current
    // epoch may be written by a reader at any moment.
    std::uint32_t epoch = 1;
    std::int64_t exposedNs = 0;    // in want(), of the wait() to come
    std::optional<Error> problem;  // of a wanted pair; its request says `failed`
  };
  /// Rows to be handed to the reader, linked by RowRead::next.
  struct Requests {
    RowRead* first = nullptr;
    RowRead* last = nullptr;
    int count = 0;
  };
  enum class Failed { All, Unwanted };
  struct Free {
    void operator()(std::uint16_t* memory) const;
  };

  Layer& layerAt(int layer);
  SlotTable& tableAt(int layer, int kvHead);
  RowRead& requestAt(int layer, int kvHead, int slot);
  std::uint16_t* slotRow(int layer, int kvHead, int slot) const;

  std::span<std::uint16_t> takeVictims(int layer, const SlotTable& table, std::size_t most,
                                       SlotTable::Reach reach);
  void append(Requests& requests, int layer, int kvHead, int slot, std::uint32_t token);
  void hand(int layer, const Requests& requests, ReadUrgency urgency);
  void settleIfIdle(int layer);
  /// Waits until no row of the layer is on its way. Failed rows that nobody wants are dropped; if
  /// there are others, the layer has a problem.
  void drain(int layer);
  /// visit(head, slot), while no row of the layer is on its way.
  template <typename Visit>
  void forEachFailed(int layer, Visit visit);
  void dropFailed(int layer, Failed which);

  // Constant after construction.
  CapacityFile& m_file;
  const int m_slots;

  std::uint32_t m_step = 1;
  std::unique_ptr<std::uint16_t[], Free> m_rows;  // (L, Hkv, slots, row), 128-byte aligned
  std::vector<RowRead> m_requests;                // (L, Hkv, slots)
  std::vector<SlotTable> m_tables;                // (L, Hkv)
  std::vector<std::uint16_t> m_victims;           // (slots)
  std::vector<std::unique_ptr<Layer>> m_layers;   // (L); last: waits for reads into the rest
};

}  // namespace bookwheel
