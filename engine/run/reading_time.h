// SPDX-License-Identifier: Apache-2.0
// ReadingTime: how long reading takes, learnt from the chunks already read.
#pragma once

#include "engine/model/shape.h"

#include <cstdint>

namespace bookwheel {

/// A token at depth p costs a + b p seconds: a for the weights, b for the attention to each token
/// before it. Both are fitted to measured chunks by least squares, recent ones counting more (a
/// machine that gets hot slows down); until depths differ enough to tell them apart, b leans on the
/// ratio of the model's operations. Engine thread.
class ReadingTime {
 public:
  explicit ReadingTime(const ModelShape& shape);

  /// `rows` tokens from position `first` on took `seconds`.
  void add(std::int64_t first, std::int64_t rows, double seconds);
  /// For the tokens at positions begin .. end - 1. Negative: nothing was measured yet.
  double seconds(std::int64_t begin, std::int64_t end) const;

 private:
  struct Rates {
    double perToken;          // a
    double perTokenAndDepth;  // b
  };
  Rates fit() const;

  double m_expectedRatio;  // b / a by counting operations
  int m_chunks = 0;
  // Normal equations of seconds / rows = a + b depth, weighted by rows and age.
  double m_weight = 0;
  double m_depth = 0;
  double m_depthSquared = 0;
  double m_time = 0;
  double m_timeDepth = 0;
};

}  // namespace bookwheel
