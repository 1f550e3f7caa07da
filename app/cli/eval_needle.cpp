// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli eval needle: facts hidden in a long text, asked for with each cache.
#include "app/cli/eval.h"
#include "app/cli/eval_exam.h"
#include "app/cli/eval_needle_tasks.h"
#include "app/cli/eval_statistics.h"
#include "app/cli/progress.h"

#include <algorithm>
#include <iostream>
#include <map>

namespace bookwheel {

namespace {

// Tokens of the chat format and of a question, on top of the text and the answer.
constexpr std::int64_t kQuestionTokens = 256;

struct NeedleOptions : CommonOptions {
  std::string file;
  std::vector<std::int64_t> lengths{8192};
  std::vector<double> depths{0, 0.25, 0.5, 0.75, 1};
  std::vector<std::string> kinds{"single", "multikey", "uuid", "multivalue", "variables"};
  int count = 10;
  int texts = 1;
  bool showAnswers = false;
  ComparedCaches caches;
};

/// The scores of one kind at one length with one cache.
struct Scores {
  std::vector<double> all;
  std::map<double, std::vector<double>> byDepth;

  void add(double depth, double score) {
    all.push_back(score);
    byDepth[depth].push_back(score);
  }
};

using KindScores = std::map<NeedleKind, Scores>;

Json describe(const std::map<double, std::vector<double>>& byDepth) {
  Json depths = Json::array();
  for (const auto& [depth, scores] : byDepth) {
    depths.push_back({{"depth", depth}, {"score", mean(scores)}, {"questions", scores.size()}});
  }
  return depths;
}

/// All caches on the texts of one length.
class NeedleRun {
 public:
  NeedleRun(const NeedleOptions& options, Session& session, std::string filler,
            std::vector<CacheOptions> caches)
      : m_options(options),
        m_session(session),
        m_filler(std::move(filler)),
        m_caches(std::move(caches)) {
    for (const std::string& kind : options.kinds) {
      m_kinds.push_back(parseNeedleKind(kind));
    }
  }

  /// False if stopped.
  bool measure(std::int64_t length, const std::stop_token& stop) {
    std::vector<KindScores> scores(m_caches.size());
    std::vector<FastTierUse> use(m_caches.size());
    std::vector<PairTotals> pairs(m_caches.size());
    for (int text = 0; text < m_options.texts; ++text) {
      const std::uint64_t seed = m_options.seed + static_cast<std::uint64_t>(text);
      const NeedleSet set = makeNeedles(m_kinds, m_options.depths, m_options.count, seed);
      Exam exam(m_session, haystack(length, set));
      Progress progress(m_options.progress);
      if (!exam.read(
              kQuestionTokens, [&](const PrefillStats& stats) { progress.showReading(stats); },
              stop)) {
        return false;
      }
      progress.wipe();
      for (std::size_t cache = 0; cache < m_caches.size(); ++cache) {
        exam.use(m_caches[cache]);
        if (!askAll(exam, set, m_caches[cache], seed, scores[cache], stop)) {
          return false;
        }
        use[cache] = exam.fastTier();
        pairs[cache].add(exam.pairs());
      }
    }
    for (std::size_t cache = 0; cache < m_caches.size(); ++cache) {
      for (const NeedleKind kind : m_kinds) {
        report(length, kind, m_caches[cache], scores[cache][kind], scores.front()[kind], use[cache],
               pairs[cache]);
      }
    }
    return true;
  }

 private:
  std::string haystack(std::int64_t length, const NeedleSet& set) const {
    std::int64_t needles = 0;
    for (const Insertion& needle : set.needles) {
      needles +=
          static_cast<std::int64_t>(m_session.tokenizer().encode("\n\n" + needle.text).ids.size());
    }
    if (needles >= length) {
      throw CommandError(ExitCode::kUsage, "The needles alone have " + grouped(needles) +
                                               " tokens, more than a text of " + grouped(length) +
                                               "; take fewer with --questions or longer texts.");
    }
    return insertInto(
        beginningOf(m_session.tokenizer(), m_filler, m_options.file, length - needles),
        set.needles);
  }

  bool askAll(Exam& exam, const NeedleSet& set, const CacheOptions& cache, std::uint64_t seed,
              KindScores& scores, const std::stop_token& stop) {
    for (const NeedleQuestion& question : set.questions) {
      const std::optional<ExamAnswer> answer =
          exam.ask(question.question, answerTokens(question.kind), stop);
      if (!answer) {
        return false;
      }
      const double score = needleScore(answer->text, question.expected);
      scores[question.kind].add(question.depth, score);
      if (m_options.showAnswers) {
        printJson({{"seed", seed},
                   {"kind", name(question.kind)},
                   {"depth", question.depth},
                   {"cache", describe(cache)},
                   {"question", question.question},
                   {"expected", question.expected},
                   {"answer", answer->text},
                   {"score", score}});
      }
    }
    return true;
  }

  void report(std::int64_t length, NeedleKind kind, const CacheOptions& cache, const Scores& scores,
              const Scores& exact, const FastTierUse& use, const PairTotals& pairs) const {
    const double score = mean(scores.all);
    const auto count = static_cast<std::int64_t>(scores.all.size());
    const Interval interval = shareInterval(score * static_cast<double>(count), count);
    const Json line{{"task", "needle"},
                    {"kind", name(kind)},
                    {"tokens", length},
                    {"cache", describe(cache)},
                    {"questions", count},
                    {"score", score},
                    {"interval", {interval.low, interval.high}},
                    {"exactScore", mean(exact.all)},
                    {"byDepth", describe(scores.byDepth)},
                    {"hitRate", pairs.hitRate()},
                    {"bitsPerElement", use.bitsPerElement},
                    {"seed", m_options.seed},
                    {"texts", m_options.texts}};
    if (m_options.json || m_options.showAnswers) {
      printJson(line);
    } else {
      std::printf("%7s tokens, %-10s %-5s k %-5s: %5.1f %% of %lld (exact %5.1f %%)\n",
                  grouped(length).c_str(), name(kind), bitsName(cache).c_str(),
                  cache.usesCopy() ? pairsName(cache.pairs).c_str() : "-", 100 * score,
                  static_cast<long long>(count), 100 * mean(exact.all));
      std::fflush(stdout);
    }
  }

  const NeedleOptions& m_options;
  Session& m_session;
  const std::string m_filler;
  const std::vector<CacheOptions> m_caches;
  std::vector<NeedleKind> m_kinds;
};

int runNeedle(const NeedleOptions& options, const CommandContext& context) {
  const std::vector<CacheOptions> caches = options.caches.resolve();
  for (const std::string& kind : options.kinds) {
    if (parseNeedleKind(kind) == NeedleKind::Single && options.count > kMostSingles) {
      throw CommandError(ExitCode::kUsage, "A text holds at most " + std::to_string(kMostSingles) +
                                               " single needles; ask more questions with --texts.");
    }
  }
  const std::string filler = readFile(options.file);
  const std::unique_ptr<Session> session = openSession(options, context.stop);
  NeedleRun run(options, *session, filler, caches);
  for (const std::int64_t length : options.lengths) {
    if (!run.measure(length, context.stop)) {
      return ExitCode::kInterrupted;
    }
  }
  return ExitCode::kDone;
}

}  // namespace

void addEvalNeedleCommand(CommandLine& line) {
  auto options = std::make_shared<NeedleOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(
      line, "needle",
      "Facts hidden in a text: JSON lines {task, kind, tokens, cache, questions, score, interval, "
      "exactScore, byDepth}",
      "bookwheel-cli eval needle book.txt --model qwen-1.5b --tokens 8192,24576 --bits k2v2\n"
      "      --also k1v1:1024,paper:k2v2:64 --questions 10 --texts 5 --json",
      ModelOption::Required, *options,
      [options](const CommandContext& context) { return runNeedle(*options, context); });
  command.add_option("FILE", options->file, "Plain text in UTF-8 to hide them in")->required();
  command.add_option("--tokens", options->lengths, "Lengths of the text with its needles")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{64}, std::int64_t{1} << 31))
      ->capture_default_str();
  command.add_option("--depths", options->depths, "Where needles lie: 0 the beginning, 1 the end")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--kinds", options->kinds, "Of single, multikey, uuid, multivalue, variables")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--questions", options->count, "Questions of each kind about a text")
      ->check(CLI::Range(1, 500))
      ->capture_default_str();
  command
      .add_option("--texts", options->texts, "Texts of each length, with seeds that follow --seed")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_flag("--answers", options->showAnswers, "A line of JSON for each answer as well");
  addSessionOptions(command, *options);
  options->caches.addTo(command);
}

}  // namespace bookwheel
