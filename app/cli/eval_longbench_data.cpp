// SPDX-License-Identifier: Apache-2.0
// The files of LongBench: its examples as JSON lines, and what is known of each of its data sets.
#include "app/cli/eval_longbench_data.h"

#include "app/cli/command.h"

#include <algorithm>
#include <array>
#include <sstream>

namespace bookwheel {

namespace {

constexpr const char* kQuestion =
    "Read the text and answer the question in as few words as possible.\n\n{context}\n\n"
    "Question: {input}\nAnswer:";
constexpr const char* kSummary = "Write a summary of the text.\n\n{context}\n\nSummary:";
constexpr const char* kQuery =
    "Read the transcript and answer the query in a few sentences.\n\n{context}\n\nQuery: "
    "{input}\nAnswer:";
constexpr const char* kExamples = "{context}\n{input}";
constexpr const char* kCount =
    "Some of the paragraphs below are repeated. How many different paragraphs are there? Answer "
    "with the number alone.\n\n{context}\n\nNumber:";
constexpr const char* kRetrieval =
    "Below are paragraphs and a summary of one of them. Which paragraph is it? Answer like this: "
    "Paragraph 1.\n\n{context}\n\nSummary: {input}\n\nAnswer:";
constexpr const char* kCode = "{context}{input}";

struct Row {
  const char* dataset;
  LongBenchMetric metric;
  int answerTokens;
  bool chat;
  bool firstLine;
  const char* prompt;
};

// Metrics, lengths and post-processing as in the authors' eval.py, pred.py and dataset2maxlen.json.
constexpr std::array<Row, 16> kTasks{{
    {"narrativeqa", LongBenchMetric::QaF1, 128, true, false, kQuestion},
    {"qasper", LongBenchMetric::QaF1, 128, true, false, kQuestion},
    {"multifieldqa_en", LongBenchMetric::QaF1, 64, true, false, kQuestion},
    {"hotpotqa", LongBenchMetric::QaF1, 32, true, false, kQuestion},
    {"2wikimqa", LongBenchMetric::QaF1, 32, true, false, kQuestion},
    {"musique", LongBenchMetric::QaF1, 32, true, false, kQuestion},
    {"gov_report", LongBenchMetric::RougeL, 512, true, false, kSummary},
    {"qmsum", LongBenchMetric::RougeL, 512, true, false, kQuery},
    {"multi_news", LongBenchMetric::RougeL, 512, true, false, kSummary},
    {"trec", LongBenchMetric::Classification, 64, false, true, kExamples},
    {"triviaqa", LongBenchMetric::QaF1, 32, false, true, kExamples},
    {"samsum", LongBenchMetric::RougeL, 128, false, true, kExamples},
    {"passage_count", LongBenchMetric::Count, 32, true, false, kCount},
    {"passage_retrieval_en", LongBenchMetric::Retrieval, 32, true, false, kRetrieval},
    {"lcc", LongBenchMetric::CodeSimilarity, 64, false, false, kCode},
    {"repobench-p", LongBenchMetric::CodeSimilarity, 64, false, false, kCode},
}};

std::vector<std::string> strings(const Json& json) {
  return json.is_null() ? std::vector<std::string>() : json.get<std::vector<std::string>>();
}

}  // namespace

LongBenchTask longBenchTask(const std::string& dataset) {
  const std::string plain =
      dataset.ends_with("_e") ? dataset.substr(0, dataset.size() - 2) : dataset;
  const auto row = std::find_if(kTasks.begin(), kTasks.end(),
                                [&](const Row& candidate) { return candidate.dataset == plain; });
  if (row == kTasks.end()) {
    std::string known;
    for (const Row& task : kTasks) {
      known += std::string(known.empty() ? "" : ", ") + task.dataset;
    }
    throw CommandError(ExitCode::kFailed, "The data set \"" + dataset +
                                              "\" cannot be run here (its metric needs Chinese "
                                              "words, or it is none of LongBench's); there are " +
                                              known + ".");
  }
  return {plain, row->metric, row->answerTokens, row->chat, row->firstLine, row->prompt};
}

std::vector<LongBenchExample> loadLongBench(const std::string& path) {
  std::vector<LongBenchExample> examples;
  std::istringstream stream(readFile(path));
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    try {
      const Json json = Json::parse(line);
      examples.push_back(
          {json.value("_id", std::to_string(number)), json.at("dataset").get<std::string>(),
           json.at("input").get<std::string>(), json.at("context").get<std::string>(),
           strings(json.at("answers")), strings(json.value("all_classes", Json()))});
    } catch (const Json::exception&) {
      throw CommandError(ExitCode::kFailed,
                         "Line " + std::to_string(number) + " of " + path +
                             " is no example of LongBench: an object with the texts dataset, input "
                             "and context and the list of texts answers.");
    }
  }
  if (examples.empty()) {
    throw CommandError(ExitCode::kFailed, "The file " + path + " has no example in it.");
  }
  return examples;
}

std::map<std::string, std::string> loadPrompts(const std::string& path) {
  const Json json = Json::parse(readFile(path), nullptr, false);
  try {
    return json.get<std::map<std::string, std::string>>();
  } catch (const Json::exception&) {
    throw CommandError(ExitCode::kFailed, "The file " + path +
                                              " is no dataset2prompt.json: an object with a prompt "
                                              "for each data set.");
  }
}

std::string fillPrompt(const std::string& prompt, const LongBenchExample& example) {
  std::string out;
  for (std::size_t at = 0; at < prompt.size();) {
    constexpr std::string_view kContext = "{context}";
    constexpr std::string_view kInput = "{input}";
    if (prompt.compare(at, kContext.size(), kContext) == 0) {
      out += example.context;
      at += kContext.size();
    } else if (prompt.compare(at, kInput.size(), kInput) == 0) {
      out += example.input;
      at += kInput.size();
    } else {
      out += prompt[at++];
    }
  }
  return out;
}

}  // namespace bookwheel
