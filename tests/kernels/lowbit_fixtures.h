// SPDX-License-Identifier: Apache-2.0
// What the tests of the low-bit copy share: random 16-bit stores, copies and their memory, blocks
// read back.
#pragma once

#include "kernels/cpu_lowbit.h"
#include "tests/kernels/fixtures.h"
#include "tests/support/reference.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

namespace bookwheel::tests {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Formats around every edge: narrowest, widest, a last group of values that is shorter (96 with
/// 64), both groups, both kinds of metadata, all bits.
inline std::vector<kernels::LowBitFormat> lowBitFormats() {
  using kernels::LowBitMetadata;
  std::vector<kernels::LowBitFormat> formats;
  for (const int d : {32, 64, 96, 128, 160, 256}) {
    for (const int group : {32, 64}) {
      for (const auto& [keyBits, valueBits] : {std::pair{2, 2}, {1, 1}, {4, 4}}) {
        formats.push_back({keyBits, valueBits, group, LowBitMetadata::Bits8, d});
      }
      formats.push_back({1, 4, group, LowBitMetadata::Bits16, d});
      formats.push_back({2, 1, group, LowBitMetadata::Bits16, d});
    }
  }
  return formats;
}

inline QByteArray nameOf(const kernels::LowBitFormat& f) {
  return QByteArray("K") + QByteArray::number(f.keyBits) + "V" + QByteArray::number(f.valueBits) +
         " g" + QByteArray::number(f.group) + " d" + QByteArray::number(f.headDim) +
         (f.metadata == kernels::LowBitMetadata::Bits8 ? " m8" : " m16");
}

/// Rows of 16-bit keys and values; the memory ends with the last row. Channels have means and
/// widths of their own, as real keys have.
class Store {
 public:
  Store(int kvHeads, int d, std::int64_t tokens, Random& random)
      : m_data(static_cast<std::size_t>(kvHeads * tokens * 2 * d)) {
    m_rows = {m_data.data(), tokens * 2 * d, 2 * d, kvHeads, d};
    std::normal_distribution<float> normal;
    for (int h = 0; h < kvHeads; ++h) {
      std::vector<float> mean(static_cast<std::size_t>(2 * d));
      std::vector<float> width(mean.size());
      for (std::size_t c = 0; c < mean.size(); ++c) {
        mean[c] = 2.0F * normal(random);
        width[c] = 0.3F + std::fabs(normal(random));
      }
      for (std::int64_t t = 0; t < tokens; ++t) {
        for (std::size_t c = 0; c < mean.size(); ++c) {
          m_data[static_cast<std::size_t>((h * tokens + t) * 2 * d) + c] =
              reference::toHalf(static_cast<double>(mean[c] + width[c] * normal(random)));
        }
      }
    }
  }
  kernels::KvRows rows() const { return m_rows; }
  std::uint16_t& at(int head, std::int64_t token, int element) {
    return m_data[static_cast<std::size_t>(head * m_rows.headStride + token * m_rows.tokenStride +
                                           element)];
  }
  double number(int head, std::int64_t token, int element) const {
    return reference::fromHalf(m_data[static_cast<std::size_t>(
        head * m_rows.headStride + token * m_rows.tokenStride + element)]);
  }

 private:
  std::vector<std::uint16_t> m_data;
  kernels::KvRows m_rows{};
};

/// A copy of `blocks` blocks, and what dequantizeBlock says of it.
class Copy {
 public:
  Copy(const kernels::LowBitFormat& format, int kvHeads, std::int64_t blocks)
      : m_keys(kvHeads * blocks * kernels::lowBitKeyBlockBytes(format)),
        m_values(kvHeads * blocks * kernels::lowBitValueBlockBytes(format)),
        m_blocks(blocks),
        m_kv{format,
             m_keys.data(),
             m_values.data(),
             blocks * kernels::lowBitKeyBlockBytes(format),
             blocks * kernels::lowBitValueBlockBytes(format),
             kvHeads} {}
  Copy(const Store& store, const kernels::LowBitFormat& format, std::int64_t blocks)
      : Copy(format, store.rows().kvHeads, blocks) {
    const kernels::QuantizeKvArgs args{store.rows(), m_kv, 0, blocks};
    kernels::quantizeKv(args, {0, kernels::quantizeKvUnits(args)});
    readBack();
  }
  void readBack() {
    const int d = m_kv.format.headDim;
    m_keysBack.resize(static_cast<std::size_t>(m_kv.kvHeads * m_blocks * 64 * d));
    m_valuesBack.resize(m_keysBack.size());
    for (int h = 0; h < m_kv.kvHeads; ++h) {
      for (std::int64_t b = 0; b < m_blocks; ++b) {
        const std::int64_t at = (h * m_blocks + b) * 64 * d;
        kernels::dequantizeBlock({m_kv, h, b, m_keysBack.data() + at, m_valuesBack.data() + at});
      }
    }
    findRuns();
  }
  const kernels::LowBitKv& kv() const { return m_kv; }
  std::int64_t blocks() const { return m_blocks; }
  double key(int head, std::int64_t token, int c) const {
    return static_cast<double>(m_keysBack[index(head, token, c)]);
  }
  double value(int head, std::int64_t token, int c) const {
    return static_cast<double>(m_valuesBack[index(head, token, c)]);
  }
  /// Least number and scale of a channel's run of g tokens or a token's run of channels: both ends
  /// of a range have a code of their own.
  struct Run {
    double low = 1e300;
    double high = -1e300;
    double scale = 0;
  };
  const Run& keyRun(int head, std::int64_t token, int c) const {
    return m_keyRuns[keyRunIndex(head, token, c)];
  }
  const Run& valueRun(int head, std::int64_t token, int c) const {
    return m_valueRuns[valueRunIndex(head, token, c)];
  }

 private:
  std::size_t index(int head, std::int64_t token, int c) const {
    return static_cast<std::size_t>((head * m_blocks * 64 + token) * m_kv.format.headDim + c);
  }
  std::size_t keyRunIndex(int head, std::int64_t token, int c) const {
    const int g = m_kv.format.group;
    return static_cast<std::size_t>((head * m_blocks * (64 / g) + token / g) * m_kv.format.headDim +
                                    c);
  }
  std::size_t valueRunIndex(int head, std::int64_t token, int c) const {
    const int g = m_kv.format.group;
    return static_cast<std::size_t>(
        (head * m_blocks * 64 + token) * ((m_kv.format.headDim + g - 1) / g) + c / g);
  }
  void findRuns() {
    const int d = m_kv.format.headDim;
    const std::int64_t tokens = m_blocks * 64;
    m_keyRuns.assign(keyRunIndex(m_kv.kvHeads, 0, 0), {});
    m_valueRuns.assign(valueRunIndex(m_kv.kvHeads, 0, 0), {});
    const auto widen = [](Run& run, double x, int bits) {
      run.low = std::min(run.low, x);
      run.high = std::max(run.high, x);
      run.scale = (run.high - run.low) / ((1 << bits) - 1);
    };
    for (int h = 0; h < m_kv.kvHeads; ++h) {
      for (std::int64_t t = 0; t < tokens; ++t) {
        for (int c = 0; c < d; ++c) {
          widen(m_keyRuns[keyRunIndex(h, t, c)], key(h, t, c), m_kv.format.keyBits);
          widen(m_valueRuns[valueRunIndex(h, t, c)], value(h, t, c), m_kv.format.valueBits);
        }
      }
    }
  }
  AlignedBytes m_keys;
  AlignedBytes m_values;
  std::int64_t m_blocks;
  kernels::LowBitKv m_kv;
  std::vector<float> m_keysBack;
  std::vector<float> m_valuesBack;
  std::vector<Run> m_keyRuns;
  std::vector<Run> m_valueRuns;
};

/// Scores as weights, maxima and sums; NaN where nothing was written. A test may set scores and
/// have them weighed, or look at what the kernel left.
class Scores {
 public:
  Scores(int kvHeads, int rows, std::int64_t blocks)
      : m_kvHeads(kvHeads),
        m_scores(static_cast<std::size_t>(kvHeads * (blocks * rows * 64 + 16)), NAN),
        m_weights(m_scores),
        m_maxima(static_cast<std::size_t>(kvHeads * rows * stride(blocks)), NAN),
        m_sums(m_maxima) {
    m_rows = {
        m_weights.data(), blocks * rows * 64 + 16, m_maxima.data(), stride(blocks), blocks, rows,
        m_sums.data()};
  }
  const kernels::ScoreRows& rows() const { return m_rows; }
  /// The test's own score; minus infinity: no candidate.
  float& at(int head, int row, std::int64_t token) { return m_scores[index(head, row, token)]; }
  float weight(int head, int row, std::int64_t token) const {
    return m_weights[index(head, row, token)];
  }
  /// What a weight that is not 0 says the score is.
  double weighed(int head, int row, std::int64_t token) const {
    return static_cast<double>(maximum(head, row, token / 64)) +
           std::log(static_cast<double>(weight(head, row, token)));
  }
  bool noCandidate(int head, int row, std::int64_t token) const {
    const float w = weight(head, row, token);
    return w == 0 && std::signbit(w);
  }
  float maximum(int head, int row, std::int64_t block) const {
    return m_rows.blockMaxima[place(head, row, block)];
  }
  float sum(int head, int row, std::int64_t block) const {
    return m_rows.blockSums[place(head, row, block)];
  }
  double plainSum(int head, int row, std::int64_t block) const {
    double sum = 0;
    for (std::int64_t t = block * 64; t < block * 64 + 64; ++t) {
      sum += static_cast<double>(weight(head, row, t));
    }
    return sum;
  }
  /// Makes of the test's scores what lowBitScores leaves.
  void weigh() {
    for (int h = 0; h < m_kvHeads; ++h) {
      for (int r = 0; r < m_rows.rows; ++r) {
        for (std::int64_t b = 0; b < m_rows.blocks; ++b) {
          weighBlock(h, r, b);
        }
      }
    }
  }

 private:
  static std::int64_t stride(std::int64_t blocks) { return (blocks + 15) / 16 * 16; }
  std::size_t index(int head, int row, std::int64_t token) const {
    return static_cast<std::size_t>(head * m_rows.headStride +
                                    (token / 64 * m_rows.rows + row) * 64 + token % 64);
  }
  std::size_t place(int head, int row, std::int64_t block) const {
    return static_cast<std::size_t>((head * m_rows.rows + row) * m_rows.maximaStride + block);
  }
  void weighBlock(int head, int row, std::int64_t block) {
    const float* scores = m_scores.data() + index(head, row, block * 64);
    float* weights = m_weights.data() + index(head, row, block * 64);
    float most = -kInfinity;
    for (int i = 0; i < 64; ++i) {
      most = scores[i] > most ? scores[i] : most;
    }
    float sum = 0;
    for (int i = 0; i < 64; ++i) {
      weights[i] = scores[i] == -kInfinity ? -0.0F : std::exp(scores[i] - most);
      sum += std::isnan(weights[i]) ? 0.0F : weights[i];
    }
    m_maxima[place(head, row, block)] = most;
    m_sums[place(head, row, block)] = sum;
  }
  int m_kvHeads;
  std::vector<float> m_scores;
  std::vector<float> m_weights;
  std::vector<float> m_maxima;
  std::vector<float> m_sums;
  kernels::ScoreRows m_rows{};
};

/// Partials, full of NaN at first.
class Partials {
 public:
  Partials(int kvHeads, std::int64_t perHead, int rows, int d)
      : m_bytes(static_cast<std::int64_t>(sizeof(float)) * kvHeads * perHead * rows *
                (d + kernels::kPartialTail)) {
    m_partials = {reinterpret_cast<float*>(m_bytes.data()), perHead, rows, d};
    std::fill_n(m_partials.data, kvHeads * perHead * rows * (d + kernels::kPartialTail), NAN);
  }
  const kernels::AttentionPartials& get() const { return m_partials; }
  float* at(std::int64_t head, std::int64_t i, int row) {
    return m_partials.data + ((head * m_partials.perHead + i) * m_partials.rows + row) *
                                 (m_partials.headDim + kernels::kPartialTail);
  }

 private:
  AlignedBytes m_bytes;
  kernels::AttentionPartials m_partials{};
};

/// Queries of a step: (rows, H heads of d) with some slack between rows.
struct Queries {
  std::vector<float> data;
  std::int64_t stride;
  int rows;
  int heads;
  int d;
  int kvHeads;
  Queries(int rowCount, int headCount, int kvHeadCount, int headDim, Random& random)
      : data(randomFloats(static_cast<std::size_t>(rowCount * (headCount * headDim + 5)), random)),
        stride(headCount * headDim + 5),
        rows(rowCount),
        heads(headCount),
        d(headDim),
        kvHeads(kvHeadCount) {}
  int group() const { return heads / kvHeads; }
  int scoreRows() const { return rows * group(); }
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(d)); }
  /// Element c of score row r of a KV head.
  float at(int kvHead, int r, int c) const {
    return data[static_cast<std::size_t>(r / group() * stride +
                                         (kvHead * group() + r % group()) * d + c)];
  }
};

/// The units in one slice, or one by one from the last to the first.
enum class Slicing { Whole, Backwards };
template <typename Args>
void runUnits(void (*operation)(const Args&, kernels::Slice), const Args& args, std::int64_t units,
              Slicing slicing = Slicing::Whole) {
  if (slicing == Slicing::Whole) {
    operation(args, {0, units});
    return;
  }
  for (std::int64_t unit = units - 1; unit >= 0; --unit) {
    operation(args, {unit, unit + 1});
  }
}

}  // namespace bookwheel::tests
