// SPDX-License-Identifier: Apache-2.0
// LowBitDecode: a decoding step over the low-bit copy and the exact pairs that matter.
#include "engine/run/low_bit_decode.h"

#include "engine/cache/capacity_tier.h"
#include "engine/error.h"
#include "engine/run/decode.h"
#include "engine/run/exact_attention.h"
#include "engine/run/prefill.h"
#include "engine/run/step_clock.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace bookwheel {

namespace {

/// Numbers that two ascending lists share.
std::int64_t sharedCount(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
  std::int64_t shared = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    shared += a[i] == b[j] ? 1 : 0;
    const bool stepA = a[i] <= b[j];
    const bool stepB = b[j] <= a[i];
    i += stepA ? 1 : 0;
    j += stepB ? 1 : 0;
  }
  return shared;
}

TokenId likeliest(std::span<const float> logits) {
  return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace

LowBitDecode::LowBitDecode(Backend& backend, Forward& forward, KvStore& cache, LowBitCopy& copy,
                           const ModelShape& shape, const CacheOptions& options)
    : m_backend(backend),
      m_forward(forward),
      m_cache(cache),
      m_copy(copy),
      m_shape(shape),
      m_options(options),
      m_sizes(shape, options, cache.maxTokens()) {
  BOOKWHEEL_ASSERT(options.usesCopy());
  const auto allocate = [&](std::int64_t bytes) {
    return backend.allocate(static_cast<std::size_t>(bytes));
  };
  m_scores = allocate(m_sizes.scoreBytes);
  m_maxima = allocate(m_sizes.maximaBytes);
  m_sums = allocate(m_sizes.maximaBytes);
  m_shifts = allocate(m_sizes.shiftBytes);
  m_partials = allocate(m_sizes.partialBytes);
  m_logits = allocate(m_sizes.logitBytes);
  m_noCounts = allocate(m_sizes.emptyBytes);  // new memory of a backend is zero
  for (std::array<Sets, 2>& pair : m_sets) {
    for (Sets& sets : pair) {
      sets.tokens = allocate(m_sizes.setBytes);
      sets.counts = allocate(m_sizes.countBytes);
    }
  }
  m_slots = allocate(m_sizes.slotBytes);
  backend.reserveLowBit(m_sizes.limits);
  if (cache.file() != nullptr && m_sizes.pairs > 0) {
    if (m_sizes.pairs > SlotTable::kMostSlots) {
      throw Error(ErrorCode::InvalidRequest, "With the 16-bit cache in a file at most " +
                                                 std::to_string(SlotTable::kMostSlots) +
                                                 " exact pairs of a head can be at hand, not " +
                                                 std::to_string(m_sizes.pairs) + "; choose fewer.");
    }
    m_buffer = std::make_unique<PrefetchBuffer>(
        *cache.file(), prefetchSlots(options, m_sizes.blocks * kernels::kLowBitBlock));
    m_hostSlots.resize(static_cast<std::size_t>(m_sizes.pairs));
  }
  m_layerStats.resize(static_cast<std::size_t>(shape.layers));
}

void LowBitDecode::restart() {
  m_next = -1;
  m_guess.reset();
  for (std::array<Sets, 2>& pair : m_sets) {
    for (Sets& sets : pair) {
      sets.known = false;
    }
  }
}

void LowBitDecode::forget(std::int64_t tokens) {
  restart();
  if (m_buffer) {
    m_buffer->forget(tokens);
  }
}

std::span<const float> LowBitDecode::step(TokenId token) {
  const std::int64_t position = m_cache.tokens();
  if (position != m_next) {
    restart();
  }
  m_copy.follow(m_cache);
  m_cache.settle(m_copy.tokens());
  if (m_buffer) {
    m_buffer->beginStep();
  }
  m_stats = {};
  std::fill(m_layerStats.begin(), m_layerStats.end(), PairStats{});
  m_parity = 1 - m_parity;
  current(kOutputRow).known = false;
  current(kSpeculativeRow).known = false;

  const bool speculate = m_guess && position + 2 <= m_cache.maxTokens();
  m_rows = speculate ? 2 : 1;
  if (m_guess) {
    m_stats.guesses = 1;
    m_stats.rightGuesses = *m_guess == token ? 1 : 0;
  }
  const std::array<TokenId, 2> ids{token, speculate ? *m_guess : 0};
  m_cache.reserve(m_rows);
  StepClock clock(m_times);
  try {
    m_forward.run(std::span(ids).first(static_cast<std::size_t>(m_rows)), position, m_rows,
                  [&](const LayerRows& rows) {
                    clock.attending([&] { attend(rows); });
                    return true;
                  });
  } catch (...) {
    restart();  // the layers before have this step's sets, those behind older ones
    throw;
  }
  if (m_backend.takeFault()) {
    restart();
    throwNumericFault(position, m_shape);
  }
  m_forward.logits(0, m_rows, m_logits.floats());
  const auto vocabulary = static_cast<std::size_t>(m_shape.vocabulary);
  const std::span<const float> logits = m_backend.toHost(m_logits.floats(), vocabulary);
  clock.end();
  if (!allFinite(logits)) {
    restart();
    throwNumericFault(position, m_shape);
  }
  m_guess.reset();
  if (m_sizes.rows == 2) {
    m_guess = likeliest(m_rows == 2 ? m_backend.toHost(m_logits.floats() + vocabulary, vocabulary)
                                    : logits);
  }
  countResidents();
  m_cache.commit(1);
  m_next = position + 1;
  return logits;
}

const LowBitDecode::Sets* LowBitDecode::used() const {
  const bool own = m_options.policy == CachePolicy::Corrected;
  const Sets& sets = own ? m_sets[kOutputRow][static_cast<std::size_t>(m_parity)]
                         : m_sets[kSpeculativeRow][static_cast<std::size_t>(1 - m_parity)];
  return sets.known ? &sets : nullptr;
}

std::uint32_t* LowBitDecode::tokensOf(const Sets& sets, int layer) const {
  return static_cast<std::uint32_t*>(sets.tokens.data()) +
         std::int64_t{layer} * m_shape.kvHeads * m_sizes.pairs;
}

std::int32_t* LowBitDecode::countsOf(const Sets& sets, int layer) const {
  return static_cast<std::int32_t*>(sets.counts.data()) + std::int64_t{layer} * m_shape.kvHeads;
}

std::span<const std::uint32_t> LowBitDecode::pairsOf(const Sets& sets, int layer,
                                                     int kvHead) const {
  if (!sets.known || m_sizes.pairs == 0) {
    return {};
  }
  const std::int32_t count = m_backend.toHost(countsOf(sets, layer) + kvHead, 1)[0];
  return m_backend.toHost(tokensOf(sets, layer) + std::int64_t{kvHead} * m_sizes.pairs,
                          static_cast<std::size_t>(count));
}

std::span<const std::uint32_t> LowBitDecode::usedPairs(int layer, int kvHead) const {
  const Sets* sets = used();
  return sets != nullptr ? pairsOf(*sets, layer, kvHead) : std::span<const std::uint32_t>{};
}

void LowBitDecode::select(const kernels::ScoreRows& scores, int firstRow, int layer, Sets& into) {
  m_backend.lowBitSelect({scores, firstRow, m_shape.heads / m_shape.kvHeads, m_shifts.floats(),
                          m_shape.kvHeads, m_sizes.pairs, tokensOf(into, layer),
                          countsOf(into, layer), nullptr});
  into.known = true;
}

void LowBitDecode::attend(const LayerRows& rows) {
  const std::int64_t copied = m_copy.tokens();
  if (copied == 0) {
    attendExactly(m_backend, m_cache, m_shape, rows);
    return;
  }
  const int layer = rows.layer;
  const int group = m_shape.heads / m_shape.kvHeads;
  const std::int64_t queryColumns = std::int64_t{m_shape.heads} * m_shape.headDim;
  const std::int64_t keyColumns = std::int64_t{m_shape.kvHeads} * m_shape.headDim;
  const float scale = 1.0f / std::sqrt(static_cast<float>(m_shape.headDim));
  const kernels::KvRows newest = m_cache.newestRows(layer);
  const std::int64_t firstNewest = m_cache.firstNewest();
  const kernels::LowBitKv copy = m_copy.layer(layer);
  m_backend.appendKv({newest, rows.keys, rows.values, keyColumns, rows.first - firstNewest},
                     rows.rows);

  // The step before may have run with another number of rows; sizes are for the most.
  const kernels::ScoreRows scores{m_scores.floats(),    m_sizes.scoreHeadStride, m_maxima.floats(),
                                  m_sizes.maximaStride, m_copy.blocks(),         m_rows * group,
                                  m_sums.floats()};
  const std::int64_t sinks = std::min<std::int64_t>(m_options.sinkTokens, copied);
  m_backend.lowBitScores({copy, rows.queries, queryColumns, m_rows, m_shape.heads, scale, sinks,
                          m_options.logits == ScoreLogits::VarianceCorrected, scores});

  // Partials: those of the value pass, then the tokens that are always exact, then the pairs.
  const kernels::AttentionPartials partials{m_partials.floats(), m_sizes.partials, m_rows * group,
                                            m_shape.headDim};
  const std::int64_t firstPart = LowBitSizes::valuePartialsFor(m_copy.blocks());
  std::int64_t partial = firstPart;
  const auto exactRows = [&](const kernels::KvRows& kv, std::int64_t from, std::int64_t count,
                             int firstRow) {
    kernels::ExactPairsArgs args{};
    args.kv = kv;
    args.kv.data += from * kv.tokenStride;
    args.mostPairs = count;
    args.queries = rows.queries;
    args.queryStride = queryColumns;
    args.rows = m_rows;
    args.firstRow = firstRow;
    args.heads = m_shape.heads;
    args.scale = scale;
    args.partials = partials;
    args.firstPartial = partial;
    partial += (count + kernels::kPairsChunk - 1) / kernels::kPairsChunk;
    return args;
  };
  std::array<kernels::ExactPairsArgs, 3> islands;
  std::size_t islandCount = 0;
  if (sinks > 0) {
    islands[islandCount++] = exactRows(m_cache.firstRows(layer), 0, sinks, 0);
  }
  islands[islandCount++] = exactRows(newest, copied - firstNewest, rows.first + 1 - copied, 0);
  if (m_rows == 2) {
    islands[islandCount++] = exactRows(newest, rows.first + 1 - firstNewest, 1, 1);
  }
  m_backend.attendParts({}, std::span(islands).first(islandCount));

  if (m_sizes.pairs > 0) {
    m_backend.lowBitShifts(
        {scores, partials, firstPart, partial - firstPart, m_shape.kvHeads, m_shifts.floats()});
    select(scores, 0, layer, current(kOutputRow));
    if (m_sizes.rows == 2) {
      select(scores, (m_rows - 1) * group, layer, current(kSpeculativeRow));
    }
  }

  const Sets* const sets = used();
  const std::uint32_t* const tokens = sets != nullptr ? tokensOf(*sets, layer) : nullptr;
  const std::int32_t* const counts = sets != nullptr
                                         ? countsOf(*sets, layer)
                                         : static_cast<const std::int32_t*>(m_noCounts.data());
  const kernels::LowBitValuesArgs values{copy, scores, tokens, counts, m_sizes.pairs, partials, 0};
  if (sets == nullptr) {
    m_backend.attendParts({&values, 1}, {});
  } else {
    // With the store in memory rows are read in place: the newest begin with token 0 there.
    kernels::ExactPairsArgs pairs =
        exactRows(m_buffer ? m_buffer->rows(layer) : newest, 0, m_sizes.pairs, 0);
    pairs.indices = tokens;
    pairs.indicesStride = m_sizes.pairs;
    pairs.counts = counts;
    if (m_buffer) {
      attendFetched(layer, *sets, pairs, values);
    } else {
      m_backend.attendParts({&values, 1}, {&pairs, 1});
    }
  }
  m_backend.joinPartials(
      {partials, partial, m_rows, m_shape.heads, m_shape.kvHeads, rows.out, queryColumns, nullptr});
}

/// Pairs that are not at hand travel while the value pass is computed.
void LowBitDecode::attendFetched(int layer, const Sets& sets, kernels::ExactPairsArgs pairs,
                                 const kernels::LowBitValuesArgs& values) {
  auto* const slots = static_cast<std::uint32_t*>(m_slots.data());
  for (int head = 0; head < m_shape.kvHeads; ++head) {
    const std::span<const std::uint32_t> wanted = pairsOf(sets, layer, head);
    m_buffer->want(layer, head, wanted, m_hostSlots.data());
    m_backend.toDevice(std::span<const std::uint32_t>(m_hostSlots).first(wanted.size()),
                       slots + std::int64_t{head} * m_sizes.pairs);
  }
  pairs.indices = slots;
  m_backend.attendParts({&values, 1}, {});
  m_buffer->wait(layer);
  m_backend.attendParts({}, {&pairs, 1});
  if (m_sizes.rows == 2) {
    for (int head = 0; head < m_shape.kvHeads; ++head) {
      m_buffer->prefetch(layer, head, pairsOf(current(kSpeculativeRow), layer, head));
    }
  }
}

LayerHitRates LowBitDecode::layerHitRates() const {
  LayerHitRates rates;
  const int layers = m_shape.layers;
  rates.entries = std::min(layers, LayerHitRates::kMost);
  for (int entry = 0, layer = 0; entry < rates.entries; ++entry) {
    PairStats sum;
    for (const int end = (entry + 1) * layers / rates.entries; layer < end; ++layer) {
      const PairStats& stats = m_layerStats[static_cast<std::size_t>(layer)];
      sum.wanted += stats.wanted;
      sum.resident += stats.resident;
    }
    rates.rate[static_cast<std::size_t>(entry)] =
        sum.wanted > 0 ? static_cast<float>(sum.hitRate()) : -1.0f;
  }
  return rates;
}

/// Which of the wanted pairs were there already. With the store in memory nothing travels: then it
/// is what a buffer that keeps the step before would have had.
void LowBitDecode::countResidents() {
  const Sets& wanted = current(kOutputRow);
  if (!wanted.known) {
    return;
  }
  const bool paper = m_options.policy == CachePolicy::Paper;
  const bool sticky = !paper && m_options.predictor != Predictor::Row;
  const bool row = paper || m_options.predictor != Predictor::Sticky;
  const auto rowBytes = CapacityTier::bytesFor({1, 1, m_shape.headDim}, 1);
  for (int layer = 0; layer < m_shape.layers; ++layer) {
    PairStats& stats = m_layerStats[static_cast<std::size_t>(layer)];
    for (int head = 0; head < m_shape.kvHeads; ++head) {
      const std::span<const std::uint32_t> want = pairsOf(wanted, layer, head);
      const std::span<const std::uint32_t> kept = pairsOf(before(kOutputRow), layer, head);
      const std::span<const std::uint32_t> guessed = pairsOf(before(kSpeculativeRow), layer, head);
      stats.wanted += std::ssize(want);
      std::int64_t resident = 0;
      if (sticky && row) {
        for (const std::uint32_t token : want) {
          resident += std::binary_search(kept.begin(), kept.end(), token) ||
                              std::binary_search(guessed.begin(), guessed.end(), token)
                          ? 1
                          : 0;
        }
      } else {
        resident = sharedCount(want, sticky ? kept : guessed);
      }
      stats.resident += resident;
      if (!paper) {
        stats.fetchedBytes += (std::ssize(want) - resident) * rowBytes;
      }
      if (row) {
        // The speculative row's set goes over in advance, less what is there.
        const std::span<const std::uint32_t> next = pairsOf(current(kSpeculativeRow), layer, head);
        const std::span<const std::uint32_t> there = paper ? guessed : want;
        stats.fetchedBytes += (std::ssize(next) - sharedCount(next, there)) * rowBytes;
      }
    }
    if (m_buffer) {
      const FetchStats& fetched = m_buffer->stats(layer);
      if (!paper) {
        stats.resident = fetched.hits;
      }
      stats.fetchedBytes = fetched.fetchedBytes;
      stats.hiddenUs = fetched.hiddenUs;
      stats.exposedUs = fetched.exposedUs;
    }
    m_stats.wanted += stats.wanted;
    m_stats.resident += stats.resident;
    m_stats.fetchedBytes += stats.fetchedBytes;
    m_stats.hiddenUs += stats.hiddenUs;
    m_stats.exposedUs += stats.exposedUs;
  }
}

}  // namespace bookwheel
