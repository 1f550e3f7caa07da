// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli eval longbench: the examples of LongBench with each cache, scored by its metrics.
#include "app/cli/eval.h"
#include "app/cli/eval_exam.h"
#include "app/cli/eval_longbench_data.h"
#include "app/cli/eval_statistics.h"
#include "app/cli/progress.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <map>

namespace bookwheel {

namespace {

// Examples stand on their own: a block of the interval's bootstrap is one.
constexpr int kBlockExamples = 1;

struct LongBenchOptions : CommonOptions {
  std::vector<std::string> files;
  std::string prompts;
  int limit = 0;
  bool showAnswers = false;
  ComparedCaches caches;
};

struct DatasetScores {
  std::vector<std::vector<double>> byCache;
  std::vector<PairTotals> pairs;
  std::int64_t tooLong = 0;
};

std::string trimmedTo(const LongBenchTask& task, const std::string& answer) {
  if (!task.firstLine) {
    return answer;
  }
  const std::size_t begin = std::min(answer.find_first_not_of('\n'), answer.size());
  return answer.substr(begin, answer.find('\n', begin) - begin);
}

class LongBenchRun {
 public:
  LongBenchRun(const LongBenchOptions& options, Session& session, std::vector<CacheOptions> caches)
      : m_options(options), m_session(session), m_caches(std::move(caches)) {
    if (!options.prompts.empty()) {
      m_prompts = loadPrompts(options.prompts);
    }
  }

  /// False if stopped.
  bool measure(const std::vector<LongBenchExample>& examples, const std::stop_token& stop) {
    int done = 0;
    for (const LongBenchExample& example : examples) {
      if (m_options.limit > 0 && done == m_options.limit) {
        break;
      }
      if (!measure(example, stop)) {
        return false;
      }
      ++done;
    }
    return true;
  }

  void report() const {
    for (const auto& [dataset, scores] : m_scores) {
      for (std::size_t cache = 0; cache < m_caches.size(); ++cache) {
        const std::vector<double>& all = scores.byCache[cache];
        const Interval interval = meanInterval(all, kBlockExamples, m_options.seed);
        if (m_options.json || m_options.showAnswers) {
          printJson({{"task", "longbench"},
                     {"dataset", dataset},
                     {"cache", describe(m_caches[cache])},
                     {"examples", all.size()},
                     {"tooLong", scores.tooLong},
                     {"score", 100 * mean(all)},
                     {"interval", {100 * interval.low, 100 * interval.high}},
                     {"exactScore", 100 * mean(scores.byCache.front())},
                     {"hitRate", scores.pairs[cache].hitRate()},
                     {"seed", m_options.seed}});
        } else {
          std::printf("%-22s %-5s k %-5s: %6.2f over %zu examples, %lld too long\n",
                      dataset.c_str(), bitsName(m_caches[cache]).c_str(),
                      m_caches[cache].usesCopy() ? pairsName(m_caches[cache].pairs).c_str() : "-",
                      100 * mean(all), all.size(), static_cast<long long>(scores.tooLong));
        }
      }
    }
  }

 private:
  std::vector<TokenId> promptOf(const LongBenchTask& task, const LongBenchExample& example) const {
    const auto own = m_prompts.find(task.dataset);
    const std::string text =
        fillPrompt(own == m_prompts.end() ? task.prompt : own->second, example);
    if (!task.chat) {
      const std::vector<PromptPiece> pieces{{text, PieceKind::Text}};
      return m_session.tokenizer().encode(pieces, Tokenizer::Bos::AsModel).ids;
    }
    const std::array<ChatMessage, 1> messages{{{Role::User, text}}};
    return m_session.tokenizer()
        .encode(m_session.chatTemplate().prompt({}, messages), Tokenizer::Bos::AsModel)
        .ids;
  }

  bool measure(const LongBenchExample& example, const std::stop_token& stop) {
    const LongBenchTask task = longBenchTask(example.dataset);
    DatasetScores& scores = m_scores[example.dataset];
    scores.byCache.resize(m_caches.size());
    scores.pairs.resize(m_caches.size());
    const std::vector<TokenId> prompt = promptOf(task, example);
    // The authors cut such examples in the middle; a text is never cut here.
    if (static_cast<std::int64_t>(prompt.size()) + task.answerTokens > m_session.contextTokens()) {
      ++scores.tooLong;
      return true;
    }
    Progress progress(m_options.progress);
    AnswerOptions options;
    options.maxTokens = task.answerTokens;
    for (std::size_t cache = 0; cache < m_caches.size(); ++cache) {
      m_session.setCache(m_caches[cache]);
      const Answer answer = m_session.answer(
          prompt, options, [&](const PrefillStats& stats) { progress.showReading(stats); },
          [&](TokenId, std::string_view, const StepStats& step) { scores.pairs[cache].add(step); },
          stop);
      progress.wipe();
      if (answer.stopReason == StopReason::Stopped) {
        return false;
      }
      const double score = longBenchScore(task.metric, trimmedTo(task, answer.text),
                                          example.answers, example.classes);
      scores.byCache[cache].push_back(score);
      if (m_options.showAnswers) {
        printJson({{"id", example.id},
                   {"dataset", example.dataset},
                   {"cache", describe(m_caches[cache])},
                   {"answer", answer.text},
                   {"answers", example.answers},
                   {"score", 100 * score}});
      }
    }
    return true;
  }

  const LongBenchOptions& m_options;
  Session& m_session;
  const std::vector<CacheOptions> m_caches;
  std::map<std::string, std::string> m_prompts;
  std::map<std::string, DatasetScores> m_scores;
};

int runLongBench(const LongBenchOptions& options, const CommandContext& context) {
  const std::vector<CacheOptions> caches = options.caches.resolve();
  std::vector<std::vector<LongBenchExample>> files;
  for (const std::string& file : options.files) {
    files.push_back(loadLongBench(file));
    for (const LongBenchExample& example : files.back()) {
      longBenchTask(example.dataset);  // refuses before a model is loaded
    }
  }
  const std::unique_ptr<Session> session = openSession(options, context.stop);
  LongBenchRun run(options, *session, caches);
  for (const auto& examples : files) {
    if (!run.measure(examples, context.stop)) {
      return ExitCode::kInterrupted;
    }
  }
  run.report();
  return ExitCode::kDone;
}

}  // namespace

void addEvalLongBenchCommand(CommandLine& line) {
  auto options = std::make_shared<LongBenchOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(
      line, "longbench",
      "LongBench's own JSON lines: JSON lines {task, dataset, cache, examples, tooLong, score, "
      "interval, exactScore}, scores of 0 to 100",
      "bookwheel-cli eval longbench hotpotqa.jsonl trec.jsonl --model qwen-1.5b --bits k2v2\n"
      "      --prompts dataset2prompt.json",
      ModelOption::Required, *options,
      [options](const CommandContext& context) { return runLongBench(*options, context); });
  command.add_option("FILE", options->files, "Files of LongBench, JSON lines")->required();
  command.add_option("--prompts", options->prompts,
                     "The authors' dataset2prompt.json; prompts in our words if left out");
  command.add_option("--limit", options->limit, "Only the first N examples of each file")
      ->check(CLI::PositiveNumber);
  command.add_flag("--answers", options->showAnswers, "A line of JSON for each answer as well");
  addSessionOptions(command, *options);
  options->caches.addTo(command);
}

}  // namespace bookwheel
