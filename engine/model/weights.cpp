// SPDX-License-Identifier: Apache-2.0
#include "engine/model/weights.h"

#include "engine/error.h"
#include "engine/model/printable.h"

#include <string>
#include <unordered_set>

namespace bookwheel {
namespace {

using kernels::WeightType;

class Binder {
 public:
  Binder(const Gguf& file, const ModelShape& shape) : m_file(file), m_shape(shape) {}

  Weights bind();

 private:
  LayerWeights bindLayer(int layer);
  void refuseLeftovers() const;

  TensorView matrix(const std::string& name, std::int64_t rows, std::int64_t columns);
  TensorView vector(const std::string& name, std::int64_t elements);
  std::optional<TensorView> optionalVector(const std::string& name, std::int64_t elements);
  /// Marks the tensor as used; refuses a missing one, another shape, an unknown type.
  TensorView view(const std::string& name, std::int64_t rows, std::int64_t columns);

  const Gguf& m_file;
  const ModelShape& m_shape;
  std::unordered_set<const GgufTensor*> m_used;
};

std::string shapeText(const GgufTensor& tensor) {
  std::string text;
  for (int i = tensor.dimensionCount - 1; i >= 0; --i) {
    text += std::to_string(tensor.dimensions[static_cast<std::size_t>(i)]) + (i > 0 ? " x " : "");
  }
  return text;
}

Weights Binder::bind() {
  Weights weights;
  weights.tokenEmbedding = matrix("token_embd.weight", m_shape.vocabulary, m_shape.embedding);
  weights.layers.reserve(static_cast<std::size_t>(m_shape.layers));
  for (int layer = 0; layer < m_shape.layers; ++layer) {
    weights.layers.push_back(bindLayer(layer));
  }
  weights.outputNorm = vector("output_norm.weight", m_shape.embedding);
  weights.tied = m_file.findTensor("output.weight") == nullptr;
  weights.output = weights.tied ? weights.tokenEmbedding
                                : matrix("output.weight", m_shape.vocabulary, m_shape.embedding);
  weights.ropeFactors = optionalVector("rope_freqs.weight", m_shape.ropeDims / 2);
  refuseLeftovers();
  return weights;
}

LayerWeights Binder::bindLayer(int layer) {
  const std::string block = "blk." + std::to_string(layer) + ".";
  const std::int64_t embedding = m_shape.embedding;
  const std::int64_t feedForward = m_shape.feedForward;
  const std::int64_t queries = std::int64_t{m_shape.heads} * m_shape.headDim;
  const std::int64_t keys = std::int64_t{m_shape.kvHeads} * m_shape.headDim;
  return {
      .attentionNorm = vector(block + "attn_norm.weight", embedding),
      .q = matrix(block + "attn_q.weight", queries, embedding),
      .k = matrix(block + "attn_k.weight", keys, embedding),
      .v = matrix(block + "attn_v.weight", keys, embedding),
      .qBias = optionalVector(block + "attn_q.bias", queries),
      .kBias = optionalVector(block + "attn_k.bias", keys),
      .vBias = optionalVector(block + "attn_v.bias", keys),
      .output = matrix(block + "attn_output.weight", embedding, queries),
      .ffnNorm = vector(block + "ffn_norm.weight", embedding),
      .gate = matrix(block + "ffn_gate.weight", feedForward, embedding),
      .up = matrix(block + "ffn_up.weight", feedForward, embedding),
      .down = matrix(block + "ffn_down.weight", embedding, feedForward),
  };
}

void Binder::refuseLeftovers() const {
  for (const GgufTensor& tensor : m_file.tensors()) {
    // Some old files carry the rotation angles, which follow from the metadata.
    const bool derived = tensor.name.find(".attn_rot_embd") != tensor.name.npos;
    if (!derived && !m_used.contains(&tensor)) {
      throw Error(ErrorCode::UnsupportedModel,
                  "The model file " + m_file.name() + " has a tensor " + printable(tensor.name) +
                      ", which is no part of the " + name(m_shape.architecture) + " model with " +
                      std::to_string(m_shape.layers) +
                      " layers that Bookwheel runs; use another model.");
    }
  }
}

TensorView Binder::matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
  return view(name, rows, columns);
}

TensorView Binder::vector(const std::string& name, std::int64_t elements) {
  const TensorView found = view(name, 1, elements);
  if (found.type != WeightType::F32 && found.type != WeightType::F16 &&
      found.type != WeightType::BF16) {
    throw Error(ErrorCode::UnsupportedModel,
                "The tensor " + name + " of the model file " + m_file.name() + " has type " +
                    kernels::weightBlock(found.type).name +
                    " where F32, F16 or BF16 is expected; use another file of the same model.");
  }
  return found;
}

std::optional<TensorView> Binder::optionalVector(const std::string& name, std::int64_t elements) {
  if (m_file.findTensor(name) == nullptr) {
    return std::nullopt;
  }
  return vector(name, elements);
}

TensorView Binder::view(const std::string& name, std::int64_t rows, std::int64_t columns) {
  const GgufTensor* tensor = m_file.findTensor(name);
  if (tensor == nullptr) {
    m_file.refuse("the tensor " + name + " is missing");
  }
  if (tensor->dimensions != std::array<std::int64_t, 4>{columns, rows, 1, 1}) {
    m_file.refuse("the tensor " + name + " has shape " + shapeText(*tensor) + " where " +
                  (rows == 1 ? "" : std::to_string(rows) + " x ") + std::to_string(columns) +
                  " is expected");
  }
  const std::optional<WeightType> type = tensor->type.readable();
  if (!type) {
    throw Error(ErrorCode::UnsupportedModel,
                "The tensor " + name + " of the model file " + m_file.name() + " has type " +
                    tensor->type.name() +
                    ", which Bookwheel does not read; use a Q4_K_M file of the same model.");
  }
  m_used.insert(tensor);
  return {.name = tensor->name,
          .type = *type,
          .rows = rows,
          .columns = columns,
          .bytes = m_file.data(*tensor),
          .fileOffset = tensor->offset};
}

}  // namespace

Weights bindWeights(const Gguf& file, const ModelShape& shape) {
  return Binder(file, shape).bind();
}

std::uint64_t weightBytes(const Weights& weights) {
  std::uint64_t total = 0;
  const auto add = [&](const TensorView& tensor) { total += tensor.bytes.size(); };
  const auto addOptional = [&](const std::optional<TensorView>& tensor) {
    if (tensor) {
      add(*tensor);
    }
  };
  add(weights.tokenEmbedding);
  add(weights.outputNorm);
  if (!weights.tied) {
    add(weights.output);
  }
  addOptional(weights.ropeFactors);
  for (const LayerWeights& layer : weights.layers) {
    for (const TensorView* tensor :
         {&layer.attentionNorm, &layer.q, &layer.k, &layer.v, &layer.output, &layer.ffnNorm,
          &layer.gate, &layer.up, &layer.down}) {
      add(*tensor);
    }
    addOptional(layer.qBias);
    addOptional(layer.kBias);
    addOptional(layer.vBias);
  }
  return total;
}

}  // namespace bookwheel
