// SPDX-License-Identifier: Apache-2.0
// The engine's API: open a model, read tokens, answer, stop.
#include "engine/run/session.h"

#include "engine/backend/cpu_backend.h"
#include "engine/cache/available_memory.h"
#include "engine/cache/capacity_tier.h"
#include "engine/cache/file_tier.h"
#include "engine/cache/low_bit_copy.h"
#include "engine/cache/low_bit_sizes.h"
#include "engine/cache/planner.h"
#include "engine/error.h"
#include "engine/model/digest.h"
#include "engine/model/gguf.h"
#include "engine/run/book_keeper.h"
#include "engine/run/decode.h"
#include "engine/run/exact_attention.h"
#include "engine/run/forward.h"
#include "engine/run/loaded_model.h"
#include "engine/run/low_bit_decode.h"
#include "engine/run/prefill.h"
#include "engine/run/reading_time.h"
#include "engine/run/synthetic_kv.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

namespace bookwheel {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Rows whose logits are held at once while scoring: with the largest vocabularies 20-40 MB.
constexpr std::int64_t kScoredRows = 64;
// Rows of the probe that measures the machine before anything was read.
constexpr std::int64_t kProbeRows = 64;

std::size_t commonPrefix(std::span<const TokenId> a, std::span<const TokenId> b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                                  a.begin());
}

int checkedThreads(int threads) {
  if (threads < 0) {
    throw Error(ErrorCode::InvalidRequest,
                "The number of threads must be 0 (one for each core) or "
                "more, not " +
                    std::to_string(threads) + ".");
  }
  return threads == 0 ? ThreadPool::defaultThreads() : threads;
}

std::int64_t checkedContext(std::int64_t tokens, const ModelShape& shape) {
  if (tokens < 0) {
    throw Error(ErrorCode::InvalidRequest,
                "The context length must be 0 (the model's own) or more tokens, not " +
                    std::to_string(tokens) + ".");
  }
  return tokens == 0 ? shape.contextTokens : std::min(tokens, shape.contextTokens);
}

std::int64_t checkedChunk(int tokens, std::int64_t context) {
  constexpr int kLargestChunk = 4096;
  if (tokens < 0 || tokens > kLargestChunk) {
    throw Error(ErrorCode::InvalidRequest,
                "A chunk must have between 1 and " + std::to_string(kLargestChunk) +
                    " tokens (0: the engine's choice), not " + std::to_string(tokens) + ".");
  }
  return std::min<std::int64_t>(tokens == 0 ? kDefaultChunkTokens : tokens, context);
}

/// The 16-bit cache: one of the two.
struct Store {
  Store(const SessionOptions& options, const KvShape& shape, std::int64_t context) {
    if (options.capacity == CapacityPlace::Memory) {
      memory = std::make_unique<CapacityTier>(shape, context);
    } else {
      file = std::make_unique<FileTier>(options.capacityFolder.empty()
                                            ? std::filesystem::temp_directory_path()
                                            : options.capacityFolder,
                                        shape, context, checkedChunk(options.chunkTokens, context));
    }
  }
  KvStore* get() const { return memory ? static_cast<KvStore*>(memory.get()) : file.get(); }
  KvStore& operator*() const { return *get(); }
  KvStore* operator->() const { return get(); }

  std::unique_ptr<CapacityTier> memory;
  std::unique_ptr<FileTier> file;
};

/// Of everything but decoding steps.
ActivationRounding roundingOf(Activations activations) {
  return activations == Activations::Float32 ? ActivationRounding::None : ActivationRounding::Int8;
}

}  // namespace

struct Session::Impl {
  Impl(const Gguf& file, const ModelShape& shape, const SessionOptions& options,
       std::unique_ptr<Backend> backendToUse, std::int64_t contextToUse,
       const LoadProgress& progress)
      : tokenizer(Tokenizer::create(file)),
        chatTemplate(ChatTemplate::recognize(file, *tokenizer)),
        context(contextToUse),
        backend(std::move(backendToUse)),
        model(loadModel(file, shape, *backend, progress)),
        cache(options, kvShape(shape), context),
        forward(*backend, model, checkedChunk(options.chunkTokens, context), context),
        readingTime(shape),
        prefill(*backend, forward, *cache, model.shape, readingTime,
                [this] {
                  settle();
                  keeper.follow(cache->tokens());
                }),
        decode(*backend, forward, *cache, model.shape),
        activations(options.activations),
        keeper(cache.memory.get(), cache.file.get(), forward.maxRows(), backend->info().threads) {
    ids.reserve(static_cast<std::size_t>(context));
  }

  const ModelShape& shape() const { return model.shape; }

  void requireTokens(std::span<const TokenId> sequence) const;
  void requireMemory(std::int64_t tokens, const CacheOptions& options) const;
  MemoryUse memory() const;
  void keepOnly(std::int64_t tokens);
  void setCache(const CacheOptions& options);
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

void Session::Impl::requireTokens(std::span<const TokenId> sequence) const {
  const auto count = static_cast<std::int64_t>(sequence.size());
  if (count > context) {
    PlanRequest request;
    request.tokens = count;
    request.contextTokens = context;
    throw Error(ErrorCode::DoesNotFit, planMemory(shape(), request).reason);
  }
  for (const TokenId id : sequence) {
    if (id < 0 || id >= shape().vocabulary) {
      throw Error(ErrorCode::BadText, "Token " + std::to_string(id) + " is none of this model's " +
                                          std::to_string(shape().vocabulary) + " tokens.");
    }
  }
}

/// Before a long reading or a new copy, so that it fails now and not after an hour.
void Session::Impl::requireMemory(std::int64_t tokens, const CacheOptions& options) const {
  const std::int64_t available = availableMemoryBytes();
  if (available == 0) {
    return;
  }
  const MemoryUse use = memory();
  PlanRequest request;
  request.tokens = tokens;
  request.weightsBytes = use.weightsBytes;
  request.availableBytes =
      available + use.weightsBytes + use.kvBytes + use.copyBytes + use.workspaceBytes;
  request.contextTokens = context;
  request.chunkTokens = static_cast<int>(forward.maxRows());
  request.threads = backend->info().threads;
  request.cache = options;
  request.capacity = cache->file() != nullptr ? CapacityPlace::File : CapacityPlace::Memory;
  const MemoryPlan plan = planMemory(shape(), request);
  if (plan.kvMemoryBytes + plan.copyBytes > use.kvBytes + use.copyBytes && !plan.fits) {
    throw Error(ErrorCode::DoesNotFit, plan.reason);
  }
}

MemoryUse Session::Impl::memory() const {
  return {backend->weightsBytes(), cache->residentBytes() + (lowBit ? lowBit->bufferBytes() : 0),
          backend->workspaceBytes() - (copy ? copy->allocatedBytes() : 0),
          copy ? copy->bytes() : 0};
}

void Session::Impl::keepOnly(std::int64_t tokens) {
  if (copy && tokens < cache->tokens()) {
    copy->truncate(tokens);
    lowBit->forget(tokens);
  }
  cache->truncate(tokens);
  ids.resize(static_cast<std::size_t>(tokens));
  keeper.truncated(tokens);
}

/// What was committed goes where it belongs: into the copy, and out of the newest tokens.
void Session::Impl::settle() {
  if (copy) {
    copy->follow(*cache);
    cache->settle(copy->tokens());
  } else {
    cache->settle(cache->tokens() / kernels::kLowBitBlock * kernels::kLowBitBlock);
  }
}

void Session::Impl::setCache(const CacheOptions& options) {
  checkCacheOptions(options);
  if (options == cacheOptions) {
    return;
  }
  std::unique_ptr<LowBitCopy> newCopy;
  std::unique_ptr<LowBitDecode> newDecode;
  if (options.usesCopy()) {
    requireMemory(cache->tokens(), options);
    newCopy = std::make_unique<LowBitCopy>(*backend, kvShape(shape()), options, context);
    newDecode =
        std::make_unique<LowBitDecode>(*backend, forward, *cache, *newCopy, shape(), options);
    newCopy->follow(*cache);
  }
  cache->keep(options.usesCopy() ? options.sinkTokens : 0,
              options.usesCopy() ? options.residualTokens : 0);
  lowBit = std::move(newDecode);  // before the copy it refers to
  copy = std::move(newCopy);
  cacheOptions = options;
}

std::span<const float> Session::Impl::step(TokenId token) {
  // Restores the rounding on every way out.
  struct StepRounding {
    StepRounding(Backend& of, Activations activations) : backend(of), all(roundingOf(activations)) {
      backend.setActivationRounding(activations == Activations::Int8 ? ActivationRounding::Int8
                                                                     : ActivationRounding::None);
    }
    ~StepRounding() { backend.setActivationRounding(all); }
    Backend& backend;
    const ActivationRounding all;
  };
  const StepRounding stepRounding(*backend, activations);
  if (!lowBit) {
    settle();  // a step over the copy does this itself
  }
  const std::span<const float> logits = lowBit ? lowBit->step(token) : decode.step(token);
  ids.push_back(token);
  return logits;
}

StepStats Session::Impl::stepStats(double decodeUs) const {
  StepStats stats{cache->tokens() - 1, decodeUs, cache->bytes()};
  if (lowBit) {
    stats.fastBytes = fastTierUse(shape(), cacheOptions, cache->tokens()).bytes();
    stats.pairs = lowBit->stats();
  }
  return stats;
}

ReadResult Session::Impl::read(std::span<const TokenId> sequence, Prefill::Logits logits,
                               const Progress& progress, const std::stop_token& stop) {
  const Clock::time_point start = Clock::now();
  requireTokens(sequence);
  requireMemory(static_cast<std::int64_t>(sequence.size()), cacheOptions);
  std::size_t kept = static_cast<std::size_t>(
      keeper.reusable(sequence, static_cast<std::int64_t>(commonPrefix(ids, sequence))));
  if (logits == Prefill::Logits::OfLastToken) {
    kept = std::min(kept, sequence.size() - 1);  // its logits have to be computed
  }
  keepOnly(static_cast<std::int64_t>(kept));
  settle();  // what a full disk kept from settling before

  PrefillStats stats{};
  stats.tokensTotal = static_cast<std::int64_t>(sequence.size());
  stats.tokensFromCache = static_cast<std::int64_t>(kept);
  stats.secondsLeft = -1;
  const std::span<const TokenId> missing = sequence.subspan(kept);
  keeper.beginReading(sequence, stats.tokensFromCache);
  // Whatever ends the reading, the chunks before are whole.
  const auto end = [&] {
    ids.insert(ids.end(), missing.begin(),
               missing.begin() + (cache->tokens() - stats.tokensFromCache));
    keeper.endReading(cache->tokens());
  };
  try {
    prefill.run(missing, logits, stats, progress, stop);
  } catch (...) {
    end();
    throw;
  }
  end();
  cache->closeLayers();
  return {cache->tokens() == stats.tokensTotal, stats.tokensFromCache, secondsSince(start)};
}

BookRestore Session::Impl::openBook(const std::filesystem::path& folder,
                                    std::span<const TokenId> document, KeptBookUse use,
                                    const LoadProgress& progress, const std::stop_token& stop) {
  const Clock::time_point start = Clock::now();
  requireTokens(document);
  requireMemory(std::ssize(document), cacheOptions);
  if (keeper.isOpen(folder)) {
    if (use == KeptBookUse::Continue && std::ranges::equal(keeper.document(), document) &&
        keeper.tokensAtHand() >= keeper.keptTokens()) {
      return {std::ssize(document), keeper.tokensAtHand(), secondsSince(start), ""};
    }
    closeBook();
  }
  BookKeeper::Opened opened = keeper.open(
      folder, bookIdentity(modelDigest, shape(), roundingOf(activations)), document,
      use == KeptBookUse::Continue ? KeptBook::IfDiffers::Refuse : KeptBook::IfDiffers::Replace);
  closeBook();
  keepOnly(0);
  const BookKeeper::Begun begun = keeper.begin(std::move(opened), progress, stop);
  ids.assign(document.begin(), document.begin() + begun.tokens);
  if (begun.tokens > 0) {
    settle();
  }
  return {std::ssize(document), begun.tokens, secondsSince(start), begun.notice};
}

void Session::Impl::closeBook() {
  if (keeper.isOpen() && cache.file) {
    // Its rows are in the book's file.
    if (copy) {
      copy->truncate(0);
      lowBit->forget(0);
    }
    ids.clear();
  }
  keeper.close();
}

std::unique_ptr<Session> Session::open(const SessionOptions& options,
                                       const LoadProgress& progress) {
  const Gguf file = Gguf::open(options.model);
  const ModelShape trained = readShape(file);
  const ModelShape shape = options.extension == RopeScalingKind::None
                               ? trained
                               : extendContext(trained, options.extension, options.extensionFactor);
  const int threads = checkedThreads(options.threads);
  const std::int64_t context = checkedContext(options.contextTokens, shape);

  PlanRequest request;
  request.weightsBytes = static_cast<std::int64_t>(weightBytes(bindWeights(file, shape)));
  request.availableBytes = availableMemoryBytes();
  request.contextTokens = context;
  request.chunkTokens = static_cast<int>(checkedChunk(options.chunkTokens, context));
  request.threads = threads;
  request.cache = options.cache;
  request.capacity = options.capacity;
  const MemoryPlan plan = planMemory(shape, request);
  if (request.availableBytes > 0 && !plan.fits) {
    throw Error(ErrorCode::DoesNotFit, plan.reason);
  }
  // Beside the loading, which waits for the same pages.
  std::future<Digest> digest = std::async(std::launch::async, [&file] { return digestOf(file); });
  auto backend = std::make_unique<CpuBackend>(threads, roundingOf(options.activations));
  auto impl = std::make_unique<Impl>(file, shape, options, std::move(backend), context, progress);
  impl->setCache(options.cache);
  impl->modelDigest = digest.get();
  return std::unique_ptr<Session>(new Session(std::move(impl)));
}

Session::Session(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}

Session::~Session() = default;

const ModelShape& Session::shape() const { return m_impl->shape(); }

const Tokenizer& Session::tokenizer() const { return *m_impl->tokenizer; }

const ChatTemplate& Session::chatTemplate() const { return m_impl->chatTemplate; }

std::int64_t Session::contextTokens() const { return m_impl->context; }

BackendInfo Session::backendInfo() const { return m_impl->backend->info(); }

MemoryUse Session::memory() const { return m_impl->memory(); }

std::int64_t Session::kvBytes(std::int64_t tokens) const {
  return CapacityTier::bytesFor(kvShape(shape()), tokens);
}

double Session::estimateReadSeconds(std::int64_t begin, std::int64_t end) {
  Impl& impl = *m_impl;
  const std::int64_t room = impl.context - impl.cache->tokens();
  const std::int64_t rows = std::min({kProbeRows, impl.forward.maxRows(), room});
  if (impl.readingTime.seconds(begin, end) < 0 && rows > 0) {
    impl.settle();
    impl.cache->reserve(rows);
    const std::vector<TokenId> probe(static_cast<std::size_t>(rows), 0);
    // The first run pays for page faults and cold caches, the second is the measure.
    for (int round = 0; round < 2; ++round) {
      const Clock::time_point start = Clock::now();
      impl.forward.run(probe, impl.cache->tokens(), 0, [&](const LayerRows& layer) {
        attendExactly(*impl.backend, *impl.cache, impl.shape(), layer);
        return true;
      });
      if (round == 1) {
        impl.readingTime.add(impl.cache->tokens(), rows, secondsSince(start));
      }
    }
    // Nothing was committed; what the probe met does not concern anybody.
    static_cast<void>(impl.backend->takeFault());
  }
  return impl.readingTime.seconds(begin, end);
}

ReadResult Session::read(std::span<const TokenId> sequence, const Progress& progress,
                         std::stop_token stop) {
  return m_impl->read(sequence, Prefill::Logits::None, progress, stop);
}

Answer Session::answer(std::span<const TokenId> sequence, const AnswerOptions& options,
                       const Progress& progress, const OnToken& onToken, std::stop_token stop) {
  const Clock::time_point start = Clock::now();
  Impl& impl = *m_impl;
  if (sequence.empty()) {
    throw Error(ErrorCode::InvalidRequest, "There is nothing to answer: the prompt has no tokens.");
  }
  if (options.maxTokens < 1) {
    throw Error(ErrorCode::InvalidRequest, "An answer must be allowed at least 1 token, not " +
                                               std::to_string(options.maxTokens) + ".");
  }
  Sampler sampler(options.sampling, impl.shape().vocabulary);

  Answer answer{};
  answer.promptTokens = static_cast<std::int64_t>(sequence.size());
  answer.stopReason = StopReason::Stopped;
  const ReadResult reading = impl.read(sequence, Prefill::Logits::OfLastToken, progress, stop);
  answer.promptTokensFromCache = reading.tokensFromCache;
  answer.readSeconds = reading.seconds;
  if (!reading.complete) {
    return answer;
  }

  const std::int64_t most =
      std::min<std::int64_t>(options.maxTokens, impl.context - impl.cache->tokens() + 1);
  answer.tokens.reserve(static_cast<std::size_t>(most));
  StreamDecoder decoder(*impl.tokenizer);
  Clock::time_point stepStart = start;
  Clock::time_point firstToken = start;
  std::span<const float> logits = impl.decode.logitsAfterPrefill();
  for (;;) {
    const TokenId token = sampler.next(logits);
    const StepStats stats = impl.stepStats(secondsSince(stepStart) * 1e6);
    if (answer.tokens.empty()) {
      firstToken = Clock::now();
      answer.firstTokenSeconds = secondsSince(start);
    }
    if (options.endTokens == AnswerOptions::EndTokens::Obey && impl.tokenizer->endsAnswer(token)) {
      answer.stopReason = StopReason::EndOfAnswer;
      break;
    }
    answer.tokens.push_back(token);
    const std::string text = decoder.push(token);
    answer.text += text;
    if (onToken) {
      onToken(token, text, stats);
    }
    if (static_cast<std::int64_t>(answer.tokens.size()) >= options.maxTokens) {
      answer.stopReason = StopReason::MaxTokens;
      break;
    }
    if (impl.cache->tokens() == impl.context) {
      answer.stopReason = StopReason::ContextFull;
      break;
    }
    if (stop.stop_requested()) {
      break;
    }
    stepStart = Clock::now();
    logits = impl.step(token);
  }
  const double decodeSeconds = secondsSince(firstToken);
  const std::string rest = decoder.finish();
  if (!rest.empty()) {
    answer.text += rest;
    if (onToken && !answer.tokens.empty()) {
      onToken(answer.tokens.back(), rest, impl.stepStats(0));
    }
  }
  const auto later = static_cast<double>(answer.tokens.size()) - 1;
  answer.tokensPerSecond = later > 0 && decodeSeconds > 0 ? later / decodeSeconds : 0;
  return answer;
}

void Session::score(
    std::span<const TokenId> sequence,
    const std::function<void(std::int64_t position, std::span<const float> logits)>& onLogits,
    std::stop_token stop) {
  Impl& impl = *m_impl;
  impl.requireTokens(sequence);
  impl.requireMemory(static_cast<std::int64_t>(sequence.size()), impl.cacheOptions);
  impl.keepOnly(0);
  const auto vocabulary = static_cast<std::int64_t>(impl.shape().vocabulary);
  const std::int64_t scored = std::min(kScoredRows, impl.forward.maxRows());
  const Buffer logits =
      impl.backend->allocate(static_cast<std::size_t>(scored * vocabulary) * sizeof(float));

  const auto count = static_cast<std::int64_t>(sequence.size());
  while (impl.cache->tokens() < count && !stop.stop_requested()) {
    const std::int64_t first = impl.cache->tokens();
    const std::int64_t rows = std::min(impl.forward.maxRows(), count - first);
    const std::span<const TokenId> chunk =
        sequence.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(rows));
    impl.cache->reserve(rows);
    const bool complete = impl.forward.run(chunk, first, rows, [&](const LayerRows& layer) {
      attendExactly(*impl.backend, *impl.cache, impl.shape(), layer);
      return !stop.stop_requested();
    });
    if (impl.backend->takeFault()) {
      throwNumericFault(first, impl.shape());
    }
    if (!complete) {
      return;
    }
    impl.cache->commit(rows);
    impl.settle();
    impl.ids.insert(impl.ids.end(), chunk.begin(), chunk.end());
    for (std::int64_t row = 0; row < rows; row += scored) {
      const std::int64_t block = std::min(scored, rows - row);
      impl.forward.logits(row, block, logits.floats());
      for (std::int64_t i = 0; i < block; ++i) {
        const std::span<const float> rowLogits = impl.backend->toHost(
            logits.floats() + i * vocabulary, static_cast<std::size_t>(vocabulary));
        if (!allFinite(rowLogits)) {
          throwNumericFault(first + row + i, impl.shape());
        }
        onLogits(first + row + i, rowLogits);
      }
    }
  }
}

void Session::scoreDecoding(
    std::span<const TokenId> sequence, std::int64_t from,
    const std::function<void(std::int64_t position, std::span<const float> logits,
                             const StepStats& stats)>& onLogits,
    std::stop_token stop) {
  Impl& impl = *m_impl;
  const auto count = static_cast<std::int64_t>(sequence.size());
  if (from < 1 || from > count) {
    throw Error(ErrorCode::InvalidRequest, "Scoring must begin between token 1 and token " +
                                               std::to_string(count) + ", not at " +
                                               std::to_string(from) + ".");
  }
  impl.requireTokens(sequence);
  const std::span<const TokenId> prefix = sequence.first(static_cast<std::size_t>(from));
  if (!impl.read(prefix, Prefill::Logits::None, {}, stop).complete) {
    return;
  }
  for (std::int64_t position = from; position < count && !stop.stop_requested(); ++position) {
    const TokenId token = sequence[static_cast<std::size_t>(position)];
    const Clock::time_point start = Clock::now();
    const std::span<const float> logits = impl.step(token);
    onLogits(position, logits, impl.stepStats(secondsSince(start) * 1e6));
  }
}

void Session::setCache(const CacheOptions& options) { m_impl->setCache(options); }

const CacheOptions& Session::cacheOptions() const { return m_impl->cacheOptions; }

FastTierUse Session::fastTier() const {
  return fastTierUse(shape(), m_impl->cacheOptions, m_impl->cache->tokens());
}

std::span<const TokenId> Session::cachedTokens() const { return m_impl->ids; }

BookRestore Session::openBook(const std::filesystem::path& folder,
                              std::span<const TokenId> document, KeptBookUse use,
                              const LoadProgress& progress, std::stop_token stop) {
  return m_impl->openBook(folder, document, use, progress, stop);
}

void Session::closeBook() { m_impl->closeBook(); }

std::int64_t Session::keptTokens() const { return m_impl->keeper.keptTokens(); }

std::string Session::keptProblem() const { return m_impl->keeper.problem(); }

void Session::clear() { m_impl->keepOnly(0); }

void Session::fillSynthetic(std::int64_t tokens, std::uint64_t seed) {
  Impl& impl = *m_impl;
  if (tokens < 0 || tokens > impl.context) {
    throw Error(ErrorCode::InvalidRequest, "The cache holds between 0 and " +
                                               std::to_string(impl.context) + " tokens, not " +
                                               std::to_string(tokens) + ".");
  }
  impl.requireMemory(tokens, impl.cacheOptions);
  impl.keepOnly(0);
  for (std::int64_t left = tokens; left > 0;) {
    const std::int64_t count = std::min(left, impl.forward.maxRows());
    fillWithSyntheticKv(*impl.cache, impl.shape().layers, count, seed);
    impl.settle();
    left -= count;
  }
  impl.ids.assign(static_cast<std::size_t>(tokens), 0);
}

}  // namespace bookwheel
