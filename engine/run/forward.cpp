// SPDX-License-Identifier: Apache-2.0
// Forward: tokens through all layers, as straight code over Backend; knows nothing of caches.
#include "engine/run/forward.h"

#include "engine/cache/planner.h"
#include "engine/error.h"

#include <algorithm>
#include <array>

namespace bookwheel {

Forward::Forward(Backend& backend, const LoadedModel& model, std::int64_t maxRows,
                 std::int64_t maxTokens)
    : m_backend(backend),
      m_model(model),
      m_maxRows(maxRows),
      m_ropeTables(model.shape, model.ropeFactors) {
  const ModelShape& shape = model.shape;
  const std::int64_t queries = std::int64_t{shape.heads} * shape.headDim;
  const std::int64_t keys = std::int64_t{shape.kvHeads} * shape.headDim;
  const std::int64_t pairs = shape.ropeDims / 2;
  m_hostCosines.resize(static_cast<std::size_t>(maxRows * pairs));
  m_hostSines.resize(static_cast<std::size_t>(maxRows * pairs));
  m_memory = backend.allocate(
      static_cast<std::size_t>(maxRows * activationFloatsPerRow(shape) + shape.vocabulary) *
      sizeof(float));
  m_x = part(maxRows * shape.embedding);
  m_normed = part(maxRows * shape.embedding);
  m_queries = part(maxRows * queries);
  m_attended = part(maxRows * queries);
  m_keys = part(maxRows * keys);
  m_values = part(maxRows * keys);
  m_gate = part(maxRows * shape.feedForward);
  m_up = part(maxRows * shape.feedForward);
  m_cosines = part(maxRows * pairs);
  m_sines = part(maxRows * pairs);
  m_logits = part(shape.vocabulary);
  backend.reserve({maxRows, std::max<std::int64_t>({shape.embedding, shape.feedForward, queries}),
                   shape.heads, shape.kvHeads, shape.headDim, maxTokens});
}

float* Forward::part(std::int64_t floats) {
  float* begin = m_memory.floats() + m_used;
  m_used += static_cast<std::size_t>(floats);
  BOOKWHEEL_ASSERT(m_used * sizeof(float) <= m_memory.bytes());
  return begin;
}

bool Forward::run(std::span<const TokenId> ids, std::int64_t first, std::int64_t outputs,
                  AttendLayer attend) {
  const ModelShape& shape = m_model.shape;
  const auto rows = static_cast<std::int64_t>(ids.size());
  BOOKWHEEL_ASSERT(rows > 0 && rows <= m_maxRows && outputs >= 0 && outputs <= rows);
  const std::int64_t embedding = shape.embedding;
  const std::int64_t feedForward = shape.feedForward;
  const std::int64_t queryColumns = std::int64_t{shape.heads} * shape.headDim;
  const std::int64_t keyColumns = std::int64_t{shape.kvHeads} * shape.headDim;
  const std::int64_t pairs = shape.ropeDims / 2;
  const auto tableSize = static_cast<std::size_t>(rows * pairs);

  m_rows = rows;
  m_ropeTables.fill(first, rows, m_hostCosines, m_hostSines);
  m_backend.toDevice(std::span(m_hostCosines).first(tableSize), m_cosines);
  m_backend.toDevice(std::span(m_hostSines).first(tableSize), m_sines);
  m_backend.embed(m_model.embedding, ids, m_x);

  for (int index = 0; index < shape.layers; ++index) {
    const LoadedLayer& layer = m_model.layers[static_cast<std::size_t>(index)];
    // Past the last layer's keys and values only the rows whose logits are wanted go on.
    const std::int64_t from = index + 1 < shape.layers ? 0 : rows - outputs;
    const std::int64_t count = rows - from;
    float* const x = m_x + from * embedding;
    float* const normed = m_normed + from * embedding;
    float* const queries = m_queries + from * queryColumns;
    float* const attended = m_attended + from * queryColumns;

    m_backend.rmsNorm({m_x, layer.attentionNorm, m_normed, embedding, shape.normEpsilon}, rows);
    const std::array<Projection, 3> products{{
        {layer.k, layer.kBias, m_keys, keyColumns, false},
        {layer.v, layer.vBias, m_values, keyColumns, false},
        {layer.q, layer.qBias, m_queries, queryColumns, false},
    }};
    const bool allRows = from == 0;
    m_backend.project({m_normed, rows, embedding, embedding},
                      std::span(products).first(allRows ? 3 : 2));
    if (!allRows && count > 0) {
      m_backend.project(
          {normed, count, embedding, embedding},
          std::array<Projection, 1>{{{layer.q, layer.qBias, queries, queryColumns, false}}});
    }
    m_backend.rope({m_keys, keyColumns, shape.kvHeads, shape.headDim, shape.ropeDims,
                    shape.ropeLayout, m_cosines, m_sines},
                   rows);
    if (count > 0) {
      m_backend.rope({queries, queryColumns, shape.heads, shape.headDim, shape.ropeDims,
                      shape.ropeLayout, m_cosines + from * pairs, m_sines + from * pairs},
                     count);
    }
    if (!attend({index, first, rows, from, m_queries, m_keys, m_values, m_attended})) {
      return false;
    }
    if (count == 0) {
      break;
    }
    m_backend.project({attended, count, queryColumns, queryColumns},
                      std::array<Projection, 1>{{{layer.output, nullptr, x, embedding, true}}});

    m_backend.rmsNorm({x, layer.ffnNorm, normed, embedding, shape.normEpsilon}, count);
    m_backend.projectGated({normed, count, embedding, embedding}, layer.gate, layer.up, m_gate,
                           m_up);
    m_backend.project({m_gate, count, feedForward, feedForward},
                      std::array<Projection, 1>{{{layer.down, nullptr, x, embedding, true}}});
  }
  return true;
}

void Forward::logits(std::int64_t firstRow, std::int64_t rows, float* out) {
  const ModelShape& shape = m_model.shape;
  const std::int64_t embedding = shape.embedding;
  BOOKWHEEL_ASSERT(firstRow >= 0 && firstRow + rows <= m_rows);
  float* const normed = m_normed + firstRow * embedding;
  m_backend.rmsNorm(
      {m_x + firstRow * embedding, m_model.outputNorm, normed, embedding, shape.normEpsilon}, rows);
  m_backend.project(
      {normed, rows, embedding, embedding},
      std::array<Projection, 1>{{{m_model.output, nullptr, out, shape.vocabulary, false}}});
}

std::span<const float> Forward::lastLogits() {
  logits(m_rows - 1, 1, m_logits);
  return m_backend.toHost(m_logits, static_cast<std::size_t>(m_model.shape.vocabulary));
}

}  // namespace bookwheel
