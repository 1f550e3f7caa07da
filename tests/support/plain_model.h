// SPDX-License-Identifier: Apache-2.0
// PlainModel: the transformer in plain loops over doubles, the definition of correct for the
// engine.
#pragma once

#include "engine/model/gguf.h"
#include "engine/model/prompt.h"
#include "engine/model/shape.h"

#include <cstddef>
#include <span>
#include <vector>

namespace bookwheel {

/// The `llama` and `qwen2` architectures straight from a file's weights, decoded to doubles. Shares
/// no code with kernels/ and engine/run. Slow: for tiny models only.
class PlainModel {
 public:
  /// Half rounds keys and values to 16 bits, as the exact cache does.
  enum class Cache { Double, Half };

  PlainModel(const Gguf& file, Cache cache);

  /// The logits (vocabulary) after each token of a sequence that starts at position 0.
  std::vector<std::vector<double>> logits(std::span<const TokenId> ids) const;
  /// The likeliest tokens after a prompt, one after the other.
  std::vector<TokenId> greedy(std::span<const TokenId> prompt, int count) const;

 private:
  struct Layer {
    std::vector<double> attentionNorm, q, k, v, qBias, kBias, vBias, output;
    std::vector<double> ffnNorm, gate, up, down;
  };

  std::vector<double> norm(const std::vector<double>& x, const std::vector<double>& weight) const;
  void rope(std::vector<double>& x, int heads, std::size_t position) const;
  void attend(const std::vector<std::vector<double>>& keys,
              const std::vector<std::vector<double>>& values, const std::vector<double>& query,
              std::vector<double>& out) const;

  ModelShape m_shape;
  Cache m_cache;
  std::vector<double> m_embedding;  // (vocabulary, E)
  std::vector<Layer> m_layers;
  std::vector<double> m_outputNorm;
  std::vector<double> m_output;       // (vocabulary, E)
  std::vector<double> m_ropeFactors;  // (ropeDims / 2), 1 where the file has none
};

}  // namespace bookwheel
