// SPDX-License-Identifier: Apache-2.0
// KvStore: the complete 16-bit KV of one sequence, as reading and answering use it, wherever it
// lives.
#pragma once

#include "kernels/args.h"

#include <cstdint>

namespace bookwheel {

class CapacityFile;

/// The shape of a KV cache.
struct KvShape {
  int layers;   // L
  int kvHeads;  // Hkv
  int headDim;  // d
};

/// Tokens are appended: reserve(), rows written in all layers, commit(). Whole layers are for what
/// attends to everything (reading, exact answers, making a copy anew); an answer over a low-bit
/// copy needs the first and newest tokens, and single rows in between. Engine thread.
class KvStore {
 public:
  KvStore() = default;
  virtual ~KvStore() = default;
  KvStore(const KvStore&) = delete;
  KvStore& operator=(const KvStore&) = delete;

  virtual std::int64_t tokens() const = 0;
  virtual std::int64_t maxTokens() const = 0;
  /// 16-bit KV of tokens(), wherever it lies.
  virtual std::int64_t bytes() const = 0;
  /// Of these and of what the store needs besides, bytes that are in memory while answering.
  virtual std::int64_t residentBytes() const = 0;

  /// The most tokens of one reserve().
  virtual std::int64_t mostReserved() const = 0;
  /// Makes room for rows of `count` tokens past tokens(). tokens() + count must not pass
  /// maxTokens(). Throws Error(DoesNotFit) or Error(FileIo) with numbers; nothing has changed then.
  virtual void reserve(std::int64_t count) = 0;
  /// The rows of `count` reserved tokens have been written in all layers: they belong to the cache.
  virtual void commit(std::int64_t count) = 0;
  /// Forgets all but the first `tokens` tokens. May throw Error(FileIo).
  virtual void truncate(std::int64_t tokens) = 0;

  /// The rows of a layer at positions 0 .. tokens() + reserved - 1, until the next call for any
  /// layer. May throw Error(FileIo).
  virtual kernels::KvRows openLayer(int layer) = 0;
  /// The rows of reserved tokens were written to the open layer.
  virtual void closeLayer(int layer) = 0;
  /// No layer will be opened for a while: memory for that can go.
  virtual void closeLayers() = 0;

  /// Rows of the tokens from firstNewest() on, row i is token firstNewest() + i; reserved rows may
  /// be written here instead of to an open layer. Valid until settle().
  virtual kernels::KvRows newestRows(int layer) = 0;
  virtual std::int64_t firstNewest() const = 0;
  /// Rows of the first tokens, as many as keep() asked for.
  virtual kernels::KvRows firstRows(int layer) = 0;
  /// Tokens below `token` are in a low-bit copy (or in nobody's way): newestRows() need not have
  /// them. May throw Error(FileIo); newestRows() has them then.
  virtual void settle(std::int64_t token) = 0;
  /// From now on the first `sinks` tokens and at least the newest `residual` ones are at hand.
  virtual void keep(std::int64_t sinks, std::int64_t residual) = 0;

  /// Null: any row can be read in place, rows(layer) of CapacityTier. Else single rows below
  /// firstNewest() are read from this file.
  virtual CapacityFile* file() = 0;
};

}  // namespace bookwheel
