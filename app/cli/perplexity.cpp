// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli perplexity: how well a model predicts a text, teacher-forced, and how near it is to
// a reference.
#include "app/cli/command.h"
#include "app/cli/eval_distributions.h"
#include "app/cli/eval_statistics.h"
#include "app/cli/progress.h"
#include "app/cli/reference_logits.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <numeric>
#include <optional>

namespace bookwheel {

namespace {

struct PerplexityOptions : CommonOptions {
  std::string file;
  std::int64_t tokens = 0;
  int top = 0;
  std::string against;
  std::string save;
  bool floatActivations = false;
};

/// Divergence of distributions from those of a reference.
class Comparison {
 public:
  explicit Comparison(const std::string& path) : m_reference(path) {}

  ReferenceLogits& reference() { return m_reference; }

  void add(std::int64_t position, std::span<const float> logProbabilities) {
    const std::span<const float> expected = m_reference.row(position);
    m_divergences.push_back(divergence(expected, logProbabilities));
    m_sameTop += likeliest(expected) == likeliest(logProbabilities) ? 1 : 0;
  }

  /// Position 0 is left out of the means: after a lone first token the models' attention sinks make
  /// its distribution an extreme that says nothing about reading.
  Json result() {
    const auto count = static_cast<double>(m_divergences.size());
    const std::vector<double> behindFirst(
        m_divergences.begin() + std::min<std::ptrdiff_t>(1, std::ssize(m_divergences)),
        m_divergences.end());
    return {{"meanKl", mean(behindFirst)},
            {"p999Kl", quantile(behindFirst, 0.999)},
            {"sameTop1", count > 0 ? static_cast<double>(m_sameTop) / count : 0},
            {"firstPositionKl", m_divergences.empty() ? 0 : m_divergences.front()}};
  }

 private:
  ReferenceLogits m_reference;
  std::vector<double> m_divergences;
  std::int64_t m_sameTop = 0;
};

Json topOf(std::span<const float> logProbabilities, int count) {
  std::vector<TokenId> ids(logProbabilities.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto logProbability = [&](TokenId id) {
    return logProbabilities[static_cast<std::size_t>(id)];
  };
  const auto end = ids.begin() + std::min<std::ptrdiff_t>(count, std::ssize(ids));
  std::partial_sort(ids.begin(), end, ids.end(), [&](TokenId a, TokenId b) {
    return logProbability(a) > logProbability(b) ||
           (logProbability(a) == logProbability(b) && a < b);
  });
  Json top = Json::array();
  for (auto id = ids.begin(); id != end; ++id) {
    top.push_back({*id, logProbability(*id)});
  }
  return top;
}

std::vector<TokenId> tokensOf(const PerplexityOptions& options, const Session& session,
                              std::optional<Comparison>& comparison) {
  std::vector<TokenId> tokens;
  if (comparison) {
    const std::span<const TokenId> reference = comparison->reference().tokens();
    tokens.assign(reference.begin(), reference.end());
    if (comparison->reference().vocabulary() != session.shape().vocabulary) {
      throw CommandError(ExitCode::kFailed, "The reference has a vocabulary of " +
                                                grouped(comparison->reference().vocabulary()) +
                                                " tokens, the model " +
                                                grouped(session.shape().vocabulary) +
                                                "; they do not belong together.");
    }
  } else {
    const std::vector<PromptPiece> pieces{{readFile(options.file), PieceKind::Text}};
    tokens = session.tokenizer().encode(pieces, Tokenizer::Bos::AsModel).ids;
  }
  if (options.tokens > 0) {
    tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(options.tokens)));
  }
  if (tokens.size() < 2) {
    throw CommandError(ExitCode::kFailed, "The text has " + std::to_string(tokens.size()) +
                                              " tokens; a perplexity needs at least 2.");
  }
  if (static_cast<std::int64_t>(tokens.size()) > session.contextTokens()) {
    throw CommandError(ExitCode::kDoesNotFit, "The text has " + grouped(std::ssize(tokens)) +
                                                  " tokens; this model reads " +
                                                  grouped(session.contextTokens()) +
                                                  ". Take fewer with --tokens.");
  }
  return tokens;
}

int runPerplexity(const PerplexityOptions& options, const CommandContext& context) {
  std::optional<Comparison> comparison;
  if (!options.against.empty()) {
    comparison.emplace(options.against);
  }
  SessionOptions sessionOptions;
  sessionOptions.activations = options.floatActivations ? Activations::Float32 : Activations::Int8;
  const std::unique_ptr<Session> session = openSession(options, context.stop, sessionOptions);
  const std::vector<TokenId> tokens = tokensOf(options, *session, comparison);
  std::optional<ReferenceLogitsWriter> writer;
  if (!options.save.empty()) {
    writer.emplace(options.save, session->shape().vocabulary, tokens);
  }

  const auto start = std::chrono::steady_clock::now();
  const auto count = static_cast<std::int64_t>(tokens.size());
  Progress progress(options.progress);
  double nll = 0;
  std::int64_t scored = 0;
  std::vector<float> row;
  session->score(
      tokens,
      [&](std::int64_t position, std::span<const float> logits) {
        row.assign(logits.begin(), logits.end());
        toLogProbabilities(row);
        if (comparison) {
          comparison->add(position, row);
        }
        if (writer) {
          writer->add(row);
        }
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        progress.showReading(
            {position + 1, count, 0, seconds, static_cast<double>(position + 1) / seconds, -1, 0});
        if (position + 1 < count) {
          const TokenId next = tokens[static_cast<std::size_t>(position + 1)];
          const float logProbability = row[static_cast<std::size_t>(next)];
          nll -= static_cast<double>(logProbability);
          ++scored;
          if (options.top > 0) {
            printJson({{"position", position + 1},
                       {"token", next},
                       {"logProb", logProbability},
                       {"top", topOf(row, options.top)}});
          }
        }
      },
      context.stop);
  progress.wipe();
  if (context.stop.stop_requested()) {
    return ExitCode::kInterrupted;
  }
  if (writer) {
    writer->finish();
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double meanNll = nll / static_cast<double>(scored);
  Json result{{"tokens", count},
              {"meanNll", meanNll},
              {"perplexity", std::exp(meanNll)},
              {"tokensPerSecond", static_cast<double>(count) / seconds}};
  if (comparison) {
    result.update(comparison->result());
  }
  if (options.json || options.top > 0) {
    printJson(result);
  } else {
    for (const auto& [key, value] : result.items()) {
      std::cout << key << ": " << value.dump() << '\n';
    }
  }
  return ExitCode::kDone;
}

}  // namespace

void addPerplexityCommand(CommandLine& line) {
  auto options = std::make_shared<PerplexityOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(
      line, "perplexity", "Says how well a model predicts a text",
      "bookwheel-cli perplexity --model smollm2-135m pride.txt --tokens 2000",
      ModelOption::Required, *options,
      [options](const CommandContext& context) { return runPerplexity(*options, context); });
  addSessionOptions(command, *options);
  command.add_option("--tokens", options->tokens, "Only the first N tokens")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{1} << 31));
  command
      .add_option("--top", options->top,
                  "A line of JSON for each position with its K likeliest tokens")
      ->check(CLI::Range(1, 1000));
  command.add_option("--save", options->save,
                     "Write the distributions to a file of reference logits");
  command.add_flag("--float-activations", options->floatActivations,
                   "Without rounding activations to 8 bits: slow, for comparison");
  CLI::Option_group& source = *command.add_option_group("Text");
  source.add_option("FILE", options->file, "Plain text in UTF-8 (-: standard input)");
  source.add_option("--against", options->against,
                    "A file of reference logits: its tokens are scored and compared with it");
  source.require_option(1);
}

}  // namespace bookwheel
