// SPDX-License-Identifier: Apache-2.0
// The one plain sentence on what limits the speed; pure.
#pragma once

#include <QString>

#include <cstdint>

namespace bookwheel {

/// Means over the last steps, and what is going on.
struct LimitFigures {
  enum class Stage { Empty, Loading, Idle, Reading, Answering } stage = Stage::Empty;
  double stepUs = 0;     ///< 0: no step was measured yet
  double weightsUs = 0;  ///< of it
  double cacheUs = 0;    ///< of it, without what was waited for
  double exposedUs = 0;  ///< of it: waiting for pairs that were fetched
  double hiddenUs = 0;   ///< of fetching, behind computing
  bool usesCopy = false;
  bool storeInFile = false;
  std::int64_t tokensDone = 0;
  std::int64_t weightsBytes = 0;
  std::int64_t fastBytes = 0;  ///< what a step reads the cache from
  double tokensPerSecond = 0;  ///< of reading
};

/// The head of the panel: "Reading the weights is the limit: 16 of 26 ms a step. ..."
QString limitSentence(const LimitFigures& figures);
/// For the strip: at most six words, "Limit: reading the weights."
QString limitInBrief(const LimitFigures& figures);

/// "25.6 ms", "480 µs".
QString stepTimeText(double microseconds);

}  // namespace bookwheel
