// SPDX-License-Identifier: Apache-2.0
// One argument struct per operation: pointer, shape, type and unit of every field. The CPU and the
// CUDA functions share them. Nothing here owns memory; every struct is trivially copyable.
//
// Symbols: T rows (tokens) of a batch, H query heads, Hkv KV heads, d head size, n tokens in the
// cache. "f16" is IEEE half precision in a uint16_t.
#pragma once

#include "kernels/weight_blocks.h"

#include <cstddef>
#include <cstdint>

namespace bookwheel::kernels {

/// A half-open range of units of work. Every operation may be called for disjoint slices from
/// several threads at once; the header of the operation says what a unit is.
struct Slice {
  std::int64_t begin;
  std::int64_t end;
};

// ---- Weights ------------------------------------------------------------------------------

/// A weight matrix in the kernels' own order (see cpu/README or kernels/README.md): `rows` outputs,
/// `columns` inputs. Rows are interleaved kPackedRows at a time so that a vector lane is an output row.
struct PackedMatrix {
  WeightType type;
  std::int64_t rows;
  std::int64_t columns;
  const std::byte* data;  // packedBytes(type, rows, columns) bytes, 64-byte aligned
};

/// Reorders GGUF rows into a packed matrix. A unit is a tile of kPackedRows rows.
struct PackArgs {
  WeightType type;
  std::int64_t rows;
  std::int64_t columns;
  const std::byte* source;  // (rows, weightRowBytes(type, columns)), any alignment
  std::byte* packed;        // packedBytes(type, rows, columns), 64-byte aligned
};

/// Activations of T rows quantized to 8 bits in blocks of 32 columns, for integer dot products.
struct QuantizedRows {
  std::int64_t rows;     // T
  std::int64_t columns;  // multiple of 32
  std::int8_t* codes;    // (T, columns)
  float* scales;         // (T, columns / 32)
  std::int16_t* sums;    // (T, columns / 16) sums of 16 consecutive codes, for formats with a minimum or an offset
};

/// x -> codes. A unit is one row.
struct QuantizeRowsArgs {
  const float* x;          // (T, stride)
  std::int64_t stride;     // elements from row to row
  QuantizedRows out;
};

/// y = x W^T (+ bias) (+ y). A unit is a tile of kPackedRows output rows of W.
struct MatmulArgs {
  PackedMatrix weights;
  QuantizedRows x;       // T rows; x.columns == weights.columns
  const float* bias;     // (weights.rows) or null
  float* y;              // (T, stride)
  std::int64_t stride;   // elements from row to row of y
  bool accumulate;       // true: add to what y holds (the residual stream)
};

/// The same product with activations in float32 and weights decoded to float32: slow, exact to
/// float rounding; what the fast path is measured against on real models.
struct MatmulFloatArgs {
  PackedMatrix weights;
  const float* x;         // (T, xStride)
  std::int64_t rows;      // T
  std::int64_t xStride;
  const float* bias;      // (weights.rows) or null
  float* y;               // (T, stride)
  std::int64_t stride;
  bool accumulate;
};

/// One row of a packed matrix as float32: the embedding lookup.
struct UnpackRowArgs {
  PackedMatrix weights;
  std::int64_t row;
  float* out;  // (columns)
};

// ---- Element-wise ----------------------------------------------------------------------------

/// out = x / rms(x) * weight. A unit is one row. out may be x.
struct RmsNormArgs {
  const float* x;       // (T, columns)
  const float* weight;  // (columns)
  float* out;           // (T, columns)
  std::int64_t columns;
  float epsilon;
};

enum class RopeLayout {
  Interleaved,  ///< pairs (2i, 2i+1): llama files
  Half,         ///< pairs (i, i + ropeDims/2): qwen2 files
};

/// Rotary embedding in place. A unit is one row. cos and sin come ready for each row (the engine
/// computes them in double precision from the file's base and scaling; YaRN's magnitude is in them).
struct RopeArgs {
  float* x;              // (T, stride); heads lie next to each other, d apart
  std::int64_t stride;   // elements from row to row
  int heads;
  int headDim;           // d
  int ropeDims;          // how many leading elements of a head turn; even, <= d
  RopeLayout layout;
  const float* cosines;  // (T, ropeDims / 2)
  const float* sines;    // (T, ropeDims / 2)
};

/// out = silu(gate) * up. A unit is one row. out may be gate.
struct SwigluArgs {
  const float* gate;     // (T, stride)
  const float* up;       // (T, stride)
  float* out;            // (T, outStride)
  std::int64_t columns;
  std::int64_t stride;
  std::int64_t outStride;
};

// ---- KV in 16 bits ------------------------------------------------------------------------------

/// The exact cache of one layer. The row of (token, KV head) is K (d values) then V (d values) in f16.
struct KvRows {
  std::uint16_t* data;
  std::int64_t headStride;   // elements from KV head to KV head, same token
  std::int64_t tokenStride;  // elements from token to token, same KV head; >= 2 d
  int kvHeads;               // Hkv
  int headDim;               // d
};

/// Writes K and V of T new tokens at positions first .. first + T - 1. A unit is one token.
/// Returns false if a value is not finite or does not fit f16 (the cache then holds garbage for this
/// slice: the caller discards it).
struct AppendKvArgs {
  KvRows kv;
  const float* keys;     // (T, stride): Hkv heads of d, after RoPE
  const float* values;   // (T, stride): Hkv heads of d
  std::int64_t stride;
  std::int64_t first;    // position of row 0
};

/// Causal attention of T query rows against the exact cache. Row t is at position first + t and sees
/// tokens 0 .. first + t. Grouped-query: query head h reads KV head h / (H / Hkv).
///
/// Two ways, same numbers up to float rounding:
/// * attentionPrefill: a unit is one (KV head, tile of kQueryTile query rows), tiles of a head adjacent;
///   writes out directly.
/// * attentionDecode for few rows (T <= 8): a unit is one (KV head, chunk of kKvChunk tokens), chunks of
///   a head adjacent; writes one partial per unit and query row; attentionCombine joins them (a unit is
///   one (row, query head)).
struct AttentionArgs {
  KvRows kv;
  const float* queries;     // (T, queryStride): H heads of d, after RoPE
  std::int64_t queryStride;
  std::int64_t rows;        // T
  std::int64_t first;       // position of row 0
  int heads;                // H
  float scale;              // 1 / sqrt(d)
  float* out;               // (T, outStride): H heads of d
  std::int64_t outStride;
  float* partials;          // attentionPartialFloats(...) floats; only attentionDecode and attentionCombine
  std::byte* scratch;       // attentionScratchBytes(...) bytes for each worker, 64-byte aligned
};

}  // namespace bookwheel::kernels
