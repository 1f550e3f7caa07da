// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli eval extract: a table inside a long text, given back as JSON with each cache.
#include "app/cli/eval.h"
#include "app/cli/eval_exam.h"
#include "app/cli/eval_extract_task.h"
#include "app/cli/eval_statistics.h"
#include "app/cli/progress.h"

#include <iostream>

namespace bookwheel {

namespace {

// In the answer, with its keys and quotation marks.
constexpr int kTokensPerRow = 90;
constexpr std::int64_t kQuestionTokens = 256;

struct ExtractOptions : CommonOptions {
  std::string file;
  std::int64_t tokens = 8192;
  double depth = 0.5;
  int rows = 20;
  int texts = 3;
  bool showAnswers = false;
  ComparedCaches caches;
};

struct Scores {
  std::vector<double> cells;
  std::vector<double> rows;
  int wellFormed = 0;
  int extraRows = 0;
  int asExact = 0;  // answers that are the exact cache's, letter by letter
  PairTotals pairs;
  FastTierUse use;
};

Json describe(const CacheOptions& cache, const Scores& scores, const Scores& exact,
              const ExtractOptions& options) {
  return {{"task", "extract"},
          {"tokens", options.tokens},
          {"cache", describe(cache)},
          {"tables", scores.cells.size()},
          {"rowsPerTable", options.rows},
          {"cellsRight", mean(scores.cells)},
          {"rowsRight", mean(scores.rows)},
          {"exactCellsRight", mean(exact.cells)},
          {"exactRowsRight", mean(exact.rows)},
          {"wellFormed", scores.wellFormed},
          {"extraRows", scores.extraRows},
          {"sameAsExact", scores.asExact},
          {"hitRate", scores.pairs.hitRate()},
          {"bitsPerElement", scores.use.bitsPerElement},
          {"seed", options.seed}};
}

/// One table with every cache. False if stopped.
bool measure(const ExtractOptions& options, Session& session, const std::string& filler,
             std::uint64_t seed, const std::vector<CacheOptions>& caches,
             std::vector<Scores>& scores, const std::stop_token& stop) {
  const ExtractTable table = makeTable(options.rows, seed);
  const std::string markdown = table.markdown();
  const auto tableTokens =
      static_cast<std::int64_t>(session.tokenizer().encode(markdown).ids.size());
  if (tableTokens >= options.tokens) {
    throw CommandError(ExitCode::kUsage, "The table alone has " + grouped(tableTokens) +
                                             " tokens, more than --tokens " +
                                             grouped(options.tokens) +
                                             "; take fewer rows or a longer text.");
  }
  const int answerTokens = options.rows * kTokensPerRow;
  Exam exam(session, insertInto(beginningOf(session.tokenizer(), filler, options.file,
                                            options.tokens - tableTokens),
                                {{markdown, options.depth}}));
  Progress progress(options.progress);
  if (!exam.read(
          kQuestionTokens + answerTokens,
          [&](const PrefillStats& stats) { progress.showReading(stats); }, stop)) {
    return false;
  }
  progress.wipe();
  std::string exactAnswer;
  for (std::size_t cache = 0; cache < caches.size(); ++cache) {
    exam.use(caches[cache]);
    const std::optional<ExamAnswer> answer = exam.ask(extractQuestion(table), answerTokens, stop);
    if (!answer) {
      return false;
    }
    if (cache == 0) {
      exactAnswer = answer->text;
    }
    const ExtractScore score = scoreExtract(answer->text, table);
    Scores& sums = scores[cache];
    sums.cells.push_back(score.cells);
    sums.rows.push_back(score.rows);
    sums.wellFormed += score.wellFormed ? 1 : 0;
    sums.extraRows += score.extraRows;
    sums.asExact += answer->text == exactAnswer ? 1 : 0;
    sums.pairs.add(exam.pairs());
    sums.use = exam.fastTier();
    if (options.showAnswers) {
      printJson({{"seed", seed}, {"cache", describe(caches[cache])}, {"answer", answer->text}});
    }
  }
  return true;
}

int runExtract(const ExtractOptions& options, const CommandContext& context) {
  const std::vector<CacheOptions> caches = options.caches.resolve();
  const std::string filler = readFile(options.file);
  const std::unique_ptr<Session> session = openSession(options, context.stop);
  std::vector<Scores> scores(caches.size());
  for (int text = 0; text < options.texts; ++text) {
    if (!measure(options, *session, filler, options.seed + static_cast<std::uint64_t>(text), caches,
                 scores, context.stop)) {
      return ExitCode::kInterrupted;
    }
  }
  for (std::size_t cache = 0; cache < caches.size(); ++cache) {
    if (options.json || options.showAnswers) {
      printJson(describe(caches[cache], scores[cache], scores.front(), options));
    } else {
      std::printf("%-5s k %-5s: %5.1f %% of the cells, %5.1f %% of the rows right\n",
                  bitsName(caches[cache]).c_str(),
                  caches[cache].usesCopy() ? pairsName(caches[cache].pairs).c_str() : "-",
                  100 * mean(scores[cache].cells), 100 * mean(scores[cache].rows));
    }
  }
  return ExitCode::kDone;
}

}  // namespace

void addEvalExtractCommand(CommandLine& line) {
  auto options = std::make_shared<ExtractOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(
      line, "extract",
      "A table in a text, given back as JSON: JSON lines {task, tokens, cache, tables, cellsRight, "
      "rowsRight, exactCellsRight, wellFormed, sameAsExact}",
      "bookwheel-cli eval extract book.txt --model qwen-1.5b --tokens 8192 --bits k2v2 --rows 20",
      ModelOption::Required, *options,
      [options](const CommandContext& context) { return runExtract(*options, context); });
  command.add_option("FILE", options->file, "Plain text in UTF-8 around the table")->required();
  command.add_option("--tokens", options->tokens, "Length of the text with its table")
      ->check(CLI::Range(std::int64_t{64}, std::int64_t{1} << 31))
      ->capture_default_str();
  command.add_option("--depth", options->depth, "Where the table lies: 0 the beginning, 1 the end")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--rows", options->rows, "Rows of a table")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--texts", options->texts, "Tables, with seeds that follow --seed")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_flag("--answers", options->showAnswers, "A line of JSON for each answer as well");
  addSessionOptions(command, *options);
  options->caches.addTo(command);
}

}  // namespace bookwheel
