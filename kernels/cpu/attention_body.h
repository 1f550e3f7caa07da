// SPDX-License-Identifier: Apache-2.0
// Exact causal attention over f16 keys and values, for the instruction set whose simd_*.h was
// included before.
//
// The query rows of one KV head are stacked (group x T rows), so keys and values are read and
// converted once for the whole group. Keys go through a tile of 64 tokens as float32 with the token
// as lane, (d, 64); both products, scores = Q K and out = P V, then are the same small matrix
// product with a register tile of kAttentionRows x kAttentionVectors.
#pragma once

#include "kernels/args.h"
#include "kernels/cpu/attention_sizes.h"

namespace bookwheel::kernels {
namespace {

struct FloatMatrix {
  const float* data;
  std::int64_t stride;
  Float operator()(std::int64_t row, int column) const {
    return load(data + row * stride + column);
  }
};

/// Rows of keys and values one after the other, or wherever a list says. `left`: how many there
/// are. kAhead: prefetched so many rows ahead. Long rows in order need it (d = 128, six query rows:
/// 61 ns a token instead of 93); for short ones reading in order is enough and it costs a third.
template <int kRowsAhead>
struct StridedRows {
  static constexpr int kAhead = kRowsAhead;
  const std::uint16_t* data;
  std::int64_t stride;
  std::int64_t left;
  const std::uint16_t* operator()(std::int64_t row) const { return data + row * stride; }
  StridedRows from(std::int64_t row) const { return {data + row * stride, stride, left - row}; }
};
using ShortRows = StridedRows<0>;
using LongRows = StridedRows<16>;
constexpr int kLongHead = 128;  // head sizes from here on are long rows

struct ListedRows {
  static constexpr int kAhead = 32;
  const std::uint16_t* data;
  std::int64_t stride;
  const std::uint32_t* list;
  std::int64_t left;
  const std::uint16_t* operator()(std::int64_t row) const { return data + list[row] * stride; }
  ListedRows from(std::int64_t row) const { return {data, stride, list + row, left - row}; }
};

/// The values of such rows as a matrix.
template <typename Rows>
struct HalfMatrix {
  Rows rows;
  int first;  // where values begin in a row
  Float operator()(std::int64_t row, int column) const {
    return loadHalves(rows(row) + first + column);
  }
};

/// c (kRows, kVectors * kLanes) += a (kRows, n) b (n, ...), b's columns from `column` on.
template <int kRows, int kVectors, typename Matrix>
inline void multiplyTile(Float (&c)[kRows][kVectors], const float* const* a, const Matrix& b,
                         std::int64_t n, int column) {
  for (std::int64_t k = 0; k < n; ++k) {
    Float v[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      v[j] = b(k, column + j * kLanes);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Float x = splat(a[r][k]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        c[r][j] = fma(x, v[j], c[r][j]);
      }
    }
  }
}

enum class Start { Zero, Add };

template <int kRows, int kVectors, typename Matrix>
inline void multiplyColumns(const float* const* a, const Matrix& b, std::int64_t n, int column,
                            Start start, float* const* out) {
  Float c[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      c[r][j] = start == Start::Add ? load(out[r] + column + j * kLanes) : zero();
    }
  }
  multiplyTile<kRows, kVectors>(c, a, b, n, column);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      store(out[r] + column + j * kLanes, c[r][j]);
    }
  }
}

/// out[r][0 .. columns) (+)= sum over k of a[r][k] b(k, ...). columns is a multiple of 16.
template <int kRows, typename Matrix>
void multiplyRows(const float* const* a, const Matrix& b, std::int64_t n, int columns, Start start,
                  float* const* out) {
  constexpr int kStep = kAttentionVectors * kLanes;
  int column = 0;
  for (; column + kStep <= columns; column += kStep) {
    multiplyColumns<kRows, kAttentionVectors>(a, b, n, column, start, out);
  }
  if constexpr (kStep > 32) {
    for (; column + kStep / 2 <= columns; column += kStep / 2) {
      multiplyColumns<kRows, kAttentionVectors / 2>(a, b, n, column, start, out);
    }
  }
  if constexpr (kStep > 16) {
    for (; column < columns; column += 16) {
      multiplyColumns<kRows, 16 / kLanes>(a, b, n, column, start, out);
    }
  }
}

/// multiplyRows for a number of rows known at run time, at most kAttentionRows.
template <typename Matrix>
inline void multiply(int rows, const float* const* a, const Matrix& b, std::int64_t n, int columns,
                     Start start, float* const* out) {
  static_assert(kAttentionRows == 4 || kAttentionRows == 6);
  switch (rows) {
    case 1:
      return multiplyRows<1>(a, b, n, columns, start, out);
    case 2:
      return multiplyRows<2>(a, b, n, columns, start, out);
    case 3:
      return multiplyRows<3>(a, b, n, columns, start, out);
    case 4:
      return multiplyRows<4>(a, b, n, columns, start, out);
    default:
      if constexpr (kAttentionRows == 6) {
        return rows == 5 ? multiplyRows<5>(a, b, n, columns, start, out)
                         : multiplyRows<6>(a, b, n, columns, start, out);
      }
  }
}

/// Keys of `count` <= 64 tokens as float32 with the token as lane: out (d, 64); columns past
/// `count` are zeros.
inline void loadKeyTile(const std::uint16_t* keys, std::int64_t stride, int count, int d,
                        float* out) {
  const int whole = count / kLanes * kLanes;
  for (int t = 0; t < whole; t += kLanes) {
    for (int c = 0; c < d; c += kLanes) {
      transposeHalves(keys + t * stride + c, stride, out + c * kKeyTile + t, kKeyTile);
    }
  }
  for (int t = whole; t < kKeyTile; ++t) {
    for (int c = 0; c < d; c += kLanes) {
      float row[kLanes];
      store(row, t < count ? loadHalves(keys + t * stride + c) : zero());
      for (int i = 0; i < kLanes; ++i) {
        out[(c + i) * kKeyTile + t] = row[i];
      }
    }
  }
}

/// Values of `count` <= 64 tokens as float32: out (64, d); rows past `count` are not written.
inline void loadValueTile(const std::uint16_t* values, std::int64_t stride, int count, int d,
                          float* out) {
  for (int t = 0; t < count; ++t) {
    for (int c = 0; c < d; c += kLanes) {
      store(out + t * d + c, loadHalves(values + t * stride + c));
    }
  }
}

constexpr float kMinusInfinity = -__builtin_inff();

/// Scales n scores (a multiple of 16), hides those from `visible` on, and returns the largest.
inline float scaleAndHide(float* scores, std::int64_t n, std::int64_t visible, float scale) {
  for (std::int64_t i = visible < 0 ? 0 : visible; i < n; ++i) {
    scores[i] = kMinusInfinity;
  }
  Float most = splat(kMinusInfinity);
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Float s = mul(load(scores + i), splat(scale));
    store(scores + i, s);
    most = maximum(most, s);
  }
  return maxOf(most);
}

/// scores -> exp(scores - peak); returns their sum.
inline float exponentiate(float* scores, std::int64_t n, float peak) {
  Float sum = zero();
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Float p = exponential(sub(load(scores + i), splat(peak)));
    store(scores + i, p);
    sum = add(sum, p);
  }
  return sumOf(sum);
}

inline void scaleRow(float* row, int d, float factor) {
  for (int c = 0; c < d; c += kLanes) {
    store(row + c, mul(load(row + c), splat(factor)));
  }
}

/// Stacked row i of a KV head: query head i / rows of the group, query row i % rows.
struct Stack {
  const AttentionArgs& args;
  int group;
  int kvHead;
  std::int64_t firstRow;  // of the batch
  std::int64_t rows;      // query rows of this unit
  std::int64_t size() const { return group * rows; }
  std::int64_t row(std::int64_t i) const { return firstRow + i % rows; }
  std::int64_t head(std::int64_t i) const { return std::int64_t{kvHead} * group + i / rows; }
  const float* query(std::int64_t i) const {
    return args.queries + row(i) * args.queryStride + head(i) * args.kv.headDim;
  }
  float* out(std::int64_t i) const {
    return args.out + row(i) * args.outStride + head(i) * args.kv.headDim;
  }
  /// Tokens that stacked row i sees.
  std::int64_t visible(std::int64_t i) const { return args.first + row(i) + 1; }
};

inline const std::uint16_t* keysOf(const KvRows& kv, int kvHead, std::int64_t token) {
  return kv.data + kvHead * kv.headStride + token * kv.tokenStride;
}

// ---- Prefill

void prefillUnit(const Stack& stack, const PrefillScratch& scratch) {
  const AttentionArgs& args = stack.args;
  const int d = args.kv.headDim;
  const std::int64_t size = stack.size();
  const std::int64_t tokens = args.first + stack.firstRow + stack.rows;  // seen by the last row
  for (std::int64_t i = 0; i < size; ++i) {
    scratch.peaks[i] = kMinusInfinity;
    scratch.sums[i] = 0.0F;
    float* out = stack.out(i);
    for (int c = 0; c < d; c += kLanes) {
      store(out + c, zero());
    }
  }
  for (std::int64_t token = 0; token < tokens; token += kKeyTile) {
    const std::int64_t left = tokens - token;
    const int count = left < kKeyTile ? static_cast<int>(left) : kKeyTile;
    const std::uint16_t* keys = keysOf(args.kv, stack.kvHead, token);
    loadKeyTile(keys, args.kv.tokenStride, count, d, scratch.keys);
    loadValueTile(keys + d, args.kv.tokenStride, count, d, scratch.values);
    for (std::int64_t i = 0; i < size; i += kAttentionRows) {
      const int rows = size - i < kAttentionRows ? static_cast<int>(size - i) : kAttentionRows;
      const float* queries[kAttentionRows];
      const float* weights[kAttentionRows];
      float* scores[kAttentionRows];
      float* out[kAttentionRows];
      std::int64_t most = 0;
      for (int r = 0; r < rows; ++r) {
        queries[r] = stack.query(i + r);
        scores[r] = scratch.scores + r * kKeyTile;
        weights[r] = scores[r];
        out[r] = stack.out(i + r);
        const std::int64_t visible = stack.visible(i + r);
        most = visible > most ? visible : most;
      }
      if (most <= token) {
        continue;  // above the diagonal
      }
      multiply(rows, queries, FloatMatrix{scratch.keys, kKeyTile}, d, kKeyTile, Start::Zero,
               scores);
      for (int r = 0; r < rows; ++r) {
        const float high =
            scaleAndHide(scores[r], kKeyTile, stack.visible(i + r) - token, args.scale);
        const float before = scratch.peaks[i + r];
        if (high > before) {
          const float factor = exponential(before - high);
          scratch.peaks[i + r] = high;
          scratch.sums[i + r] *= factor;
          scaleRow(out[r], d, factor);
        }
        scratch.sums[i + r] += exponentiate(scores[r], kKeyTile, scratch.peaks[i + r]);
      }
      multiply(rows, weights, FloatMatrix{scratch.values, d}, count, d, Start::Add, out);
    }
  }
  for (std::int64_t i = 0; i < size; ++i) {
    scaleRow(stack.out(i), d, 1.0F / scratch.sums[i]);
  }
}

void attentionPrefillBody(const AttentionArgs& args, Slice units) {
  const std::int64_t tiles = (args.rows + kQueryTile - 1) / kQueryTile;
  const PrefillScratch scratch = prefillScratch(args);
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const std::int64_t firstRow = unit % tiles * kQueryTile;
    const std::int64_t left = args.rows - firstRow;
    prefillUnit(Stack{args, args.heads / args.kv.kvHeads, static_cast<int>(unit / tiles), firstRow,
                      left < kQueryTile ? left : kQueryTile},
                scratch);
  }
}

// ---- Decode

/// Reads one word of each cache line of a row of keys and values. The processor's stream prefetcher
/// follows reads in order and keeps many more lines in flight than prefetch instructions can (limit
/// of those here: 24 lines, 12 GB/s).
inline void touchRow(const std::uint16_t* row, int d) {
  for (int c = 0; c < 2 * d; c += 32) {
    static_cast<void>(*static_cast<const volatile std::uint16_t*>(row + c));
  }
}

/// Asks for a row Rows::kAhead rows on, into the second cache, at the pace of the computing. Always
/// inlined: GCC drops calls of functions that do nothing but prefetch.
template <typename Rows>
__attribute__((always_inline)) inline void prefetchAhead(const Rows& rows, std::int64_t row,
                                                         int d) {
  if constexpr (Rows::kAhead > 0) {
    if (row + Rows::kAhead < rows.left) {
      const std::uint16_t* ahead = rows(row + Rows::kAhead);
      for (int c = 0; c < 2 * d; c += 32) {
        __builtin_prefetch(ahead + c, 0, 2);
      }
    }
  }
}

/// Scores of kRows queries against the first `there` of kLanes tokens, channels as lanes: keys are
/// converted once and never moved; each sum over lanes costs three operations. Lanes past `there`
/// repeat the last token.
template <int kRows, typename Rows>
inline void scoreTokens(const float* const* queries, const Rows& keys, std::int64_t first,
                        int there, int d, float (*scores)[kDecodeBlock]) {
  Float sums[kRows][kLanes];
#pragma GCC unroll 1
  for (int t = 0; t < kLanes; t += kScoreTokens) {
    const std::uint16_t* rows[kScoreTokens];
    Float acc[kRows][kScoreTokens];
#pragma GCC unroll 4
    for (int j = 0; j < kScoreTokens; ++j) {
      const int at = t + j < there ? t + j : there - 1;
      rows[j] = keys(first + at);
      touchRow(rows[j], d);
      prefetchAhead(keys, first + t + j, d);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        acc[r][j] = zero();
      }
    }
    for (int c = 0; c < d; c += kLanes) {
      Float k[kScoreTokens];
#pragma GCC unroll 4
      for (int j = 0; j < kScoreTokens; ++j) {
        k[j] = loadHalves(rows[j] + c);
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const Float q = load(queries[r] + c);
#pragma GCC unroll 4
        for (int j = 0; j < kScoreTokens; ++j) {
          acc[r][j] = fma(q, k[j], acc[r][j]);
        }
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int j = 0; j < kScoreTokens; ++j) {
        sums[r][t + j] = acc[r][j];
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    store(scores[r], sumEach(sums[r]));
  }
}

/// Scores of one block -> weights relative to the row's running maximum; hides those from `seen`
/// on. The sum stays spread over lanes until the chunk ends.
inline void softmaxBlock(float (&scores)[kDecodeBlock], std::int64_t seen, float scale, int d,
                         float* partial) {
  constexpr int kVectors = kDecodeBlock / kLanes;
  for (std::int64_t i = seen < 0 ? 0 : seen; i < kDecodeBlock; ++i) {
    scores[i] = kMinusInfinity;
  }
  Float s[kVectors];
  Float high = splat(kMinusInfinity);
#pragma GCC unroll 4
  for (int i = 0; i < kVectors; ++i) {
    s[i] = mul(load(scores + i * kLanes), splat(scale));
    high = maximum(high, s[i]);
  }
  if (anyGreater(high, splat(partial[0]))) {
    // The first maximum replaces minus infinity: factor 0, and O and the sums are 0 already.
    const float peak = maxOf(high);
    const float factor = exponential(partial[0] - peak);
    partial[0] = peak;
    scaleRow(partial + kPartialSums, kDecodeBlock, factor);
    scaleRow(partial + kPartialHeader, d, factor);
  }
  // A row that has seen no token yet: weights are exp(-inf - 0) = 0. A NaN score is never greater
  // and shows here.
  const Float peak = splat(partial[0] == kMinusInfinity ? 0.0F : partial[0]);
#pragma GCC unroll 4
  for (int i = 0; i < kVectors; ++i) {
    const Float p = exponential(sub(s[i], peak));
    float* sums = partial + kPartialSums + i * kLanes;
    store(scores + i * kLanes, p);
    store(sums, add(load(sums), p));
  }
}

/// One block of at most kDecodeBlock tokens for kRows rows of the stack: scores, running softmax,
/// values. partials[r] holds maximum, sum and O so far.
template <int kRows, typename Rows>
void decodeBlock(const float* const* queries, const Rows& keys, int count, int d, float scale,
                 const std::int64_t* visible, float* const* partials) {
  alignas(64) float scores[kRows][kDecodeBlock];
  for (int t = 0; t < count; t += kLanes) {
    scoreTokens<kRows>(queries, keys, t, count - t < kLanes ? count - t : kLanes, d,
                       reinterpret_cast<float(*)[kDecodeBlock]>(&scores[0][t]));
  }
  const float* weights[kRows];
  float* out[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const std::int64_t seen = visible[r] < count ? visible[r] : count;
    softmaxBlock(scores[r], seen, scale, d, partials[r]);
    weights[r] = scores[r];
    out[r] = partials[r] + kPartialHeader;
  }
  multiplyRows<kRows>(weights, HalfMatrix<Rows>{keys, d}, count, d, Start::Add, out);
}

template <typename Rows>
using DecodeBlock = void (*)(const float* const*, const Rows&, int, int, float, const std::int64_t*,
                             float* const*);

template <typename Rows>
inline DecodeBlock<Rows> decodeBlockOf(int rows) {
  static_assert(kAttentionRows == 4 || kAttentionRows == 6);
  switch (rows) {
    case 1:
      return decodeBlock<1, Rows>;
    case 2:
      return decodeBlock<2, Rows>;
    case 3:
      return decodeBlock<3, Rows>;
    case 4:
      return decodeBlock<4, Rows>;
    case 5:
      return decodeBlock < kAttentionRows == 6 ? 5 : 1, Rows > ;
    default:
      return decodeBlock<kAttentionRows, Rows>;
  }
}

/// An empty partial: nothing seen yet.
inline void clearPartial(float* partial, int d) {
  for (int c = 0; c < partialFloats(d); c += kLanes) {
    store(partial + c, zero());
  }
  partial[0] = kMinusInfinity;
}

/// The sum of a partial whose tokens are all done.
inline float partialSum(const float* partial) {
  float sum = 0.0F;
  for (int t = 0; t < kDecodeBlock; t += kLanes) {
    sum += sumOf(load(partial + kPartialSums + t));
  }
  return sum;
}

/// One chunk of tokens for all rows of a KV head. Keys and values of a block are used together, so
/// that memory is read in one stream and once.
void decodeUnit(const Stack& stack, std::int64_t chunk, std::int64_t chunks) {
  const AttentionArgs& args = stack.args;
  const int d = args.kv.headDim;
  const std::int64_t stride = args.kv.tokenStride;
  const std::int64_t size = stack.size();
  const std::int64_t first = chunk * kKvChunk;
  const std::int64_t left = args.first + args.rows - first;
  const int count = left < kKvChunk ? static_cast<int>(left) : kKvChunk;
  const auto partial = [&](std::int64_t i) {
    return args.partials +
           ((stack.row(i) * args.heads + stack.head(i)) * chunks + chunk) * partialFloats(d);
  };
  for (std::int64_t i = 0; i < size; ++i) {
    clearPartial(partial(i), d);
  }
  const std::uint16_t* keys = keysOf(args.kv, stack.kvHead, first);
  // Groups of about equal size: 7 rows are 4 and 3, for a group of one would convert everything for
  // itself.
  const std::int64_t groups = (size + kAttentionRows - 1) / kAttentionRows;
  const std::int64_t step = (size + groups - 1) / groups;
  for (int token = 0; token < count; token += kDecodeBlock) {
    const int here = count - token < kDecodeBlock ? count - token : kDecodeBlock;
    for (std::int64_t i = 0; i < size; i += step) {
      const int rows = static_cast<int>(size - i < step ? size - i : step);
      const float* queries[kAttentionRows];
      float* partials[kAttentionRows];
      std::int64_t visible[kAttentionRows];
      for (int r = 0; r < rows; ++r) {
        queries[r] = stack.query(i + r);
        partials[r] = partial(i + r);
        visible[r] = stack.visible(i + r) - first - token;
      }
      const std::uint16_t* block = keys + token * stride;
      const std::int64_t there = args.first + args.rows - first - token;
      if (d < kLongHead) {
        decodeBlockOf<ShortRows>(rows)(queries, {block, stride, there}, here, d, args.scale,
                                       visible, partials);
      } else {
        decodeBlockOf<LongRows>(rows)(queries, {block, stride, there}, here, d, args.scale, visible,
                                      partials);
      }
    }
  }
  for (std::int64_t i = 0; i < size; ++i) {
    partial(i)[1] = partialSum(partial(i));
  }
}

void attentionDecodeBody(const AttentionArgs& args, Slice units) {
  const std::int64_t chunks = chunksOf(args.first + args.rows);
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    decodeUnit(
        Stack{args, args.heads / args.kv.kvHeads, static_cast<int>(unit / chunks), 0, args.rows},
        unit % chunks, chunks);
  }
}

void attentionCombineBody(const AttentionArgs& args, Slice units) {
  const int d = args.kv.headDim;
  const std::int64_t chunks = chunksOf(args.first + args.rows);
  const std::int64_t step = partialFloats(d);
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const float* partial = args.partials + unit * chunks * step;
    float* out = args.out + unit / args.heads * args.outStride + unit % args.heads * d;
    float peak = kMinusInfinity;
    for (std::int64_t c = 0; c < chunks; ++c) {
      peak = partial[c * step] > peak ? partial[c * step] : peak;
    }
    float sum = 0.0F;
    for (std::int64_t c = 0; c < chunks; ++c) {
      const float* from = partial + c * step;
      const float factor = exponential(from[0] - peak);
      sum += from[1] * factor;
      for (int i = 0; i < d; i += kLanes) {
        const Float before = c == 0 ? zero() : load(out + i);
        store(out + i, fma(load(from + kPartialHeader + i), splat(factor), before));
      }
    }
    scaleRow(out, d, 1.0F / sum);
  }
}

}  // namespace
}  // namespace bookwheel::kernels
