// SPDX-License-Identifier: Apache-2.0
// ReadingTime: how long reading takes, learnt from the chunks already read.
#include "engine/run/reading_time.h"

#include <algorithm>

namespace bookwheel {

namespace {

// A multiply-add of attention (float, softmax included) costs about this many of the 8-bit ones of
// the matrices. Only where reading starts is anything taken from it.
constexpr double kAttentionCost = 4.0;
// What a chunk counts for when the next one has been read.
constexpr double kForgetting = 0.97;
// How many chunks the expected ratio counts for.
constexpr double kPriorChunks = 0.05;

}  // namespace

ReadingTime::ReadingTime(const ModelShape& shape) {
  const double queries = static_cast<double>(shape.heads) * shape.headDim;
  const double keys = static_cast<double>(shape.kvHeads) * shape.headDim;
  const double embedding = shape.embedding;
  const double linear = embedding * (2 * queries + 2 * keys + 3.0 * shape.feedForward);
  m_expectedRatio = kAttentionCost * 2 * queries / linear;
}

void ReadingTime::add(std::int64_t first, std::int64_t rows, double seconds) {
  if (rows <= 0 || seconds <= 0) {
    return;
  }
  const double weight = static_cast<double>(rows);
  const double depth = static_cast<double>(first) + weight / 2;
  const double time = seconds / weight;
  m_weight = m_weight * kForgetting + weight;
  m_depth = m_depth * kForgetting + weight * depth;
  m_depthSquared = m_depthSquared * kForgetting + weight * depth * depth;
  m_time = m_time * kForgetting + weight * time;
  m_timeDepth = m_timeDepth * kForgetting + weight * time * depth;
  ++m_chunks;
}

ReadingTime::Rates ReadingTime::fit() const {
  // Minimises sum w (t - a - b p)^2 + prior (b - ratio a)^2, the prior in the unit of the data.
  const double meanWeight = m_weight / m_chunks;
  const double scale = 1.0 / std::max(m_expectedRatio, 1e-12);
  const double prior = kPriorChunks * meanWeight * scale * scale;
  const double r = m_expectedRatio;
  const double aa = m_weight + prior * r * r;
  const double ab = m_depth - prior * r;
  const double bb = m_depthSquared + prior;
  const double determinant = aa * bb - ab * ab;
  const double a = (m_time * bb - m_timeDepth * ab) / determinant;
  const double b = (aa * m_timeDepth - ab * m_time) / determinant;
  if (b < 0) {
    return {m_time / m_weight, 0};
  }
  if (a < 0) {
    return {0, m_timeDepth / m_depthSquared};
  }
  return {a, b};
}

double ReadingTime::seconds(std::int64_t begin, std::int64_t end) const {
  if (m_chunks == 0) {
    return -1;
  }
  const Rates rates = fit();
  const double first = static_cast<double>(begin);
  const double last = static_cast<double>(end);
  return rates.perToken * (last - first) +
         rates.perTokenAndDepth * (last * last - first * first) / 2;
}

}  // namespace bookwheel
