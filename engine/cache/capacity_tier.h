// SPDX-License-Identifier: Apache-2.0
// CapacityTier: all KV of one sequence in 16 bits, in RAM.
#pragma once

#include "engine/cache/kv_store.h"
#include "kernels/args.h"

#include <cstddef>
#include <cstdint>

namespace bookwheel {

/// The complete 16-bit KV cache. One row per (layer, KV head, token):
///
///   layer 0: head 0: | K V | K V | K V | ...    a row is K (d) then V (d) in f16, padded to a
///   multiple
///            head 1: | K V | K V | K V | ...    of 128 bytes
///   layer 1: ...
///
/// Address space for maxTokens tokens is reserved at once and backed with memory as tokens come, so
/// growing copies nothing and pointers stay valid. Tokens past tokens() are garbage. Engine thread;
/// workers of a running operation may read and write rows.
class CapacityTier final : public KvStore {
 public:
  /// Throws Error(DoesNotFit) if the address space cannot be had.
  CapacityTier(const KvShape& shape, std::int64_t maxTokens);
  ~CapacityTier() override;

  /// Backs rows for `count` tokens past tokens() with memory. Throws Error(DoesNotFit) with
  /// numbers; nothing has changed then. tokens() + count must not pass maxTokens().
  void reserve(std::int64_t count) override;
  /// The rows of `count` reserved tokens have been written in all layers: they belong to the cache.
  void commit(std::int64_t count) override;
  /// Forgets all but the first `tokens` tokens and gives memory that is no longer needed back.
  void truncate(std::int64_t tokens) override;

  /// The rows of a layer, of positions 0 .. tokens() + reserved - 1.
  kernels::KvRows rows(int layer) const;
  const KvShape& shape() const { return m_shape; }
  std::int64_t mostReserved() const override { return m_maxTokens; }
  // Every row is at hand, always.
  kernels::KvRows openLayer(int layer) override { return rows(layer); }
  void closeLayer(int) override {}
  void closeLayers() override {}
  kernels::KvRows newestRows(int layer) override { return rows(layer); }
  std::int64_t firstNewest() const override { return 0; }
  kernels::KvRows firstRows(int layer) override { return rows(layer); }
  void settle(std::int64_t) override {}
  void keep(std::int64_t, std::int64_t) override {}
  CapacityFile* file() override { return nullptr; }
  std::int64_t tokens() const override { return m_tokens; }
  std::int64_t maxTokens() const override { return m_maxTokens; }
  /// Of the rows that tokens() tokens take.
  std::int64_t bytes() const override { return bytesFor(m_shape, m_tokens); }
  std::int64_t residentBytes() const override { return bytes(); }
  static std::int64_t bytesFor(const KvShape& shape, std::int64_t tokens);

 private:
  std::int64_t headBytes(std::int64_t tokens) const;

  // Constant after construction.
  const KvShape m_shape;
  const std::int64_t m_maxTokens;
  std::int64_t m_headStride = 0;  // bytes of address space of one (layer, head)
  std::byte* m_base = nullptr;

  std::int64_t m_tokens = 0;
  std::int64_t m_backed = 0;  // bytes of each (layer, head) that may be touched
};

}  // namespace bookwheel
