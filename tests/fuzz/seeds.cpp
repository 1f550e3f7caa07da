// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/seeds.h"

#include "tests/support/tiny_model.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace bookwheel {
namespace {

constexpr int kTokens = 8;

/// The tiny model made tinier: a parser does not care how many tokens there are.
GgufDraft smallModel(TinyModelOptions options) {
  options.layers = 1;
  options.heads = 2;
  options.kvHeads = 1;
  options.headDim = 16;
  options.embedding = 32;
  options.feedForward = 32;
  options.matrices = kernels::WeightType::Q4_0;
  GgufDraft draft = tinyModel(options);
  for (const char* key :
       {"tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.merges",
        "tokenizer.ggml.scores", "tokenizer.chat_template"}) {
    draft.remove(key);
  }
  std::vector<std::string> tokens;
  for (int i = 0; i < kTokens; ++i) {
    tokens.emplace_back(static_cast<std::size_t>(i), 'a');
  }
  draft.texts("tokenizer.ggml.tokens", tokens);
  draft.ints("tokenizer.ggml.token_type", std::vector<std::int32_t>(kTokens, 1));
  draft.floats("tokenizer.ggml.scores", std::vector<float>(kTokens, 0.5f));
  for (const char* name : {"token_embd.weight", "output.weight"}) {
    if (name[0] == 't' || !options.tied) {
      GgufDraft::Tensor& tensor = draft.tensorNamed(name);
      tensor.dimensions = {32, kTokens};
      tensor.data.resize(18 * kTokens);
    }
  }
  return draft;
}

}  // namespace

std::vector<GgufImage> modelSeeds() {
  std::vector<GgufImage> seeds;
  TinyModelOptions plain;
  seeds.push_back(smallModel(plain).image());

  TinyModelOptions tied;
  tied.tied = true;
  tied.ropeScaling = RopeScaling{RopeScalingKind::Llama3, 8.0, 0, 1.0};
  GgufDraft second = smallModel(tied);
  second.uint32("general.alignment", 64);
  second.alignment = 64;
  second.version = 2;
  seeds.push_back(second.image());

  TinyModelOptions qwen;
  qwen.architecture = Architecture::Qwen2;
  qwen.ropeScaling = RopeScaling{RopeScalingKind::Yarn, 4.0, 512, 1.0};
  GgufDraft third = smallModel(qwen);
  third.boolean("qwen2.attention.causal", true);
  third.uint64("qwen2.expert_count", 0);
  third.float64("qwen2.logit_scale", 1.0);
  third.raw("split.count", GgufType::Uint16, bytesOf(std::uint16_t{1}));
  third.raw("general.bytes", GgufType::Array,
            {std::byte{0}, {}, {}, {}, std::byte{2}, {}, {}, {}, {}, {}, {}, {}, {}, {}});
  seeds.push_back(third.image());
  return seeds;
}

std::vector<GgufImage> vocabularySeeds() {
  std::vector<GgufImage> seeds;
  for (const TinyVocabulary vocabulary :
       {TinyVocabulary::ByteLevel, TinyVocabulary::SentencePiece}) {
    TinyModelOptions options;
    options.vocabulary = vocabulary;
    GgufDraft draft = tinyModel(options);
    draft.tensors.clear();
    seeds.push_back(draft.image());
  }
  return seeds;
}

}  // namespace bookwheel
