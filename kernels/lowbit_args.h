// SPDX-License-Identifier: Apache-2.0
// Arguments of the operations on the low-bit copy of a layer's KV and on single exact pairs: what
// one decoding step of SpeCache does in a layer. The CPU and the CUDA functions share them.
//
// Symbols: T rows (tokens) of a step, H query heads, Hkv KV heads, G = H / Hkv, R = T G score rows
// of one KV head (row t, head j of the group at t G + j), d head size, g group size, k pairs.
#pragma once

#include "kernels/args.h"

#include <cstddef>
#include <cstdint>

namespace bookwheel::kernels {

inline constexpr int kLowBitBlock = 64;    // tokens of a block: the unit of storage
inline constexpr int kLowBitChunk = 8;     // blocks of a unit of lowBitScores and lowBitValues
inline constexpr int kPairsChunk = 128;    // pairs of a unit of exactPairs
inline constexpr int kMostScoreRows = 16;  // R
inline constexpr int kPartialTail = 16;    // floats behind the d values of a partial

/// How scales and zeros of the groups are kept.
enum class LowBitMetadata {
  Bits8,   ///< one byte each, with float16 ranges per block: the default
  Bits16,  ///< float16 each, as published
};

/// The form of a copy. Keys: per channel, one (scale, zero) for g consecutive tokens; values: per
/// token, one (scale, zero) for g consecutive channels, the last group of a head may be shorter
/// (KIVI's layout, arXiv 2402.02750; the levels of 1 bit from SpeCache, arXiv 2503.16163):
///
///   b >= 2: zero = min, scale = (max - min) / (2^b - 1);   1 bit: zero = (3 min + max) / 4, scale
///   = (max - min) / 2 code = clamp(round((x - zero) / scale), 0, 2^b - 1) with scale and zero as
///   they are stored
///
/// A group of equal numbers decodes to that number: exactly with Bits16 (the number is a float16),
/// within half a step of the stored zeros with Bits8.
struct LowBitFormat {
  int keyBits;    // 1, 2 or 4
  int valueBits;  // 1, 2 or 4
  int group;      // g: 32 or 64
  LowBitMetadata metadata;
  int headDim;  // d: a multiple of 32, at most 256
};

/// The copy of one layer: blocks of kLowBitBlock tokens, block b holds tokens 64 b .. 64 b + 63.
struct LowBitKv {
  LowBitFormat format;
  std::byte* keys;               // (Hkv, keyHeadStride), 64-byte aligned
  std::byte* values;             // (Hkv, valueHeadStride), 64-byte aligned
  std::int64_t keyHeadStride;    // bytes from KV head to KV head, multiple of 64
  std::int64_t valueHeadStride;  // bytes
  int kvHeads;                   // Hkv
};

/// 16-bit rows -> blocks. A unit is one (KV head, block), blocks of a head adjacent.
struct QuantizeKvArgs {
  KvRows source;  // row i of it is token 64 firstBlock + i; every number finite
  LowBitKv copy;
  std::int64_t firstBlock;
  std::int64_t blocks;
};

/// The reverse, for tests and evaluation: keys and values of one block of one head as float32.
struct DequantizeBlockArgs {
  LowBitKv copy;
  int kvHead;
  std::int64_t block;
  float* keys;    // (kLowBitBlock, d)
  float* values;  // (kLowBitBlock, d)
};

/// What the scores of all rows against the copy come to, block by block of 64 tokens. Selection and
/// value pass start from it. Relative to a block's own maximum nothing needs to be known of the
/// others; within it, a token more than 87 below its block's largest score weighs 0.
struct ScoreRows {
  float* weights;             // (Hkv, headStride): block b, row r, token i at (b R + r) 64 + i:
                              // exp(score - block's maximum), -0 for a token that is no candidate
  std::int64_t headStride;    // floats, >= blocks R 64, multiple of 16
  float* blockMaxima;         // (Hkv, R, maximaStride): largest score; -infinity: no candidate
  std::int64_t maximaStride;  // floats, >= blocks, multiple of 16
  std::int64_t blocks;
  int rows;          // R <= kMostScoreRows
  float* blockSums;  // (Hkv, R, maximaStride): sum of the weights
};

/// score = scale * (q . key of the copy); tokens before firstCandidate are no candidates. A NaN in
/// a query makes its weights NaN, and counts neither in maxima nor in sums. A unit is one (KV head,
/// chunk of kLowBitChunk blocks), chunks of a head adjacent. With varianceCorrection half the
/// variance that rounding adds to a score is taken off: 1/2 sum_c (scale q_c)^2 s_c^2 / 12, s_c the
/// group's scale of channel c. The query may be rounded to 8 bits per (row, key group) after the
/// key scales are folded in.
struct LowBitScoresArgs {
  LowBitKv copy;
  const float* queries;  // (T, queryStride): H heads of d, after RoPE
  std::int64_t queryStride;
  int rows;     // T; out.rows == T heads / copy.kvHeads
  int heads;    // H
  float scale;  // 1 / sqrt(d)
  std::int64_t firstCandidate;
  bool varianceCorrection;
  ScoreRows out;  // blocks: how many of the copy take part
};

/// The k tokens with the largest sum over score rows firstRow .. firstRow + rowCount - 1 of
/// exp(score - shift of the row), as the weights say it. Exact and deterministic: of equal sums the
/// lower token wins; tokens that are no candidates, or have a NaN among their weights, are never
/// taken.
/// Two operations: lowBitSelectParts (a unit is one (KV head, part of kSelectBlocks blocks), parts
/// of a head adjacent) and lowBitSelectJoin (a unit is one KV head).
struct LowBitSelectArgs {
  ScoreRows scores;
  int firstRow;
  int rowCount;
  const float* shifts;  // (Hkv, R), or null: the maximum of the row over all blocks
  int kvHeads;
  int k;                    // >= 1
  std::uint32_t* selected;  // (Hkv, k): tokens in ascending order
  std::int32_t* counts;     // (Hkv): how many; k unless there are fewer candidates
  std::byte* scratch;       // lowBitSelectScratchBytes(...), 64-byte aligned, shared by all units
};

/// Where parts of an attention are left to be joined: partial i of head h, score row r, begins at
/// data + ((h perHead + i) R + r) (d + kPartialTail): d floats sum of exp(s - m) v, then m, then
/// the sum of exp(s - m). m = -infinity and sum 0: nothing was seen.
struct AttentionPartials {
  float* data;  // 64-byte aligned
  std::int64_t perHead;
  int rows;     // R
  int headDim;  // d
};

/// What all tokens of a row come to: shift = log of the sum of exp(score) over the scores and the
/// partials firstPartial .. firstPartial + partialCount - 1, so that exp(score - shift) is a
/// token's probability. A unit is one KV head.
struct LowBitShiftsArgs {
  ScoreRows scores;
  AttentionPartials partials;  // of the same rows
  std::int64_t firstPartial;
  std::int64_t partialCount;
  int kvHeads;
  float* shifts;  // (Hkv, R); 0 for a row that sees nothing
};

/// The values of the copy, weighted, without `excluded` tokens. A unit is one (KV head, chunk of
/// kLowBitChunk blocks) and writes partial firstPartial + chunk; its m is the largest score of the
/// chunk, excluded or not. Weights may be rounded to 8 bits per (row, block), with the largest that
/// is left as full scale. Overwrites the weights of excluded tokens.
struct LowBitValuesArgs {
  LowBitKv copy;
  ScoreRows scores;
  const std::uint32_t* excluded;       // (Hkv, excludedStride): tokens in ascending order
  const std::int32_t* excludedCounts;  // (Hkv)
  std::int64_t excludedStride;
  AttentionPartials partials;
  std::int64_t firstPartial;
};

/// Exact attention of all rows to single 16-bit rows (K then V, as in KvRows). A unit is one (KV
/// head, chunk of kPairsChunk pairs) and writes partial firstPartial + chunk; a chunk past
/// counts[h] writes an empty one.
struct ExactPairsArgs {
  KvRows kv;
  const std::uint32_t* indices;  // (Hkv, indicesStride): rows of kv; null: rows 0 .. count - 1
  std::int64_t indicesStride;
  const std::int32_t* counts;  // (Hkv), or null: every head has mostPairs
  std::int64_t mostPairs;      // the units are Hkv * ceil(mostPairs / kPairsChunk)
  const float* queries;        // (T, queryStride): H heads of d, after RoPE
  std::int64_t queryStride;
  int rows;      // T
  int firstRow;  // rows before it do not see these pairs (their partials are empty)
  int heads;     // H
  float scale;   // 1 / sqrt(d)
  AttentionPartials partials;
  std::int64_t firstPartial;
};

/// Joins the first `count` partials of each head by log-sum-exp. A unit is one (row, query head).
struct JoinPartialsArgs {
  AttentionPartials partials;
  std::int64_t count;
  int rows;     // T
  int heads;    // H
  int kvHeads;  // Hkv
  float* out;   // (T, outStride): H heads of d
  std::int64_t outStride;
  float* logSums;  // (Hkv, R) log of the sum of exp(score), or null
};

}  // namespace bookwheel::kernels
