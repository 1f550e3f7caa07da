// SPDX-License-Identifier: Apache-2.0
// PlainModel: the transformer in plain loops over doubles, the definition of correct for the
// engine.
#include "tests/support/plain_model.h"

#include "engine/model/weights.h"
#include "tests/support/reference.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bookwheel {

namespace {

using Vector = std::vector<double>;

Vector decoded(const TensorView& tensor) {
  return reference::decode(tensor.type, tensor.bytes.data(), tensor.rows, tensor.columns);
}

Vector decoded(const std::optional<TensorView>& tensor, int elements) {
  return tensor ? decoded(*tensor) : Vector(static_cast<std::size_t>(elements), 0.0);
}

/// W x, W being (rows, x.size()).
Vector product(const Vector& weights, const Vector& x) {
  const std::size_t rows = weights.size() / x.size();
  Vector y(rows, 0.0);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < x.size(); ++column) {
      y[row] += weights[row * x.size() + column] * x[column];
    }
  }
  return y;
}

void add(Vector& x, const Vector& y) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] += y[i];
  }
}

/// YaRN's share of interpolation of a pair, as its authors' code has it: a ramp over pair numbers
/// between the pairs that turn 32 times and once within the original context.
double interpolated(const ModelShape& shape, int pair) {
  const double tokens = static_cast<double>(shape.ropeScaling.originalTokens);
  const auto pairOf = [&](double turns) {
    return shape.ropeDims * std::log(tokens / (2 * std::numbers::pi * turns)) /
           (2 * std::log(shape.ropeBase));
  };
  const double low = std::max(std::floor(pairOf(32)), 0.0);
  const double high = std::min(std::ceil(pairOf(1)), shape.ropeDims - 1.0);
  return std::min(1.0, std::max(0.0, (pair - low) / (high - low)));
}

}  // namespace

PlainModel::PlainModel(const Gguf& file, Cache cache) : m_shape(readShape(file)), m_cache(cache) {
  const Weights weights = bindWeights(file, m_shape);
  m_embedding = decoded(weights.tokenEmbedding);
  m_output = decoded(weights.output);
  m_outputNorm = decoded(weights.outputNorm);
  m_ropeFactors = weights.ropeFactors ? decoded(*weights.ropeFactors)
                                      : Vector(static_cast<std::size_t>(m_shape.ropeDims / 2), 1.0);
  const int queries = m_shape.heads * m_shape.headDim;
  const int keys = m_shape.kvHeads * m_shape.headDim;
  for (const LayerWeights& layer : weights.layers) {
    m_layers.push_back({decoded(layer.attentionNorm), decoded(layer.q), decoded(layer.k),
                        decoded(layer.v), decoded(layer.qBias, queries), decoded(layer.kBias, keys),
                        decoded(layer.vBias, keys), decoded(layer.output), decoded(layer.ffnNorm),
                        decoded(layer.gate), decoded(layer.up), decoded(layer.down)});
  }
}

Vector PlainModel::norm(const Vector& x, const Vector& weight) const {
  double squares = 0;
  for (const double value : x) {
    squares += value * value;
  }
  const double rms =
      std::sqrt(squares / static_cast<double>(x.size()) + static_cast<double>(m_shape.normEpsilon));
  Vector out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    out[i] = x[i] / rms * weight[i];
  }
  return out;
}

void PlainModel::rope(Vector& x, int heads, std::size_t position) const {
  const RopeScaling& scaling = m_shape.ropeScaling;
  const int half = m_shape.ropeDims / 2;
  for (int head = 0; head < heads; ++head) {
    double* const values = x.data() + head * m_shape.headDim;
    for (int pair = 0; pair < half; ++pair) {
      double turn = 1.0 / std::pow(m_shape.ropeBase, 2.0 * pair / m_shape.ropeDims) /
                    m_ropeFactors[static_cast<std::size_t>(pair)];
      double magnitude = scaling.attentionFactor;
      if (scaling.kind == RopeScalingKind::Linear) {
        turn /= scaling.factor;
      } else if (scaling.kind == RopeScalingKind::Yarn) {
        const double share = interpolated(m_shape, pair);
        turn = turn * (1 - share) + turn / scaling.factor * share;
        magnitude *= 0.1 * std::log(scaling.factor) + 1.0;
      }
      const double angle = static_cast<double>(position) * turn;
      const bool interleaved = m_shape.ropeLayout == kernels::RopeLayout::Interleaved;
      double& first = values[interleaved ? 2 * pair : pair];
      double& second = values[interleaved ? 2 * pair + 1 : pair + half];
      const double a = first * magnitude;
      const double b = second * magnitude;
      first = a * std::cos(angle) - b * std::sin(angle);
      second = a * std::sin(angle) + b * std::cos(angle);
    }
  }
}

void PlainModel::attend(const std::vector<Vector>& keys, const std::vector<Vector>& values,
                        const Vector& query, Vector& out) const {
  const int d = m_shape.headDim;
  const int group = m_shape.heads / m_shape.kvHeads;
  out.assign(query.size(), 0.0);
  for (int head = 0; head < m_shape.heads; ++head) {
    const int kvHead = head / group;
    Vector scores;
    for (const Vector& key : keys) {
      double score = 0;
      for (int i = 0; i < d; ++i) {
        score += query[static_cast<std::size_t>(head * d + i)] *
                 key[static_cast<std::size_t>(kvHead * d + i)];
      }
      scores.push_back(score / std::sqrt(static_cast<double>(d)));
    }
    const double best = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (double& score : scores) {
      score = std::exp(score - best);
      sum += score;
    }
    for (std::size_t token = 0; token < values.size(); ++token) {
      for (int i = 0; i < d; ++i) {
        out[static_cast<std::size_t>(head * d + i)] +=
            scores[token] / sum * values[token][static_cast<std::size_t>(kvHead * d + i)];
      }
    }
  }
}

std::vector<Vector> PlainModel::logits(std::span<const TokenId> ids) const {
  const auto embedding = static_cast<std::size_t>(m_shape.embedding);
  // keys[layer][token]
  std::vector<std::vector<Vector>> keys(m_layers.size());
  std::vector<std::vector<Vector>> values(m_layers.size());
  std::vector<Vector> all;
  for (std::size_t position = 0; position < ids.size(); ++position) {
    const auto row = m_embedding.begin() + ids[position] * m_shape.embedding;
    Vector x(row, row + m_shape.embedding);
    for (std::size_t index = 0; index < m_layers.size(); ++index) {
      const Layer& layer = m_layers[index];
      const Vector normed = norm(x, layer.attentionNorm);
      Vector query = product(layer.q, normed);
      Vector key = product(layer.k, normed);
      Vector value = product(layer.v, normed);
      add(query, layer.qBias);
      add(key, layer.kBias);
      add(value, layer.vBias);
      rope(query, m_shape.heads, position);
      rope(key, m_shape.kvHeads, position);
      if (m_cache == Cache::Half) {
        for (Vector* vector : {&key, &value}) {
          for (double& number : *vector) {
            number = reference::fromHalf(reference::toHalf(number));
          }
        }
      }
      keys[index].push_back(key);
      values[index].push_back(value);
      Vector attended;
      attend(keys[index], values[index], query, attended);
      add(x, product(layer.output, attended));

      const Vector ffnNormed = norm(x, layer.ffnNorm);
      Vector gate = product(layer.gate, ffnNormed);
      const Vector up = product(layer.up, ffnNormed);
      for (std::size_t i = 0; i < gate.size(); ++i) {
        gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
      }
      add(x, product(layer.down, gate));
    }
    x.resize(embedding);
    all.push_back(product(m_output, norm(x, m_outputNorm)));
  }
  return all;
}

std::vector<TokenId> PlainModel::greedy(std::span<const TokenId> prompt, int count) const {
  std::vector<TokenId> ids(prompt.begin(), prompt.end());
  for (int i = 0; i < count; ++i) {
    const Vector last = logits(ids).back();
    ids.push_back(static_cast<TokenId>(std::max_element(last.begin(), last.end()) - last.begin()));
  }
  return {ids.begin() + static_cast<std::ptrdiff_t>(prompt.size()), ids.end()};
}

}  // namespace bookwheel
