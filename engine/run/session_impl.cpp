// SPDX-License-Identifier: Apache-2.0
#include "engine/run/session_impl.h"

#include "engine/cache/available_memory.h"
#include "engine/cache/low_bit_sizes.h"
#include "engine/cache/planner.h"
#include "engine/error.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

namespace bookwheel {

namespace {

using Clock = std::chrono::steady_clock;

std::size_t commonPrefix(std::span<const TokenId> a, std::span<const TokenId> b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                                  a.begin());
}

}  // namespace

std::int64_t checkedChunk(int tokens, std::int64_t context) {
  constexpr int kLargestChunk = 4096;
  if (tokens < 0 || tokens > kLargestChunk) {
    throw Error(ErrorCode::InvalidRequest,
                "A chunk must have between 1 and " + std::to_string(kLargestChunk) +
                    " tokens (0: the engine's choice), not " + std::to_string(tokens) + ".");
  }
  return std::min<std::int64_t>(tokens == 0 ? kDefaultChunkTokens : tokens, context);
}

Store::Store(const SessionOptions& options, const KvShape& shape, std::int64_t context) {
  if (options.capacity == CapacityPlace::Memory) {
    memory = std::make_unique<CapacityTier>(shape, context);
  } else {
    file = std::make_unique<FileTier>(options.capacityFolder.empty()
                                          ? std::filesystem::temp_directory_path()
                                          : options.capacityFolder,
                                      shape, context, checkedChunk(options.chunkTokens, context));
  }
}

Session::Impl::Impl(const Gguf& file, const ModelShape& shape, const SessionOptions& options,
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
  return {backend->weightsBytes(),
          cache->residentBytes() + (lowBit ? lowBit->bufferBytes() : 0),
          backend->workspaceBytes() - (copy ? copy->allocatedBytes() : 0),
          copy ? copy->bytes() : 0,
          copy ? copy->metadataBytes() : 0,
          lowBit ? lowBit->bufferBytes() : 0};
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

void Session::Impl::settle() {
  if (copy) {
    copy->follow(*cache);
    cache->settle(copy->tokens());
  } else {
    cache->settle(cache->tokens() / kernels::kLowBitBlock * kernels::kLowBitBlock);
  }
}

bool Session::Impl::setCache(const CacheOptions& options, const CacheProgress& progress,
                             const std::stop_token& stop) {
  checkCacheOptions(options);
  if (options == cacheOptions) {
    return true;
  }
  std::unique_ptr<LowBitCopy> newCopy;
  std::unique_ptr<LowBitDecode> newDecode;
  if (options.usesCopy()) {
    requireMemory(cache->tokens(), options);
    newCopy = std::make_unique<LowBitCopy>(*backend, kvShape(shape()), options, context);
    newDecode =
        std::make_unique<LowBitDecode>(*backend, forward, *cache, *newCopy, shape(), options);
    const bool complete = newCopy->follow(*cache, [&](int layersDone) {
      if (progress) {
        progress(static_cast<double>(layersDone) / shape().layers);
      }
      return !stop.stop_requested();
    });
    if (!complete) {
      return false;
    }
  }
  cache->keep(options.usesCopy() ? options.sinkTokens : 0,
              options.usesCopy() ? options.residualTokens : 0);
  lowBit = std::move(newDecode);  // before the copy it refers to
  copy = std::move(newCopy);
  cacheOptions = options;
  return true;
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
    stats.layers = lowBit->layerHitRates();
  }
  stats.times = lowBit ? lowBit->times() : decode.times();
  return stats;
}

ReadResult Session::Impl::read(std::span<const TokenId> sequence, Prefill::Logits logits,
                               const Progress& progress, const std::stop_token& stop) {
  const Clock::time_point start = Clock::now();
  requireTokens(sequence);
  requireMemory(static_cast<std::int64_t>(sequence.size()), cacheOptions);
  std::size_t kept = commonPrefix(ids, sequence);
  if (logits == Prefill::Logits::OfLastToken) {
    kept = std::min(kept, sequence.size() - 1);  // its logits have to be computed
  }
  kept = static_cast<std::size_t>(keeper.reusable(sequence, static_cast<std::int64_t>(kept)));
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
      keeper.tryAgain();
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

}  // namespace bookwheel
