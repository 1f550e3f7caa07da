// SPDX-License-Identifier: Apache-2.0
// Speed of the corrected low-bit step by phase, beside exact decode attention over the same store.
#include "kernels/cpu_lowbit.h"
#include "tests/bench/bench_support.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <random>

namespace bookwheel::bench {
namespace {

using namespace kernels;

struct Shape {
  const char* name;
  int layers;
  int heads;
  int kvHeads;
  int headDim;
};

enum Phase { Scoring, Selecting, Pairs, Values, Joining, kPhases };

/// Some layers of a model: as many as fit 384 MB of 16-bit rows, so that what one step reads is far
/// larger than the caches.
class Layers {
 public:
  Layers(const Shape& shape, const LowBitFormat& format, std::int64_t tokens, int k, Team& team)
      : m_shape(shape),
        m_format(format),
        m_tokens(tokens),
        m_blocks(tokens / kLowBitBlock),
        m_k(k),
        m_team(team),
        m_layers(static_cast<int>(std::min<std::int64_t>(
            shape.layers, std::max<std::int64_t>(1, (std::int64_t{384} << 20) / rowBytes())))),
        m_store(allocate(m_layers * rowBytes())),
        m_keys(allocate(m_layers * keyBytes())),
        m_values(allocate(m_layers * valueBytes())),
        m_rows(shape.heads / shape.kvHeads),
        m_chunks(lowBitChunks(m_blocks)),
        m_pairChunks((k + kPairsChunk - 1) / kPairsChunk),
        m_scores(static_cast<std::size_t>(shape.kvHeads * tokens * m_rows)),
        m_maxima(static_cast<std::size_t>(shape.kvHeads * m_rows * maximaStride())),
        m_sums(m_maxima),
        m_scratch(allocate(lowBitSelectScratchBytes(shape.kvHeads, m_blocks, k))),
        m_selected(static_cast<std::size_t>(shape.kvHeads * k)),
        m_counts(static_cast<std::size_t>(shape.kvHeads)),
        m_partials(allocate(4 * shape.kvHeads * (m_pairChunks + m_chunks) * m_rows *
                            (shape.headDim + kPartialTail))),
        m_exactPartials(static_cast<std::size_t>(
            attentionPartialFloats(shape.heads, shape.headDim, 1, tokens))),
        m_queries(static_cast<std::size_t>(shape.heads * shape.headDim)),
        m_out(m_queries.size()) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    for (float& q : m_queries) {
      q = normal(random);
    }
    fillStore(random);
    for (int layer = 0; layer < m_layers; ++layer) {
      const QuantizeKvArgs args{rows(layer), copy(layer), 0, m_blocks};
      m_team.run([&](int t) { quantizeKv(args, m_team.share(quantizeKvUnits(args), t)); });
    }
  }

  /// Seconds of the phases of one step over all layers.
  std::array<double, kPhases> step() {
    std::array<double, kPhases> seconds{};
    for (int layer = 0; layer < m_layers; ++layer) {
      stepLayer(layer, seconds);
    }
    return seconds;
  }

  double exact() {
    const double start = secondsOf(m_team);
    for (int layer = 0; layer < m_layers; ++layer) {
      const std::int64_t width = m_shape.heads * m_shape.headDim;
      const AttentionArgs args{rows(layer),  m_queries.data(),       width,   1,
                               m_tokens - 1, m_shape.heads,          scale(), m_out.data(),
                               width,        m_exactPartials.data(), nullptr};
      m_team.run(
          [&](int t) { attentionDecode(args, m_team.share(attentionDecodeUnits(args), t)); });
      attentionCombine(args, {0, m_shape.heads});
    }
    return secondsOf(m_team) - start;
  }

  /// Core nanoseconds per token and KV head.
  double each(double seconds) const {
    return seconds * 1e9 * m_team.size() /
           static_cast<double>(m_layers * m_shape.kvHeads * m_tokens);
  }

 private:
  std::int64_t rowBytes() const { return m_tokens * m_shape.kvHeads * m_shape.headDim * 4; }
  std::int64_t keyBytes() const {
    return m_shape.kvHeads * m_blocks * lowBitKeyBlockBytes(m_format);
  }
  std::int64_t valueBytes() const {
    return m_shape.kvHeads * m_blocks * lowBitValueBlockBytes(m_format);
  }
  std::int64_t maximaStride() const { return (m_blocks + 15) / 16 * 16; }
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(m_shape.headDim)); }

  /// Normal numbers, in runs copied from random places of a table.
  void fillStore(std::mt19937& random) {
    std::vector<std::uint16_t> table(1 << 16);
    std::normal_distribution<float> normal;
    for (std::uint16_t& half : table) {
      std::uint32_t bits = 0;
      const float x = normal(random);
      std::memcpy(&bits, &x, sizeof bits);
      const auto exponent = static_cast<int>(bits >> 23 & 0xFF) - 112;
      half = static_cast<std::uint16_t>((bits >> 16 & 0x8000) |
                                        (exponent > 0 ? exponent << 10 | (bits >> 13 & 0x3FF) : 0));
    }
    auto* to = reinterpret_cast<std::uint16_t*>(m_store.get());
    const std::int64_t halves = m_layers * rowBytes() / 2;
    constexpr std::int64_t kRun = 1 << 12;
    for (std::int64_t i = 0; i < halves; i += kRun) {
      const std::int64_t count = std::min(kRun, halves - i);
      std::memcpy(to + i, table.data() + random() % (table.size() - kRun),
                  static_cast<std::size_t>(count) * 2);
    }
  }

  KvRows rows(int layer) const {
    return {reinterpret_cast<std::uint16_t*>(m_store.get() + layer * rowBytes()),
            m_tokens * 2 * m_shape.headDim, 2 * m_shape.headDim, m_shape.kvHeads, m_shape.headDim};
  }
  LowBitKv copy(int layer) const {
    return {m_format,
            m_keys.get() + layer * keyBytes(),
            m_values.get() + layer * valueBytes(),
            keyBytes() / m_shape.kvHeads,
            valueBytes() / m_shape.kvHeads,
            m_shape.kvHeads};
  }

  template <typename Run>
  void measure(double& seconds, Run run) {
    const double start = secondsOf(m_team);
    run();
    seconds += secondsOf(m_team) - start;
  }

  void stepLayer(int layer, std::array<double, kPhases>& seconds) {
    const int kvHeads = m_shape.kvHeads;
    const std::int64_t width = m_shape.heads * m_shape.headDim;
    const ScoreRows scores{m_scores.data(), m_tokens * m_rows, m_maxima.data(),
                           maximaStride(),  m_blocks,          m_rows,
                           m_sums.data()};
    const AttentionPartials partials{reinterpret_cast<float*>(m_partials.get()),
                                     m_pairChunks + m_chunks, m_rows, m_shape.headDim};
    const LowBitScoresArgs scoring{
        copy(layer), m_queries.data(), width, 1, m_shape.heads, scale(), 0, false, scores};
    measure(seconds[Scoring], [&] {
      m_team.run([&](int t) { lowBitScores(scoring, m_team.share(kvHeads * m_chunks, t)); });
    });
    const LowBitSelectArgs selecting{
        scores,         0, m_rows, nullptr, kvHeads, m_k, m_selected.data(), m_counts.data(),
        m_scratch.get()};
    measure(seconds[Selecting], [&] {
      m_team.run([&](int t) {
        lowBitSelectParts(selecting, m_team.share(lowBitSelectPartUnits(selecting), t));
      });
      m_team.run([&](int t) { lowBitSelectJoin(selecting, m_team.share(kvHeads, t)); });
    });
    const ExactPairsArgs pairs{
        rows(layer), m_selected.data(), m_k,     m_counts.data(), m_k, m_queries.data(), width, 1,
        0,           m_shape.heads,     scale(), partials,        0};
    measure(seconds[Pairs], [&] {
      m_team.run([&](int t) { exactPairs(pairs, m_team.share(exactPairsUnits(pairs), t)); });
    });
    const LowBitValuesArgs values{copy(layer), scores,   m_selected.data(), m_counts.data(),
                                  m_k,         partials, m_pairChunks};
    measure(seconds[Values], [&] {
      m_team.run([&](int t) { lowBitValues(values, m_team.share(kvHeads * m_chunks, t)); });
    });
    const JoinPartialsArgs join{
        partials, m_pairChunks + m_chunks, 1, m_shape.heads, kvHeads, m_out.data(), width, nullptr};
    measure(seconds[Joining], [&] {
      m_team.run([&](int t) { joinPartials(join, m_team.share(m_shape.heads, t)); });
    });
  }

  Shape m_shape;
  LowBitFormat m_format;
  std::int64_t m_tokens;
  std::int64_t m_blocks;
  int m_k;
  Team& m_team;
  int m_layers;
  Memory m_store;
  Memory m_keys;
  Memory m_values;
  int m_rows;
  std::int64_t m_chunks;
  std::int64_t m_pairChunks;
  std::vector<float> m_scores;
  std::vector<float> m_maxima;
  std::vector<float> m_sums;
  Memory m_scratch;
  std::vector<std::uint32_t> m_selected;
  std::vector<std::int32_t> m_counts;
  Memory m_partials;
  std::vector<float> m_exactPartials;
  std::vector<float> m_queries;
  std::vector<float> m_out;
};

void measureStep(Team& team, const Shape& shape, const LowBitFormat& format, int k,
                 std::int64_t tokens) {
  Layers layers(shape, format, tokens, k, team);
  std::array<double, kPhases> best{};
  double bestTotal = 1e30;
  double bestExact = 1e30;
  for (int i = 0; i < 9; ++i) {  // interleaved, the first fills the caches
    const std::array<double, kPhases> now = layers.step();
    double total = 0;
    for (const double phase : now) {
      total += phase;
    }
    if (i > 0 && total < bestTotal) {
      bestTotal = total;
      best = now;
    }
    if (i % 3 == 0) {
      bestExact = std::min(bestExact, layers.exact());
    }
  }
  std::printf(
      "%-9s step %-9s K%dV%d k=%4d n=%5d: scores %5.2f select %5.2f pairs %5.2f values %5.2f "
      "join %5.2f = %6.2f core ns per token and KV head; exact %6.2f (%4.1f x); %.1f ms a model\n",
      name(instructionSet()), shape.name, format.keyBits, format.valueBits, k,
      static_cast<int>(tokens), layers.each(best[Scoring]), layers.each(best[Selecting]),
      layers.each(best[Pairs]), layers.each(best[Values]), layers.each(best[Joining]),
      layers.each(bestTotal), layers.each(bestExact), bestExact / bestTotal,
      layers.each(bestTotal) * 1e-6 / team.size() *
          static_cast<double>(tokens * shape.layers * shape.kvHeads));
  std::fflush(stdout);
}

}  // namespace

void lowBitSteps(Team& team, const std::function<bool(const char*)>& wanted) {
  for (const Shape& shape : {Shape{"smollm2", 30, 9, 3, 64}, Shape{"qwen-0.5b", 24, 14, 2, 64},
                             Shape{"qwen-1.5b", 28, 12, 2, 128}}) {
    for (const auto& [bits, k] : {std::pair{2, 256}, {1, 1024}}) {
      for (const std::int64_t tokens : {4096, 16384, 32768}) {
        char row[64];
        std::snprintf(row, sizeof row, "step %s K%dV%d %d", shape.name, bits, bits,
                      static_cast<int>(tokens));
        if (wanted(row)) {
          measureStep(team, shape, {bits, bits, 64, LowBitMetadata::Bits8, shape.headDim}, k,
                      tokens);
        }
      }
    }
  }
}

}  // namespace bookwheel::bench
