// SPDX-License-Identifier: Apache-2.0
// ModelShape: what a model file says about the transformer in it, checked.
#pragma once

#include "kernels/args.h"

#include <cstdint>
#include <string>

namespace bookwheel {

class Gguf;

enum class Architecture { Llama, Qwen2 };

enum class RopeScalingKind { None, Linear, Yarn, Llama3 };

/// The name in general.architecture: "llama", "qwen2".
const char* name(Architecture architecture);

/// Sources: GGUF metadata keys in brackets; YaRN arXiv 2309.00071; Llama 3 scaling comes in the
/// file as the tensor rope_freqs.weight (a factor per frequency).
struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::None;
  double factor = 1.0;              // [rope.scaling.factor]
  std::int64_t originalTokens = 0;  // [rope.scaling.original_context_length]
  double attentionFactor = 1.0;     // [rope.scaling.attn_factor]
};

/// A model's attention may look back over a sliding window only. Inside the window full attention
/// is what such a model computes, so its context is taken to end there; nothing is ever dropped.
struct ModelShape {
  Architecture architecture = Architecture::Llama;
  std::string name;                // [general.name]
  std::string license;             // [general.license]
  int layers = 0;                  // L   [block_count]
  int heads = 0;                   // H   [attention.head_count]
  int kvHeads = 0;                 // Hkv [attention.head_count_kv], divides H
  int headDim = 0;                 // d   [attention.key_length] or embedding / H
  int embedding = 0;               // [embedding_length]
  int feedForward = 0;             // [feed_forward_length]
  int vocabulary = 0;              // rows of token_embd.weight
  std::int64_t contextTokens = 0;  // [context_length], at most slidingWindow if there is one
  std::int64_t slidingWindow = 0;  // [attention.sliding_window]; 0: none, or as long as the context
  float normEpsilon = 1e-5f;       // [attention.layer_norm_rms_epsilon]
  kernels::RopeLayout ropeLayout = kernels::RopeLayout::Interleaved;
  int ropeDims = 0;           // [rope.dimension_count]
  double ropeBase = 10000.0;  // [rope.freq_base]
  RopeScaling ropeScaling;

  /// 16-bit KV of one token in all layers, bytes.
  std::int64_t kvBytesPerToken() const { return std::int64_t{layers} * kvHeads * headDim * 2 * 2; }
};

/// Reads and checks the shape: every number is inside the range its comment in shape.cpp gives,
/// heads are multiples of 16 up to 256 wide, kvHeads divides heads, embedding, feedForward and
/// heads * headDim are multiples of 32 (what the kernels work on). Throws Error(UnsupportedModel)
/// naming what is not supported in one sentence, or Error(BadModelFile) naming the field that is
/// missing or out of range.
ModelShape readShape(const Gguf& file);

/// Lets a model read `factor` times the tokens it was trained on by scaling its rotary embedding:
/// linear (position interpolation, arXiv 2306.15595) or YaRN (arXiv 2309.00071). Quality falls with
/// the factor; callers warn. Throws Error(InvalidRequest) for a factor outside 1 .. 64 or another
/// kind, Error(UnsupportedModel) if the file brings a scaling of its own or the attention's window
/// is limited.
ModelShape extendContext(const ModelShape& shape, RopeScalingKind kind, double factor);

}  // namespace bookwheel
