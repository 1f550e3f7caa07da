// SPDX-License-Identifier: Apache-2.0
// One measurement of eval grid: what was compared on what and what came out, as a line of JSON.
#pragma once

#include "app/cli/command.h"
#include "engine/cache/cache_options.h"

#include <cstdint>
#include <string>
#include <vector>

namespace bookwheel {

/// The figures that tables and plots use; the line of JSON has more.
struct GridLine {
  std::string model;  // the file's name without folder and .gguf
  std::string text;   // the file's name without folder and ending
  std::int64_t tokens;
  std::int64_t positions;
  std::int64_t skip;
  std::string activations;  // of the steps: float32, int8
  std::string policy;       // corrected, paper
  std::string bits;         // k2v2
  std::string logits;       // raw, variance
  std::string predictor;
  std::string k;  // a number or all
  double meanKl;
  double klLow;
  double klHigh;
  double sameTop1;
  double bitsPerElement;
  double hitRate;  // below 0: nothing was wanted

  bool copyOnly() const { return k == "0"; }
};

/// "folder/qwen-0.5b.gguf" or "qwen-0.5b" -> "qwen-0.5b".
std::string gridModelName(const std::string& model);

/// What makes two lines the same measurement.
std::string gridKey(const Json& line);

/// Throws CommandError that names `where` if it is no line of eval grid.
GridLine parseGridLine(const Json& line, const std::string& where);

/// All lines of a file that eval grid --save wrote; none if there is no such file. Throws
/// CommandError with the number of the first damaged line.
std::vector<Json> loadGridLines(const std::string& path);

/// The product of the lists, each setting once. `policies`: corrected, paper, paper-variance; the
/// last two are SpeCache as published, without and with variance-corrected logits. Throws
/// CommandError for a policy or bits that do not exist.
std::vector<CacheOptions> gridSettings(const std::vector<std::string>& bits,
                                       const std::vector<int>& pairs,
                                       const std::vector<std::string>& policies);

}  // namespace bookwheel
