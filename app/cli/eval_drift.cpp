// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli eval drift: where a long greedy answer leaves the exact cache's, and how far the
// caches are apart along it.
#include "app/cli/eval.h"
#include "app/cli/eval_exam.h"
#include "app/cli/eval_statistics.h"
#include "app/cli/eval_teacher.h"
#include "app/cli/progress.h"

#include <algorithm>
#include <iostream>

namespace bookwheel {

namespace {

constexpr std::int64_t kQuestionTokens = 256;
constexpr int kParts = 8;  // of the answer, in the curve of KL along it

struct DriftOptions : CommonOptions {
  std::string file;
  std::int64_t tokens = 8192;
  int answerTokens = 512;
  std::string question = "Retell the text in your own words, in order and in great detail.";
  ComparedCaches caches;
  StepActivations activations;
};

/// Mean KL of each of kParts equal parts; fewer if the answer is shorter.
Json curveOf(std::span<const double> kl) {
  Json curve = Json::array();
  const std::size_t parts = std::min<std::size_t>(kParts, kl.size());
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t begin = kl.size() * part / parts;
    const std::size_t end = kl.size() * (part + 1) / parts;
    curve.push_back(mean(kl.subspan(begin, end - begin)));
  }
  return curve;
}

int runDrift(const DriftOptions& options, const CommandContext& context) {
  const std::vector<CacheOptions> caches = options.caches.resolve();
  const std::string filler = readFile(options.file);
  SessionOptions sessionOptions;
  sessionOptions.activations = options.activations.choice();
  const std::unique_ptr<Session> session = openSession(options, context.stop, sessionOptions);
  Exam exam(*session, beginningOf(session->tokenizer(), filler, options.file, options.tokens));
  Progress progress(options.progress);
  if (!exam.read(
          kQuestionTokens + options.answerTokens,
          [&](const PrefillStats& stats) { progress.showReading(stats); }, context.stop)) {
    return ExitCode::kInterrupted;
  }
  progress.wipe();

  std::vector<std::vector<TokenId>> answers;
  for (const CacheOptions& cache : caches) {
    exam.use(cache);
    std::optional<ExamAnswer> answer =
        exam.ask(options.question, options.answerTokens, context.stop);
    if (!answer) {
      return ExitCode::kInterrupted;
    }
    answers.push_back(std::move(answer->tokens));
  }
  const std::vector<TokenId>& exact = answers.front();
  if (exact.empty()) {
    throw CommandError(ExitCode::kFailed,
                       "The model ended its answer at once; ask something else with --question.");
  }

  // Along the exact answer: each cache is fed the same tokens.
  std::vector<TokenId> sequence = exam.promptTokens(options.question);
  const auto from = static_cast<std::int64_t>(sequence.size()) - 1;
  sequence.insert(sequence.end(), exact.begin(), exact.end() - 1);
  Teacher teacher(*session);
  if (!teacher.begin({sequence, from, exact.back()}, {}, context.stop)) {
    return ExitCode::kInterrupted;
  }
  for (std::size_t cache = 1; cache < caches.size(); ++cache) {
    const std::optional<TeacherResult> result = teacher.compare(caches[cache], context.stop);
    if (!result) {
      return ExitCode::kInterrupted;
    }
    const std::vector<TokenId>& answer = answers[cache];
    const auto same =
        std::mismatch(exact.begin(), exact.end(), answer.begin(), answer.end()).first -
        exact.begin();
    const bool equal = exact == answer;
    Json line{{"task", "drift"},
              {"tokens", options.tokens},
              {"activations", options.activations.name()},
              {"cache", describe(caches[cache])},
              {"answerTokens", exact.size()},
              {"sameTokens", same},
              {"divergesAt", equal ? Json(nullptr) : Json(same)}};
    line.update(describe(*result, options.seed));
    line["klAlong"] = curveOf(result->kl);
    if (options.json) {
      printJson(line);
    } else {
      std::printf(
          "%-5s k %-5s: %lld of %zu tokens as with the exact cache; mean KL along it %.5f\n",
          bitsName(caches[cache]).c_str(), pairsName(caches[cache].pairs).c_str(),
          static_cast<long long>(same), exact.size(), mean(result->kl));
    }
  }
  return ExitCode::kDone;
}

}  // namespace

void addEvalDriftCommand(CommandLine& line) {
  auto options = std::make_shared<DriftOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(
      line, "drift",
      "A long greedy answer with each cache: JSON lines {task, tokens, cache, answerTokens, "
      "sameTokens, divergesAt, klAlong} and the keys of eval kl along the exact answer",
      "bookwheel-cli eval drift book.txt --model qwen-1.5b --tokens 8192 --answer 512 --bits k1v1 "
      "--k 1024",
      ModelOption::Required, *options,
      [options](const CommandContext& context) { return runDrift(*options, context); });
  command.add_option("FILE", options->file, "Plain text in UTF-8")->required();
  command.add_option("--tokens", options->tokens, "Tokens of the text that are read")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 31))
      ->capture_default_str();
  command.add_option("--answer", options->answerTokens, "Longest answer in tokens")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command.add_option("--question", options->question, "What is asked")->capture_default_str();
  addSessionOptions(command, *options);
  options->caches.addTo(command);
  options->activations.addTo(command);
}

}  // namespace bookwheel
