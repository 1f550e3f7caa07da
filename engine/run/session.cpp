// SPDX-License-Identifier: Apache-2.0
// The engine's API: open a model, read tokens, answer, stop.
#include "engine/run/session.h"

#include "engine/backend/cpu_backend.h"
#include "engine/backend/signals_blocked.h"
#include "engine/cache/available_memory.h"
#include "engine/cache/planner.h"
#include "engine/error.h"
#include "engine/model/gguf.h"
#include "engine/run/exact_attention.h"
#include "engine/run/session_impl.h"
#include "engine/run/synthetic_kv.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

namespace bookwheel {

namespace {

using Clock = std::chrono::steady_clock;

// Rows whose logits are held at once while scoring: with the largest vocabularies 20-40 MB.
constexpr std::int64_t kScoredRows = 64;
// Rows of the probe that measures the machine before anything was read.
constexpr std::int64_t kProbeRows = 64;

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

/// Beside the loading of the model, which waits for the same pages.
std::future<Digest> digestBeside(const Gguf& file) {
  const SignalsBlocked blocked;
  return std::async(std::launch::async, [&file] { return digestOf(file); });
}

}  // namespace

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
  std::future<Digest> digest = digestBeside(file);
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
    StepStats stats = impl.stepStats(secondsSince(stepStart) * 1e6);
    if (answer.tokens.empty()) {
      // It comes from reading the prompt: no step wanted pairs for it.
      stats.pairs = {};
      stats.layers = {};
      stats.times = {};
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

bool Session::setCache(const CacheOptions& options, const CacheProgress& progress,
                       const std::stop_token& stop) {
  return m_impl->setCache(options, progress, stop);
}

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
