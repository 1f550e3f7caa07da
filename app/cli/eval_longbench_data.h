// SPDX-License-Identifier: Apache-2.0
// The files of LongBench: its examples as JSON lines, and what is known of each of its data sets.
#pragma once

#include "app/cli/eval_longbench_metrics.h"

#include <map>
#include <string>
#include <vector>

namespace bookwheel {

struct LongBenchTask {
  std::string dataset;
  LongBenchMetric metric;
  int answerTokens;    // as the authors allow
  bool chat;           // false: few examples or code, which the authors give without a chat format
  bool firstLine;      // only the answer's first line counts
  std::string prompt;  // with {context} and {input}
};

struct LongBenchExample {
  std::string id;
  std::string dataset;
  std::string input;
  std::string context;
  std::vector<std::string> answers;
  std::vector<std::string> classes;
};

/// The English and code data sets, with prompts in our words. Names may end in "_e" (the
/// evenly spread subset). Throws CommandError for another name, with what can be run.
LongBenchTask longBenchTask(const std::string& dataset);

/// The examples of a file of JSON lines as published. Throws CommandError with the line's number
/// and what is wrong with it.
std::vector<LongBenchExample> loadLongBench(const std::string& path);

/// The authors' prompts: their file dataset2prompt.json. Throws CommandError.
std::map<std::string, std::string> loadPrompts(const std::string& path);

/// The prompt with context and input in their places; braces inside these stay as they are.
std::string fillPrompt(const std::string& prompt, const LongBenchExample& example);

}  // namespace bookwheel
