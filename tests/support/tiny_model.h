// SPDX-License-Identifier: Apache-2.0
// A small but complete model file with seeded weights, for tests of the whole engine and program.
#pragma once

#include "engine/model/shape.h"
#include "kernels/weight_blocks.h"
#include "tests/support/gguf_writer.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace bookwheel {

enum class TinyVocabulary {
  ByteLevel,      ///< 256 bytes, ~200 merges, ChatML control tokens and template
  SentencePiece,  ///< <unk> <s> </s>, 256 byte tokens, ~200 pieces, Llama 2 template
};

/// The defaults make a file of about 0.5 MB. Every weight type needs embedding, feedForward and
/// heads * headDim to be multiples of its block (32, or 256 for the K types): tinyModelFor() picks
/// sizes that fit.
struct TinyModelOptions {
  Architecture architecture = Architecture::Llama;  // Qwen2 adds biases to q, k and v
  TinyVocabulary vocabulary = TinyVocabulary::ByteLevel;
  kernels::WeightType matrices = kernels::WeightType::Q8_0;  // also of the embedding
  int layers = 2;
  int heads = 4;
  int kvHeads = 2;
  int headDim = 32;
  int embedding = 128;
  int feedForward = 256;
  int contextTokens = 2048;
  bool tied = false;
  std::optional<RopeScaling> ropeScaling;  // Llama3 writes rope_freqs.weight with the factor
  std::uint64_t seed = 1;
};

TinyModelOptions tinyModelFor(kernels::WeightType matrices);

/// The file in parts (readShape, bindWeights and Tokenizer::create accept it), ready to be written
/// or tampered with. The same options give the same bytes on every machine.
GgufDraft tinyModel(const TinyModelOptions& options = {});

/// `elements` seeded weights of mean 0 and standard deviation `deviation` in any format, each block
/// with its own scale: what tinyModel fills its matrices with. elements must be a multiple of the
/// block.
std::vector<std::byte> seededWeights(kernels::WeightType type, std::int64_t elements,
                                     float deviation, std::uint64_t seed);

}  // namespace bookwheel
