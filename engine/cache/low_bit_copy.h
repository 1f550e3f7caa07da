// SPDX-License-Identifier: Apache-2.0
// LowBitCopy: the 1, 2 or 4 bit copy of a sequence's KV, in the backend's memory.
#pragma once

#include "engine/backend/backend.h"
#include "engine/cache/cache_options.h"
#include "engine/cache/kv_store.h"
#include "kernels/lowbit_args.h"

#include <cstdint>
#include <functional>

namespace bookwheel {

/// The form of the copy that the options ask for.
kernels::LowBitFormat lowBitFormat(const CacheOptions& options, int headDim);

/// Blocks of kLowBitBlock tokens of every layer and KV head, made from the 16-bit rows. Which
/// blocks exist follows from the number of tokens alone: those whose tokens are all older than the
/// newest residualTokens. Engine thread.
class LowBitCopy {
 public:
  /// Allocates room for maxTokens tokens; memory is touched as blocks are made. Throws
  /// Error(UnsupportedModel) if the head size has no such form, Error(DoesNotFit) without memory.
  LowBitCopy(Backend& backend, const KvShape& shape, const CacheOptions& options,
             std::int64_t maxTokens);

  /// Throws Error(InvalidRequest) and Error(UnsupportedModel) as the constructor.
  static void requireForm(const CacheOptions& options, int headDim);
  /// The blocks that a cache of `tokens` tokens has.
  static std::int64_t blocksFor(const CacheOptions& options, std::int64_t tokens);
  static std::int64_t bytesFor(const KvShape& shape, const CacheOptions& options,
                               std::int64_t blocks);
  /// Of bytesFor(): scales and zeros.
  static std::int64_t metadataBytesFor(const KvShape& shape, const CacheOptions& options,
                                       std::int64_t blocks);

  /// Makes the blocks that source.tokens() tokens have and that are missing; drops those that are
  /// too many. May throw Error(FileIo); the blocks are then as before.
  void follow(KvStore& source);
  /// The same layer by layer: `goOn` is asked with the number of layers that are done, and if it
  /// says no, the blocks are as before and the result is false.
  bool follow(KvStore& source, const std::function<bool(int layersDone)>& goOn);
  /// Forgets all blocks that hold a token at or behind `tokens`.
  void truncate(std::int64_t tokens);

  kernels::LowBitKv layer(int layer) const;
  std::int64_t blocks() const { return m_blocks; }
  /// Tokens in blocks; those behind are exact only.
  std::int64_t tokens() const { return m_blocks * kernels::kLowBitBlock; }
  std::int64_t bytes() const { return bytesFor(m_shape, m_options, m_blocks); }
  std::int64_t metadataBytes() const { return metadataBytesFor(m_shape, m_options, m_blocks); }
  std::int64_t allocatedBytes() const;

 private:
  // Constant after construction.
  Backend& m_backend;
  const KvShape m_shape;
  const CacheOptions m_options;
  const kernels::LowBitFormat m_format;
  const std::int64_t m_maxBlocks;
  std::int64_t m_keyHeadStride = 0;    // bytes
  std::int64_t m_valueHeadStride = 0;  // bytes
  Buffer m_keys;                       // (layers, kvHeads, m_keyHeadStride)
  Buffer m_values;                     // (layers, kvHeads, m_valueHeadStride)

  std::int64_t m_blocks = 0;
};

}  // namespace bookwheel
