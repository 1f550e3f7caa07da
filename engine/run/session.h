// SPDX-License-Identifier: Apache-2.0
// The engine's API: open a model, read tokens, answer, stop.
#pragma once

#include "engine/backend/backend_info.h"
#include "engine/cache/cache_options.h"
#include "engine/model/chat_template.h"
#include "engine/model/prompt.h"
#include "engine/model/shape.h"
#include "engine/model/tokenizer.h"
#include "engine/run/sampler.h"
#include "engine/run/stats.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace bookwheel {

enum class Activations {
  Int8,     ///< the product: activations rounded to 8 bits in blocks of 32
  Float32,  ///< for tests: no rounding of activations, an order of magnitude slower
  /// For evaluation: reading in 8 bits, decoding steps in float32. Rounding turns a difference in
  /// the last bit into one of 1/127, so two 8-bit runs that differ by a float rounding are as far
  /// apart as 8 bits are from float32 (mean KL 0.0027 with SmolLM2); this way only the caches
  /// differ.
  Float32Decoding,
};

struct SessionOptions {
  std::filesystem::path model;
  int threads = 0;                 // 0: one for each core
  std::int64_t contextTokens = 0;  // 0: what the model was trained on; never more than that
  int chunkTokens = 0;             // 0: the engine's choice; rows of a prefill chunk
  Activations activations = Activations::Int8;
  CacheOptions cache;
  CapacityPlace capacity = CapacityPlace::Memory;
  std::filesystem::path
      capacityFolder;  // of the file; empty: the system's folder for temporary files
  /// Other than None: extendContext() by these before contextTokens counts.
  RopeScalingKind extension = RopeScalingKind::None;
  double extensionFactor = 1;
};

enum class StopReason { EndOfAnswer, MaxTokens, Stopped, ContextFull };

struct ReadResult {
  bool complete;  // false: stopped; the tokens read so far stay in the cache
  std::int64_t tokensFromCache;
  double seconds;
};

struct Answer {
  std::string text;  // valid UTF-8, without the token that ended it
  std::vector<TokenId> tokens;
  StopReason stopReason;
  std::int64_t promptTokens;
  std::int64_t promptTokensFromCache;
  double readSeconds;        // prompt tokens that were not in the cache
  double firstTokenSeconds;  // from the call to the first token
  double tokensPerSecond;    // of the tokens after the first
};

struct AnswerOptions {
  SamplingOptions sampling;
  int maxTokens = 1024;
  /// Benchmarks only: Ignore goes on behind tokens that end an answer.
  enum class EndTokens { Obey, Ignore } endTokens = EndTokens::Obey;
};

enum class KeptBookUse {
  Continue,  ///< a kept book that differs is refused
  ReadAnew,  ///< it is deleted, and the book is kept anew
};

struct BookRestore {
  std::int64_t documentTokens;  // of the book
  std::int64_t tokensRestored;  // in the cache now; read() computes and keeps the rest
  double seconds;
  std::string notice;  // "" or one sentence: why less than what was kept could be used
};

/// A model in memory with one KV cache that holds one sequence of tokens. All calls from one thread
/// (the engine thread); stop tokens may be triggered from any. After an Error the session stays
/// usable, and what the cache holds is cachedTokens().
class Session {
 public:
  using Progress = std::function<void(const PrefillStats&)>;
  using LoadProgress = std::function<void(double share)>;
  using CacheProgress = std::function<void(double share)>;
  /// `text` is complete UTF-8, may be empty; return nothing: stopping goes through the stop token.
  using OnToken = std::function<void(TokenId id, std::string_view text, const StepStats& stats)>;

  /// Throws Error: FileMissing, BadModelFile, UnsupportedModel, DoesNotFit (memory),
  /// InvalidRequest.
  static std::unique_ptr<Session> open(const SessionOptions& options,
                                       const LoadProgress& progress = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const ModelShape& shape() const;
  const Tokenizer& tokenizer() const;
  const ChatTemplate& chatTemplate() const;
  std::int64_t contextTokens() const;
  MemoryUse memory() const;
  /// Bytes of 16-bit KV that `tokens` tokens take.
  std::int64_t kvBytes(std::int64_t tokens) const;
  /// Seconds that reading the tokens at positions begin .. end - 1 will take, from what reading
  /// took so far; before the first reading a probe of a few rows is run (a fraction of a second;
  /// the cache stays as it is).
  double estimateReadSeconds(std::int64_t begin, std::int64_t end);
  BackendInfo backendInfo() const;

  /// Makes the cache hold exactly `sequence`: keeps the longest common prefix with what it holds,
  /// drops the rest, computes what is missing, chunk by chunk. Stops within one chunk. Throws
  /// DoesNotFit with both numbers if the sequence is longer than contextTokens(), NumericFault on
  /// NaN.
  ReadResult read(std::span<const TokenId> sequence, const Progress& progress,
                  std::stop_token stop);
  /// read(sequence), then tokens until the model ends its answer. The answer's tokens stay in the
  /// cache.
  Answer answer(std::span<const TokenId> sequence, const AnswerOptions& options,
                const Progress& progress, const OnToken& onToken, std::stop_token stop);
  /// Teacher-forced: clears the cache, runs `sequence`, calls back with the logits (vocabulary)
  /// after each position, in order.
  void score(
      std::span<const TokenId> sequence,
      const std::function<void(std::int64_t position, std::span<const float> logits)>& onLogits,
      std::stop_token stop);

  /// Teacher-forced through the decoding step: read(sequence[0, from)), then one step for each
  /// later token with the logits (vocabulary) behind it, as an answer would be computed. What was
  /// read of the sequence before is not read again. from >= 1.
  void scoreDecoding(std::span<const TokenId> sequence, std::int64_t from,
                     const std::function<void(std::int64_t position, std::span<const float> logits,
                                              const StepStats& stats)>& onLogits,
                     std::stop_token stop);

  /// Changes how answers read the cache: a low-bit copy is made anew from the 16-bit cache, nothing
  /// is read again. May be called between two requests, and from inside the callbacks of one: from
  /// `onToken` (the next step then reads the new copy; the one at work keeps its result) and from
  /// the `progress` of a reading (the next chunks then fill the new copy). Until it returns both
  /// copies are in memory. `stop` is looked at, and `progress` called, after each layer: false if
  /// it was stopped, and the options are then as before. Throws Error: InvalidRequest (values),
  /// UnsupportedModel (a head size that has no low-bit form), DoesNotFit, FileIo (rows of a store
  /// in a file); the options are then as before too.
  bool setCache(const CacheOptions& options, const CacheProgress& progress = {},
                const std::stop_token& stop = {});
  const CacheOptions& cacheOptions() const;
  /// Bytes and bits an element of all that exists because of KV in the fast tier.
  FastTierUse fastTier() const;

  /// From now on the cache is that of a book: its document prefix `document` is kept in `folder`
  /// (made if missing), in whole segments while read() computes it. Tokens behind the prefix
  /// (questions, answers) are not kept. What the folder has of exactly these tokens and this model
  /// is put into the cache, checked. A last segment that is not full is kept when reading completes
  /// or is stopped. Called again for the book that is open it says what is at hand, and
  /// tries to keep what a full disk kept from being kept.
  ///
  /// With the cache in a file, the book's file is the cache's while it is open. Stopped: no book is
  /// open, the cache is empty.
  ///
  /// Throws Error: KeptBookDiffers (the sentence says in what; nothing was touched, and the caller
  /// may come again with ReadAnew), FileIo (the folder cannot be used, or another program has the
  /// book open), DoesNotFit (both numbers); the session is then as before the call, unless memory
  /// or disk fail while rows are being put into the cache: it is empty then and no book is open.
  ///
  /// A disk that fails or gets full while reading does not end reading: it goes on unkept, and
  /// keptProblem() has the sentence. (With the cache in a file, reading cannot go on: Error(FileIo)
  /// as ever; what was kept stays.)
  BookRestore openBook(const std::filesystem::path& folder, std::span<const TokenId> document,
                       KeptBookUse use, const LoadProgress& progress, std::stop_token stop);
  /// The cache stays and is kept no longer; with the cache in a file it is empty. Waits for the
  /// disk. The destructor does this too.
  void closeBook();
  /// Tokens of the book on the disk; 0 without a book.
  std::int64_t keptTokens() const;
  /// "" or one sentence on why reading is not being kept.
  std::string keptProblem() const;

  std::span<const TokenId> cachedTokens() const;
  void clear();
  /// Benchmarks only: makes the cache claim `tokens` tokens of seeded synthetic KV without reading.
  void fillSynthetic(std::int64_t tokens, std::uint64_t seed);

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> m_impl;
};

}  // namespace bookwheel
