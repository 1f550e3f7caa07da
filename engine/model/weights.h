// SPDX-License-Identifier: Apache-2.0
// Weights: every tensor of a model by its role, with its shape checked.
#pragma once

#include "engine/model/gguf.h"
#include "engine/model/shape.h"
#include "kernels/weight_blocks.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace bookwheel {

/// A matrix (or a vector: rows == 1) as it lies in the file. Valid as long as the Gguf.
struct TensorView {
  std::string_view name;
  kernels::WeightType type = kernels::WeightType::F32;
  std::int64_t rows = 0;     // outputs
  std::int64_t columns = 0;  // inputs; a multiple of the format's block
  std::span<const std::byte>
      bytes;  // rows * weightRowBytes(type, columns), in the mapping, any alignment >= 8
  std::uint64_t fileOffset =
      0;  // of bytes[0]: for Gguf::read (safe if the file is cut) and Gguf::discard
};

/// Symbols as in shape.h: E embedding, F feedForward, H heads, Hkv kvHeads, d headDim.
struct LayerWeights {
  TensorView attentionNorm;         // (E)         blk.N.attn_norm.weight
  TensorView q;                     // (H d, E)    blk.N.attn_q.weight
  TensorView k;                     // (Hkv d, E)  blk.N.attn_k.weight
  TensorView v;                     // (Hkv d, E)  blk.N.attn_v.weight
  std::optional<TensorView> qBias;  // (H d)       blk.N.attn_q.bias
  std::optional<TensorView> kBias;  // (Hkv d)     blk.N.attn_k.bias
  std::optional<TensorView> vBias;  // (Hkv d)     blk.N.attn_v.bias
  TensorView output;                // (E, H d)    blk.N.attn_output.weight
  TensorView ffnNorm;               // (E)         blk.N.ffn_norm.weight
  TensorView gate;                  // (F, E)      blk.N.ffn_gate.weight
  TensorView up;                    // (F, E)      blk.N.ffn_up.weight
  TensorView down;                  // (E, F)      blk.N.ffn_down.weight
};

/// Norms, biases and rope factors are F32, F16 or BF16; matrices any type of the kernels.
struct Weights {
  TensorView tokenEmbedding;         // (vocabulary, E)  token_embd.weight
  std::vector<LayerWeights> layers;  // (L)
  TensorView outputNorm;             // (E)              output_norm.weight
  TensorView output;  // (vocabulary, E)  output.weight; the same view as tokenEmbedding if tied
  bool tied = false;  // the file has no output.weight
  std::optional<TensorView>
      ropeFactors;  // (ropeDims / 2)   rope_freqs.weight; divides each frequency
};

/// Finds all tensors. Throws Error(BadModelFile) if one is missing or has another shape than
/// `shape` asks for (naming it and both shapes), Error(UnsupportedModel) if one has a type that
/// Bookwheel does not read, or if the file has a tensor this architecture gives no role (leaving it
/// out would compute something else than the model).
Weights bindWeights(const Gguf& file, const ModelShape& shape);

/// Bytes of all tensors, each counted once.
std::uint64_t weightBytes(const Weights& weights);

}  // namespace bookwheel
