// SPDX-License-Identifier: Apache-2.0
// FileTier: all KV of one sequence in 16 bits, in a file, with the first and newest tokens in
// memory.
#pragma once

#include "engine/cache/capacity_file.h"
#include "engine/cache/kv_store.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace bookwheel {

/// Tokens go to the file once they are settled, many at a time; those behind stay in memory, the
/// newest `residual` ones and up to a chunk that is being read. A whole layer is put together in
/// memory that is given back by closeLayers(). What is in memory does not grow with the tokens, but
/// for that one layer.
class FileTier final : public KvStore {
 public:
  /// A file without a name in `folder`, gone with the object. chunkTokens: the most tokens reserved
  /// at once. Throws as CapacityFile::temporary(), and Error(DoesNotFit) without memory.
  FileTier(const std::filesystem::path& folder, const KvShape& shape, std::int64_t maxTokens,
           std::int64_t chunkTokens);
  ~FileTier() override;

  std::int64_t tokens() const override { return m_tokens; }
  std::int64_t maxTokens() const override { return m_file->maxTokens(); }
  std::int64_t bytes() const override;
  std::int64_t residentBytes() const override;
  std::int64_t mostReserved() const override;
  void reserve(std::int64_t count) override;
  void commit(std::int64_t count) override;
  void truncate(std::int64_t tokens) override;
  kernels::KvRows openLayer(int layer) override;
  void closeLayer(int layer) override;
  void closeLayers() override;
  kernels::KvRows newestRows(int layer) override;
  std::int64_t firstNewest() const override { return m_file->tokens(); }
  kernels::KvRows firstRows(int layer) override;
  void settle(std::int64_t token) override;
  void keep(std::int64_t sinks, std::int64_t residual) override;
  CapacityFile* file() override { return m_file.get(); }

  /// Exchanges the file: the tokens that `other` has are the tier's, and `other` gets the file that
  /// the tier had. Throws Error(FileIo) if the newest rows cannot be read, Error(DoesNotFit)
  /// without memory; nothing has changed then.
  void exchangeFile(CapacityFile& other);
  /// Writes the rows of the newest tokens below `token` to the file as well. They stay where they
  /// are, and file()->tokens() does not count them. Throws Error(FileIo).
  void writeNewest(std::int64_t token);

  /// What the first and newest tokens take in memory.
  static std::int64_t windowBytesFor(const KvShape& shape, std::int64_t chunkTokens,
                                     std::int64_t sinks, std::int64_t residual);
  /// What an open layer of so many tokens takes.
  static std::int64_t layerBytesFor(const KvShape& shape, std::int64_t tokens);

 private:
  /// Rows (L or 1, Hkv, tokens) in memory of their own, zeroed, resident where touched.
  class Rows {
   public:
    Rows() = default;
    Rows(const KvShape& shape, int layers, std::int64_t tokens);
    Rows(Rows&& other) noexcept { swap(other); }
    Rows& operator=(Rows&& other) noexcept {
      swap(other);
      return *this;
    }
    ~Rows();
    /// The row of `token` as row 0.
    kernels::KvRows rows(int layer, std::int64_t token) const;
    std::int64_t tokens() const { return m_tokens; }
    std::int64_t bytes() const { return m_bytes; }
    void discard();

   private:
    void swap(Rows& other) noexcept;

    KvShape m_shape{};
    std::int64_t m_tokens = 0;
    std::int64_t m_bytes = 0;
    std::uint16_t* m_data = nullptr;
  };

  static std::int64_t windowTokens(std::int64_t chunkTokens, std::int64_t residual);
  struct Windows {
    Rows first;   // (L, Hkv, sinks)
    Rows newest;  // (L, Hkv, window): tokens from `from` on
  };
  /// Those that a file has.
  Windows readWindows(const CapacityFile& file, std::int64_t from, std::int64_t sinks,
                      std::int64_t residual) const;

  // Constant after construction.
  const KvShape m_shape;
  const std::int64_t m_chunkTokens;
  const std::unique_ptr<CapacityFile> m_file;  // tokens [0, firstNewest())

  std::int64_t m_tokens = 0;
  std::int64_t m_reserved = 0;
  std::int64_t m_sinks = 0;
  std::int64_t m_residual = 0;
  Rows m_first;   // (L, Hkv, m_sinks)
  Rows m_newest;  // (L, Hkv, window): tokens from firstNewest() on
  Rows m_layer;   // (1, Hkv, maxTokens)
};

}  // namespace bookwheel
