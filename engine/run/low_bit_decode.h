// SPDX-License-Identifier: Apache-2.0
// LowBitDecode: a decoding step over the low-bit copy and the exact pairs that matter.
#pragma once

#include "engine/backend/backend.h"
#include "engine/cache/cache_options.h"
#include "engine/cache/kv_store.h"
#include "engine/cache/low_bit_copy.h"
#include "engine/cache/low_bit_sizes.h"
#include "engine/cache/prefetch_buffer.h"
#include "engine/model/prompt.h"
#include "engine/run/forward.h"
#include "engine/run/stats.h"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace bookwheel {

/// The step of SpeCache (arXiv 2503.16163) and the corrected step. In every layer the queries meet
/// the copy, in which the pairs of a set kappa are replaced by their 16-bit originals, then the
/// first tokens, the newest tokens and the token itself in 16 bits.
///
/// Corrected: kappa are the k largest of this step's own low-bit scores. A speculative row, if
/// there is one, only says which pairs the next step will probably want. Paper: kappa was chosen in
/// the step before by the speculative row, which runs beside the output row on the guess of the
/// next token. The first step behind a prompt runs alone, over the copy only, and chooses by its
/// own row (pre-decode).
///
/// The sets are ranked by the mean of probabilities over the query heads that share a KV head; a
/// probability is exp(score) over the sum of that of all tokens the row sees, low-bit scores for
/// those of the copy.
///
/// Allocates nothing while stepping. Engine thread.
class LowBitDecode {
 public:
  /// All references must outlive the object; the copy was made with the same options. Throws
  /// Error(DoesNotFit) without memory, Error(UnsupportedModel) as LowBitSizes,
  /// Error(InvalidRequest) for more pairs than a prefetch buffer has slots.
  LowBitDecode(Backend& backend, Forward& forward, KvStore& cache, LowBitCopy& copy,
               const ModelShape& shape, const CacheOptions& options);

  /// As Decode::step(), and Error(FileIo) if rows of a store in a file cannot be read. The copy
  /// follows the cache first, and the cache settles what the copy has.
  std::span<const float> step(TokenId token);
  /// The next step does not continue the last one: sets and guess of the step before do not count.
  void restart();
  /// The cache was truncated to `tokens`: restart(), and rows behind are not in the buffer any
  /// more.
  void forget(std::int64_t tokens);

  /// Of the prefetch buffer; 0 with the store in memory.
  std::int64_t bufferBytes() const { return m_buffer ? m_buffer->bytes() : 0; }

  /// Of the last step.
  const PairStats& stats() const { return m_stats; }
  /// The same by layer (L).
  std::span<const PairStats> layerStats() const { return m_layerStats; }
  LayerHitRates layerHitRates() const;
  const StepTimes& times() const { return m_times; }

  /// The pairs that were read exactly in the last step, ascending; for evaluation.
  std::span<const std::uint32_t> usedPairs(int layer, int kvHead) const;

 private:
  /// One list of pairs for each layer and KV head.
  struct Sets {
    Buffer tokens;  // uint32 (L, Hkv, pairs)
    Buffer counts;  // int32 (L, Hkv)
    bool known = false;
  };
  enum SetOf { kOutputRow, kSpeculativeRow };

  void attend(const LayerRows& rows);
  void select(const kernels::ScoreRows& scores, int firstRow, int layer, Sets& into);
  std::uint32_t* tokensOf(const Sets& sets, int layer) const;
  std::int32_t* countsOf(const Sets& sets, int layer) const;
  std::span<const std::uint32_t> pairsOf(const Sets& sets, int layer, int kvHead) const;
  Sets& current(SetOf row) { return m_sets[row][m_parity]; }
  Sets& before(SetOf row) { return m_sets[row][1 - m_parity]; }
  const Sets* used() const;
  void attendFetched(int layer, const Sets& sets, kernels::ExactPairsArgs pairs,
                     const kernels::LowBitValuesArgs& values);
  void countResidents();

  // Constant after construction.
  Backend& m_backend;
  Forward& m_forward;
  KvStore& m_cache;
  LowBitCopy& m_copy;
  const ModelShape& m_shape;
  const CacheOptions m_options;
  const LowBitSizes m_sizes;

  Buffer m_scores;
  Buffer m_maxima;
  Buffer m_sums;    // of the shape of m_maxima
  Buffer m_shifts;  // (Hkv, R)
  Buffer m_partials;
  Buffer m_logits;
  Buffer m_noCounts;                          // int32 (Hkv): zeros
  Buffer m_slots;                             // uint32 (Hkv, pairs)
  std::unique_ptr<PrefetchBuffer> m_buffer;   // with the store in a file
  std::vector<std::uint32_t> m_hostSlots;     // (pairs)
  std::array<std::array<Sets, 2>, 2> m_sets;  // [SetOf][parity]
  int m_parity = 0;
  int m_rows = 1;            // T of the step at work
  std::int64_t m_next = -1;  // the position that continues the last step
  std::optional<TokenId> m_guess;
  PairStats m_stats;
  std::vector<PairStats> m_layerStats;
  StepTimes m_times;
};

}  // namespace bookwheel
