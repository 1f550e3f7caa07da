// SPDX-License-Identifier: Apache-2.0
// Session::Impl: the parts of a session, and what they do together.
#pragma once

#include "engine/cache/capacity_tier.h"
#include "engine/cache/file_tier.h"
#include "engine/cache/low_bit_copy.h"
#include "engine/model/digest.h"
#include "engine/run/book_keeper.h"
#include "engine/run/decode.h"
#include "engine/run/forward.h"
#include "engine/run/loaded_model.h"
#include "engine/run/low_bit_decode.h"
#include "engine/run/prefill.h"
#include "engine/run/reading_time.h"
#include "engine/run/session.h"

#include <chrono>
#include <memory>
#include <span>
#include <vector>

namespace bookwheel {

inline double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Rows of a chunk. Throws Error(InvalidRequest).
std::int64_t checkedChunk(int tokens, std::int64_t context);

/// Of everything but decoding steps.
inline ActivationRounding roundingOf(Activations activations) {
  return activations == Activations::Float32 ? ActivationRounding::None : ActivationRounding::Int8;
}

/// The 16-bit cache: one of the two.
struct Store {
  Store(const SessionOptions& options, const KvShape& shape, std::int64_t context);
  KvStore* get() const { return memory ? static_cast<KvStore*>(memory.get()) : file.get(); }
  KvStore& operator*() const { return *get(); }
  KvStore* operator->() const { return get(); }

  std::unique_ptr<CapacityTier> memory;
  std::unique_ptr<FileTier> file;
};

struct Session::Impl {
  Impl(const Gguf& file, const ModelShape& shape, const SessionOptions& options,
       std::unique_ptr<Backend> backendToUse, std::int64_t contextToUse,
       const LoadProgress& progress);

  const ModelShape& shape() const { return model.shape; }

  void requireTokens(std::span<const TokenId> sequence) const;
  /// Before a long reading or a new copy, so that it fails now and not after an hour.
  void requireMemory(std::int64_t tokens, const CacheOptions& options) const;
  MemoryUse memory() const;
  void keepOnly(std::int64_t tokens);
  bool setCache(const CacheOptions& options, const CacheProgress& progress = {},
                const std::stop_token& stop = {});
  /// What was committed goes where it belongs: into the copy, and out of the newest tokens.
  void settle();
  std::span<const float> step(TokenId token);
  StepStats stepStats(double decodeUs) const;
  ReadResult read(std::span<const TokenId> sequence, Prefill::Logits logits,
                  const Progress& progress, const std::stop_token& stop);
  BookRestore openBook(const std::filesystem::path& folder, std::span<const TokenId> document,
                       KeptBookUse use, const LoadProgress& progress, const std::stop_token& stop);
  void closeBook();

  const std::unique_ptr<Tokenizer> tokenizer;
  const ChatTemplate chatTemplate;
  const std::int64_t context;
  const std::unique_ptr<Backend> backend;  // outlives all that holds its memory
  const LoadedModel model;
  const Store cache;
  Forward forward;
  ReadingTime readingTime;
  Prefill prefill;
  Decode decode;
  const Activations activations;
  CacheOptions cacheOptions;         // what answers go by
  std::unique_ptr<LowBitCopy> copy;  // null with the exact cache
  std::unique_ptr<LowBitDecode> lowBit;
  std::vector<TokenId> ids;  // cache->tokens() of them, in step with the cache
  Digest modelDigest{};      // of the file
  BookKeeper keeper;         // last: the cache is as it was when the files close
};

}  // namespace bookwheel
