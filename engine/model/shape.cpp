// SPDX-License-Identifier: Apache-2.0
#include "engine/model/shape.h"

#include "engine/error.h"
#include "engine/model/gguf.h"
#include "engine/model/printable.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bookwheel {
namespace {

// Generous bounds: no model of these architectures comes near, and products of them stay in 64
// bits.
constexpr std::int64_t kMaxLayers = 512;
constexpr std::int64_t kMaxHeads = 512;
constexpr std::int64_t kMaxHeadDim = 1'024;
constexpr std::int64_t kMaxEmbedding = 65'536;
constexpr std::int64_t kMaxFeedForward = 1'048'576;
constexpr std::int64_t kMaxVocabulary = 1'048'576;
constexpr std::int64_t kMaxContext = 16'777'216;
constexpr double kMaxRopeBase = 1e12;
constexpr double kMaxRopeFactor = 1e4;

// What the kernels are made for (kernels/args.h).
constexpr int kHeadStep = 16;
constexpr int kLargestHead = 256;
constexpr int kColumnStep = 32;

constexpr std::size_t kShownBytes = 200;  // of names from the file

class ShapeReader {
 public:
  explicit ShapeReader(const Gguf& file) : m_file(file) {}

  ModelShape read() {
    readIdentity();
    refuseVariants();
    readSizes();
    readAttention();
    readRope();
    readVocabulary();
    return m_shape;
  }

 private:
  void readIdentity();
  void refuseVariants() const;
  void readSizes();
  void readAttention();
  void readRope();
  void readRopeScaling();
  void readVocabulary();

  std::string key(const char* field) const { return m_prefix + field; }
  /// The field's value, `fallback` if it is absent; refused if it is absent without a fallback, or
  /// outside [low, high]. An array (one value for each layer) must hold equal values.
  std::int64_t integer(const char* field, std::int64_t low, std::int64_t high,
                       std::optional<std::int64_t> fallback = std::nullopt) const;
  int count(const char* field, std::int64_t low, std::int64_t high,
            std::optional<std::int64_t> fallback = std::nullopt) const {
    return static_cast<int>(integer(field, low, high, fallback));
  }
  double number(const char* field, double low, double high,
                std::optional<double> fallback = std::nullopt) const;
  std::optional<std::int64_t> uniform(const std::string& name) const;

  [[noreturn]] void missing(const std::string& name) const {
    m_file.refuse("the metadata entry " + name + " is missing");
  }
  /// "The model file NAME WHAT; use another model."
  [[noreturn]] void unsupported(const std::string& what) const {
    throw Error(ErrorCode::UnsupportedModel, "The model file " + m_file.name() + " " + what +
                                                 ", which Bookwheel does not run; use another "
                                                 "model.");
  }

  const Gguf& m_file;
  std::string m_prefix;  // "llama."
  ModelShape m_shape;
};

void ShapeReader::readIdentity() {
  const std::optional<std::string_view> type = m_file.text("general.type");
  if (type && *type != "model") {
    throw Error(ErrorCode::UnsupportedModel,
                "The file " + m_file.name() + " holds no model but one of type " +
                    printable(*type) + "; choose the model's own GGUF file.");
  }
  const std::optional<std::string_view> architecture = m_file.text("general.architecture");
  if (!architecture) {
    missing("general.architecture");
  }
  if (*architecture == name(Architecture::Llama)) {
    m_shape.architecture = Architecture::Llama;
    m_shape.ropeLayout = kernels::RopeLayout::Interleaved;
  } else if (*architecture == name(Architecture::Qwen2)) {
    m_shape.architecture = Architecture::Qwen2;
    m_shape.ropeLayout = kernels::RopeLayout::Half;
  } else {
    throw Error(ErrorCode::UnsupportedModel,
                "The model file " + m_file.name() + " has the architecture " +
                    printable(*architecture) +
                    ", which Bookwheel does not run; it runs llama (Llama 2 and 3, Mistral, "
                    "SmolLM2, TinyLlama) and qwen2 (Qwen2, Qwen2.5).");
  }
  m_prefix = std::string(*architecture) + ".";
  m_shape.name = printable(m_file.text("general.name").value_or(""), kShownBytes);
  m_shape.license = printable(m_file.text("general.license").value_or(""), kShownBytes);

  if (const std::int64_t parts = m_file.integer("split.count").value_or(1); parts > 1) {
    throw Error(ErrorCode::UnsupportedModel,
                "The model file " + m_file.name() + " is one of " +
                    grouped(static_cast<std::uint64_t>(parts)) +
                    " parts, which Bookwheel does not join; merge them into one file first "
                    "(llama-gguf-split --merge).");
  }
}

/// Fields that change what the architecture computes. Leaving one unread would give wrong answers
/// without a sign, so each that is set is named.
void ShapeReader::refuseVariants() const {
  if (integer("expert_count", 0, kMaxVocabulary, 0) > 0) {
    unsupported("is a mixture of " +
                grouped(static_cast<std::uint64_t>(integer("expert_count", 0, kMaxVocabulary))) +
                " experts");
  }
  if (!m_file.boolean(key("attention.causal")).value_or(true)) {
    unsupported("reads text in both directions (an embedding model)");
  }
  if (integer("pooling_type", 0, 64, 0) != 0) {
    unsupported("pools its output (an embedding model)");
  }
  for (const char* field :
       {"attn_logit_softcapping", "final_logit_softcapping", "attention.clamp_kqv",
        "attention.max_alibi_bias", "rope.scaling.yarn_log_multiplier"}) {
    if (number(field, -1e9, 1e9, 0.0) != 0.0) {
      unsupported("sets " + key(field));
    }
  }
  for (const char* field :
       {"logit_scale", "embedding_scale", "residual_scale", "attention.scale"}) {
    const double value = number(field, -1e9, 1e9, 0.0);
    if (value != 0.0 && value != 1.0) {
      unsupported("sets " + key(field));
    }
  }
  if (m_file.boolean(key("use_parallel_residual")).value_or(false)) {
    unsupported("sets " + key("use_parallel_residual"));
  }
  for (const char* field :
       {"activation_function", "hidden_activation", "feed_forward_activation"}) {
    const std::string_view function = m_file.text(key(field)).value_or("silu");
    if (function != "silu" && function != "swiglu" && function != "swish") {
      unsupported("has the activation function " + printable(function));
    }
  }
}

void ShapeReader::readSizes() {
  m_shape.layers = count("block_count", 1, kMaxLayers);
  m_shape.embedding = count("embedding_length", 1, kMaxEmbedding);
  m_shape.feedForward = count("feed_forward_length", 1, kMaxFeedForward);
  m_shape.contextTokens = integer("context_length", 1, kMaxContext);
  m_shape.normEpsilon = static_cast<float>(number("attention.layer_norm_rms_epsilon", 1e-12, 0.1));
}

void ShapeReader::readAttention() {
  m_shape.heads = count("attention.head_count", 1, kMaxHeads);
  m_shape.kvHeads = count("attention.head_count_kv", 1, kMaxHeads, m_shape.heads);
  if (m_shape.heads % m_shape.kvHeads != 0) {
    m_file.refuse(key("attention.head_count") + " is " + std::to_string(m_shape.heads) +
                  ", no multiple of " + key("attention.head_count_kv") + ", " +
                  std::to_string(m_shape.kvHeads));
  }
  if (!m_file.find(key("attention.key_length")) && m_shape.embedding % m_shape.heads != 0) {
    m_file.refuse(key("embedding_length") + " is " + std::to_string(m_shape.embedding) +
                  ", no multiple of the " + std::to_string(m_shape.heads) + " heads");
  }
  m_shape.headDim = count("attention.key_length", 1, kMaxHeadDim,
                          std::min<std::int64_t>(m_shape.embedding / m_shape.heads, kMaxHeadDim));
  const int valueDim = count("attention.value_length", 1, kMaxHeadDim, m_shape.headDim);
  if (valueDim != m_shape.headDim) {
    unsupported("has keys of " + std::to_string(m_shape.headDim) + " and values of " +
                std::to_string(valueDim) + " numbers per head");
  }
  if (m_shape.headDim % kHeadStep != 0 || m_shape.headDim > kLargestHead) {
    unsupported("has attention heads of " + std::to_string(m_shape.headDim) +
                " numbers (multiples of 16 up to 256 are known)");
  }
  for (const std::int64_t columns :
       {std::int64_t{m_shape.embedding}, std::int64_t{m_shape.feedForward},
        std::int64_t{m_shape.heads} * m_shape.headDim}) {
    if (columns % kColumnStep != 0) {
      unsupported("has matrices of " + grouped(static_cast<std::uint64_t>(columns)) +
                  " columns (multiples of 32 are known)");
    }
  }
  const std::int64_t window = integer("attention.sliding_window", 0, kMaxContext, 0);
  if (window > 0 && window < m_shape.contextTokens) {
    m_shape.slidingWindow = window;
    m_shape.contextTokens = window;
  }
}

void ShapeReader::readRope() {
  m_shape.ropeDims = count("rope.dimension_count", 2, kMaxHeadDim, m_shape.headDim);
  if (m_shape.ropeDims % 2 != 0 || m_shape.ropeDims > m_shape.headDim) {
    m_file.refuse(key("rope.dimension_count") + " is " + std::to_string(m_shape.ropeDims) +
                  ", not an even number up to the head size " + std::to_string(m_shape.headDim));
  }
  m_shape.ropeBase = number("rope.freq_base", 1.0, kMaxRopeBase, 10000.0);
  readRopeScaling();
}

void ShapeReader::readRopeScaling() {
  RopeScaling& scaling = m_shape.ropeScaling;
  const double oldFactor = number("rope.scale_linear", 1e-4, kMaxRopeFactor, 1.0);
  const std::string_view type =
      m_file.text(key("rope.scaling.type")).value_or(oldFactor == 1.0 ? "none" : "linear");
  if (type == "linear" || type == "yarn") {
    scaling.kind = type == "yarn" ? RopeScalingKind::Yarn : RopeScalingKind::Linear;
    const bool old = !m_file.find(key("rope.scaling.factor")) && oldFactor != 1.0;
    scaling.factor = old ? oldFactor : number("rope.scaling.factor", 1e-4, kMaxRopeFactor);
  } else if (type != "none") {
    unsupported("stretches its positions by " + printable(type) +
                " scaling (linear, yarn and llama3 are known)");
  }
  if (scaling.kind == RopeScalingKind::Yarn) {
    scaling.originalTokens = integer("rope.scaling.original_context_length", 1, kMaxContext,
                                     integer("context_length", 1, kMaxContext));
    scaling.attentionFactor =
        number("rope.scaling.attn_factor", 1e-4, kMaxRopeFactor,
               number("rope.scaling.yarn_attn_factor", 1e-4, kMaxRopeFactor, 1.0));
    if (number("rope.scaling.yarn_ext_factor", -1e9, 1e9, 1.0) != 1.0 ||
        number("rope.scaling.yarn_beta_fast", -1e9, 1e9, 32.0) != 32.0 ||
        number("rope.scaling.yarn_beta_slow", -1e9, 1e9, 1.0) != 1.0) {
      unsupported("sets its own YaRN constants");
    }
  }
  if (m_file.findTensor("rope_freqs.weight") != nullptr) {
    if (scaling.kind != RopeScalingKind::None) {
      unsupported("stretches its positions twice, by " + std::string(type) +
                  " scaling and by rope_freqs.weight");
    }
    scaling.kind = RopeScalingKind::Llama3;
  }
}

void ShapeReader::readVocabulary() {
  const GgufTensor* embedding = m_file.findTensor("token_embd.weight");
  if (embedding == nullptr) {
    m_file.refuse(m_file.tensors().empty() ? "it holds a vocabulary but no weights"
                                           : "the tensor token_embd.weight is missing");
  }
  const std::int64_t rows = embedding->dimensions[1];
  if (rows > kMaxVocabulary) {
    m_file.refuse("the tensor token_embd.weight has " + grouped(static_cast<std::uint64_t>(rows)) +
                  " rows, above the limit of " + grouped(kMaxVocabulary));
  }
  m_shape.vocabulary = static_cast<int>(rows);
  if (const std::optional<StringArray> tokens = m_file.stringArray("tokenizer.ggml.tokens");
      tokens && tokens->size() != static_cast<std::size_t>(rows)) {
    m_file.refuse("the vocabulary has " + grouped(tokens->size()) +
                  " tokens, but token_embd.weight has " +
                  grouped(static_cast<std::uint64_t>(rows)) + " rows");
  }
}

std::optional<std::int64_t> ShapeReader::uniform(const std::string& name) const {
  const GgufEntry* entry = m_file.find(name);
  if (entry == nullptr || entry->type != GgufType::Array) {
    return m_file.integer(name);
  }
  const IntegerArray values = *m_file.integerArray(name);
  if (values.size() == 0) {
    m_file.refuse("the metadata entry " + name + " is an empty array");
  }
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i] != values[0]) {
      unsupported("has another " + name + " in layer " + std::to_string(i) + " than in layer 0");
    }
  }
  return values[0];
}

std::int64_t ShapeReader::integer(const char* field, std::int64_t low, std::int64_t high,
                                  std::optional<std::int64_t> fallback) const {
  const std::string name = key(field);
  const std::optional<std::int64_t> value = uniform(name);
  if (!value) {
    if (!fallback) {
      missing(name);
    }
    return *fallback;
  }
  if (*value < low || *value > high) {
    m_file.refuse(name + " is " + std::to_string(*value) + ", not " + std::to_string(low) + " to " +
                  std::to_string(high));
  }
  return *value;
}

double ShapeReader::number(const char* field, double low, double high,
                           std::optional<double> fallback) const {
  const std::string name = key(field);
  const std::optional<double> value = m_file.number(name);
  if (!value) {
    if (!fallback) {
      missing(name);
    }
    return *fallback;
  }
  if (!(*value >= low && *value <= high)) {
    m_file.refuse(name + " is " + std::to_string(*value) + ", outside of what any model has");
  }
  return *value;
}

}  // namespace

const char* name(Architecture architecture) {
  switch (architecture) {
    case Architecture::Llama:
      return "llama";
    case Architecture::Qwen2:
      return "qwen2";
  }
  return "unknown";
}

ModelShape readShape(const Gguf& file) { return ShapeReader(file).read(); }

ModelShape extendContext(const ModelShape& shape, RopeScalingKind kind, double factor) {
  constexpr double kMostFactor = 64;
  if (kind != RopeScalingKind::Linear && kind != RopeScalingKind::Yarn) {
    throw Error(ErrorCode::InvalidRequest,
                "A context can be extended by linear scaling or by YaRN only.");
  }
  if (!(factor >= 1 && factor <= kMostFactor)) {
    throw Error(ErrorCode::InvalidRequest, "A context can be extended 1 to 64 times, not " +
                                               std::to_string(factor) + " times.");
  }
  if (shape.ropeScaling.kind != RopeScalingKind::None) {
    throw Error(ErrorCode::UnsupportedModel,
                "This model's file already scales its positions, so its context of " +
                    std::to_string(shape.contextTokens) + " tokens cannot be extended.");
  }
  if (shape.slidingWindow > 0) {
    throw Error(ErrorCode::UnsupportedModel,
                "This model's attention looks back over " + std::to_string(shape.slidingWindow) +
                    " tokens only, so its context cannot be extended.");
  }
  ModelShape extended = shape;
  extended.ropeScaling.kind = kind;
  extended.ropeScaling.factor = factor;
  extended.ropeScaling.originalTokens = shape.contextTokens;
  extended.contextTokens =
      static_cast<std::int64_t>(static_cast<double>(shape.contextTokens) * factor);
  return extended;
}

}  // namespace bookwheel
