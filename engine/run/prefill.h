// SPDX-License-Identifier: Apache-2.0
// Prefill: phase 1, many tokens through the model into the cache, chunk by chunk.
#pragma once

#include "engine/backend/backend.h"
#include "engine/cache/kv_store.h"
#include "engine/model/prompt.h"
#include "engine/run/forward.h"
#include "engine/run/reading_time.h"
#include "engine/run/stats.h"

#include <functional>
#include <span>
#include <stop_token>

namespace bookwheel {

/// Reads tokens into a cache. Chunks are the outer loop and layers the inner one: with the whole
/// cache in RAM that keeps the activations of one chunk in the processor's cache. Engine thread.
class Prefill {
 public:
  enum class Logits { None, OfLastToken };

  /// All references must outlive the object; chunks have forward.maxRows() rows. `committed` is
  /// called behind each chunk.
  Prefill(Backend& backend, Forward& forward, KvStore& cache, const ModelShape& shape,
          ReadingTime& readingTime, std::function<void()> committed = {});

  /// Appends `ids` to the cache. `stats` holds what is known of the whole reading (tokensTotal,
  /// tokensFromCache); progress gets it once a chunk. Returns the number of tokens appended: fewer
  /// than all if stopped, which is looked at in every layer; a chunk that was given up leaves
  /// nothing behind. With OfLastToken and all tokens read, forward.lastLogits() is that of the last
  /// one. Throws Error(NumericFault) for NaN and infinity, Error(DoesNotFit) without memory; the
  /// cache then holds the chunks before.
  std::int64_t run(std::span<const TokenId> ids, Logits logits, PrefillStats stats,
                   const std::function<void(const PrefillStats&)>& progress,
                   const std::stop_token& stop);

 private:
  Backend& m_backend;
  Forward& m_forward;
  KvStore& m_cache;
  const ModelShape& m_shape;
  ReadingTime& m_readingTime;
  const std::function<void()> m_committed;
};

/// The sentence for a value that is not finite at a position.
[[noreturn]] void throwNumericFault(std::int64_t position, const ModelShape& shape);

}  // namespace bookwheel
