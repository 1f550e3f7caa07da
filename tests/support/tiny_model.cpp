// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tiny_model.h"

#include "tests/support/tiny_vocabulary.h"

#include <cmath>
#include <cstring>
#include <string>
#include <utility>

namespace bookwheel {
namespace {

using kernels::WeightType;

constexpr const char* kChatMl =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' "
    "}}{% endif %}";

constexpr const char* kLlama2 =
    "{% if messages[0]['role'] == 'system' %}{% set system_message = '<<SYS>>\\n' + "
    "messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}{% endif %}{% for message in messages %}{% if "
    "message['role'] == 'user' %}{{ bos_token + '[INST] ' + message['content'] + ' [/INST]' }}{% "
    "else %}{{ ' ' + message['content'] + ' ' + eos_token }}{% endif %}{% endfor %}";

class TinyModelWriter {
 public:
  explicit TinyModelWriter(const TinyModelOptions& options)
      : m_options(options),
        m_byteLevel(options.vocabulary == TinyVocabulary::ByteLevel),
        m_tokens(m_byteLevel ? tinyByteLevelTokens() : tinySentencePieceTokens()),
        m_prefix(std::string(name(options.architecture)) + ".") {}

  GgufDraft write() {
    m_draft.text("general.architecture", name(m_options.architecture));
    m_draft.text("general.type", "model");
    m_draft.text("general.name", "Tiny test model");
    m_draft.text("general.license", "apache-2.0");
    writeShape();
    writeVocabulary();
    writeTensors();
    return std::move(m_draft);
  }

 private:
  void size(const char* field, int value) {
    m_draft.uint32(m_prefix + field, static_cast<std::uint32_t>(value));
  }

  void writeShape() {
    size("block_count", m_options.layers);
    size("context_length", m_options.contextTokens);
    size("embedding_length", m_options.embedding);
    size("feed_forward_length", m_options.feedForward);
    size("attention.head_count", m_options.heads);
    size("attention.head_count_kv", m_options.kvHeads);
    size("attention.key_length", m_options.headDim);
    size("attention.value_length", m_options.headDim);
    size("rope.dimension_count", m_options.headDim);
    m_draft.float32(m_prefix + "rope.freq_base", 10000.0f);
    m_draft.float32(m_prefix + "attention.layer_norm_rms_epsilon", 1e-5f);
    if (const std::optional<RopeScaling>& scaling = m_options.ropeScaling;
        scaling &&
        (scaling->kind == RopeScalingKind::Linear || scaling->kind == RopeScalingKind::Yarn)) {
      m_draft.text(m_prefix + "rope.scaling.type",
                   scaling->kind == RopeScalingKind::Yarn ? "yarn" : "linear");
      m_draft.float32(m_prefix + "rope.scaling.factor", static_cast<float>(scaling->factor));
      if (scaling->kind == RopeScalingKind::Yarn) {
        size("rope.scaling.original_context_length", static_cast<int>(scaling->originalTokens));
        m_draft.float32(m_prefix + "rope.scaling.attn_factor",
                        static_cast<float>(scaling->attentionFactor));
      }
    }
  }

  void writeVocabulary() {
    const auto id = [](std::size_t value) { return static_cast<std::uint32_t>(value); };
    m_draft.text("tokenizer.ggml.model", m_byteLevel ? "gpt2" : "llama");
    m_draft.texts("tokenizer.ggml.tokens", m_tokens.tokens);
    m_draft.ints("tokenizer.ggml.token_type", m_tokens.types);
    if (m_byteLevel) {
      const std::size_t endOfText = m_tokens.tokens.size() - 3;
      m_draft.text("tokenizer.ggml.pre",
                   m_options.architecture == Architecture::Qwen2 ? "qwen2" : "smollm");
      m_draft.texts("tokenizer.ggml.merges", m_tokens.merges);
      m_draft.uint32("tokenizer.ggml.bos_token_id", id(endOfText + 1));
      m_draft.uint32("tokenizer.ggml.eos_token_id", id(endOfText + 2));
      m_draft.uint32("tokenizer.ggml.unknown_token_id", id(endOfText));
      m_draft.boolean("tokenizer.ggml.add_bos_token", false);
    } else {
      m_draft.floats("tokenizer.ggml.scores", m_tokens.scores);
      m_draft.uint32("tokenizer.ggml.unknown_token_id", 0);
      m_draft.uint32("tokenizer.ggml.bos_token_id", 1);
      m_draft.uint32("tokenizer.ggml.eos_token_id", 2);
      m_draft.boolean("tokenizer.ggml.add_bos_token", true);
      m_draft.boolean("tokenizer.ggml.add_eos_token", false);
    }
    m_draft.text("tokenizer.chat_template", m_byteLevel ? kChatMl : kLlama2);
  }

  void writeTensors() {
    const int vocabulary = static_cast<int>(m_tokens.tokens.size());
    const int embedding = m_options.embedding;
    const int queries = m_options.heads * m_options.headDim;
    const int keys = m_options.kvHeads * m_options.headDim;
    // Rows of the embedding as long as a normalized vector; matrices keep lengths as they are.
    matrix("token_embd.weight", vocabulary, embedding, 1.0f);
    for (int layer = 0; layer < m_options.layers; ++layer) {
      const std::string block = "blk." + std::to_string(layer) + ".";
      norm(block + "attn_norm.weight");
      matrix(block + "attn_q.weight", queries, embedding);
      matrix(block + "attn_k.weight", keys, embedding);
      matrix(block + "attn_v.weight", keys, embedding);
      if (m_options.architecture == Architecture::Qwen2) {
        vector(block + "attn_q.bias", queries, 0.0f, 0.5f);
        vector(block + "attn_k.bias", keys, 0.0f, 0.5f);
        vector(block + "attn_v.bias", keys, 0.0f, 0.5f);
      }
      matrix(block + "attn_output.weight", embedding, queries);
      norm(block + "ffn_norm.weight");
      matrix(block + "ffn_gate.weight", m_options.feedForward, embedding);
      matrix(block + "ffn_up.weight", m_options.feedForward, embedding);
      matrix(block + "ffn_down.weight", embedding, m_options.feedForward);
    }
    norm("output_norm.weight");
    if (!m_options.tied) {
      matrix("output.weight", vocabulary, embedding);
    }
    if (m_options.ropeScaling && m_options.ropeScaling->kind == RopeScalingKind::Llama3) {
      ropeFactors();
    }
  }

  void matrix(const std::string& tensorName, int rows, int columns, float deviation = 0.0f) {
    const float kept = deviation > 0 ? deviation : 1.0f / std::sqrt(static_cast<float>(columns));
    m_draft.tensor(
        tensorName, {static_cast<std::uint64_t>(columns), static_cast<std::uint64_t>(rows)},
        static_cast<std::uint32_t>(m_options.matrices),
        seededWeights(m_options.matrices, std::int64_t{rows} * columns, kept, nextSeed()));
  }

  void norm(const std::string& tensorName) { vector(tensorName, m_options.embedding, 1.0f, 0.1f); }

  void vector(const std::string& tensorName, int elements, float mean, float deviation) {
    std::vector<std::byte> bytes = seededWeights(WeightType::F32, elements, deviation, nextSeed());
    addToEach(bytes, mean);
    m_draft.tensor(tensorName, {static_cast<std::uint64_t>(elements)},
                   static_cast<std::uint32_t>(WeightType::F32), std::move(bytes));
  }

  /// From 1 for the fastest frequency to the factor for the slowest, as in Llama 3's files.
  void ropeFactors() {
    const int count = m_options.headDim / 2;
    std::vector<std::byte> bytes;
    for (int i = 0; i < count; ++i) {
      const auto share = static_cast<float>(i) / static_cast<float>(count - 1);
      const float factor = 1.0f + share * static_cast<float>(m_options.ropeScaling->factor - 1.0);
      const std::vector<std::byte> one = bytesOf(factor);
      bytes.insert(bytes.end(), one.begin(), one.end());
    }
    m_draft.tensor("rope_freqs.weight", {static_cast<std::uint64_t>(count)},
                   static_cast<std::uint32_t>(WeightType::F32), std::move(bytes));
  }

  static void addToEach(std::vector<std::byte>& floats, float amount) {
    for (std::size_t i = 0; i < floats.size(); i += sizeof(float)) {
      float value;
      std::memcpy(&value, floats.data() + i, sizeof value);
      value += amount;
      std::memcpy(floats.data() + i, &value, sizeof value);
    }
  }

  std::uint64_t nextSeed() { return m_options.seed * 1'000'003 + ++m_tensors; }

  const TinyModelOptions& m_options;
  bool m_byteLevel;
  TinyTokens m_tokens;
  std::string m_prefix;
  std::uint64_t m_tensors = 0;
  GgufDraft m_draft;
};

}  // namespace

TinyModelOptions tinyModelFor(WeightType matrices) {
  TinyModelOptions options;
  options.matrices = matrices;
  if (kernels::weightBlock(matrices).elements == 256) {
    options.embedding = 256;
    options.heads = 8;
    options.kvHeads = 4;
  }
  return options;
}

GgufDraft tinyModel(const TinyModelOptions& options) { return TinyModelWriter(options).write(); }

}  // namespace bookwheel
