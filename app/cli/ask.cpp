// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli ask: a question, about a document or not, and its answer.
#include "app/cli/budget_cli.h"
#include "app/cli/cache_options_cli.h"
#include "app/cli/cache_report.h"
#include "app/cli/command.h"
#include "app/cli/progress.h"
#include "app/cli/read_text.h"

#include <array>
#include <iostream>
#include <sstream>

namespace bookwheel {

namespace {

struct AskOptions : CommonOptions {
  std::string document;
  std::string password;
  std::string questionFile;
  std::string question;
  std::string budget;
  AnswerOptions answer;
  CacheSwitches cache;
};

std::vector<std::string> questionsOf(const AskOptions& options) {
  if (options.questionFile.empty()) {
    return {options.question};
  }
  std::vector<std::string> questions;
  std::istringstream lines(readFile(options.questionFile));
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) {
      questions.push_back(line);
    }
  }
  if (questions.empty()) {
    throw CommandError(ExitCode::kFailed,
                       "The file " + options.questionFile + " has no question in it.");
  }
  return questions;
}

/// What the answer's steps did with the cache. With the exact one nothing is guessed or fetched,
/// and the 16-bit KV is all there is.
Json describe(const PairTotals& pairs, const Session& session) {
  const bool copy = session.cacheOptions().usesCopy();
  const FastTierUse fast = session.fastTier();
  return {{"hitRate", pairs.hitRate()},
          {"speculativeAccuracy", pairs.speculativeAccuracy()},
          {"compressionRatio", copy ? fast.compressionRatio : 1},
          {"fastBytes", copy ? fast.bytes() : session.memory().kvBytes},
          {"fetchedBytesPerToken", pairs.fetchedBytesPerToken()},
          {"exposedFetchShare", pairs.exposedFetchShare()},
          {"cache", describe(session.cacheOptions())}};
}

Json describe(const Answer& answer, const Json& stats) {
  return Json{
      {"answer", answer.text},
      {"stopReason", name(answer.stopReason)},
      {"promptTokens", answer.promptTokens},
      {"tokensFromStore", answer.promptTokensFromCache},
      {"answerTokens", answer.tokens.size()},
      {"readSeconds", answer.readSeconds},
      {"firstTokenSeconds", answer.firstTokenSeconds},
      {"tokensPerSecond", answer.tokensPerSecond},
      {"stats", stats},
      {"passages", Json::array()},
  };
}

/// The token counts of document and question against the model's, before anything is read.
void requireRoom(const Session& session, std::int64_t promptTokens, bool hasDocument) {
  if (promptTokens < session.contextTokens()) {
    return;
  }
  throw CommandError(
      ExitCode::kDoesNotFit,
      std::string(hasDocument ? "The document and the question have " : "The question has ") +
          grouped(promptTokens) + " tokens; this model reads " + grouped(session.contextTokens()) +
          " with the answer. Choose a part of the text or a model with a longer context.");
}

int runAsk(AskOptions options, const CommandContext& context) {
  options.answer.sampling.seed = options.seed;
  SessionOptions sessionOptions;
  sessionOptions.cache = options.cache.resolve();
  const std::vector<std::string> questions = questionsOf(options);
  DocumentText document{};
  if (!options.document.empty()) {
    document = readText(options.document, options.password, options.progress);
    for (const std::string& warning : document.warnings) {
      std::cerr << warning << '\n';
    }
  }
  if (!options.budget.empty()) {
    const std::array<ChatMessage, 1> first{{{Role::User, questions.front()}}};
    chooseByBudget(options, options.budget, options.cache,
                   {document.text, first, options.answer.maxTokens}, sessionOptions);
  }
  const std::unique_ptr<Session> session = openSession(options, context.stop, sessionOptions);
  const std::string notice = session->chatTemplate().notice();
  if (!notice.empty()) {
    std::cerr << notice << '\n';
  }

  const bool jsonLines = options.json || !options.questionFile.empty();
  for (const std::string& question : questions) {
    const std::array<ChatMessage, 1> messages{{{Role::User, question}}};
    const Encoding prompt = session->tokenizer().encode(
        session->chatTemplate().prompt(document.text, messages), Tokenizer::Bos::AsModel);
    requireRoom(*session, static_cast<std::int64_t>(prompt.ids.size()), !document.text.empty());

    Progress progress(options.progress);
    PairTotals pairs;
    const Answer answer = session->answer(
        prompt.ids, options.answer, [&](const PrefillStats& stats) { progress.showReading(stats); },
        [&](TokenId, std::string_view text, const StepStats& step) {
          progress.wipe();
          pairs.add(step);
          if (!jsonLines) {
            std::cout << text << std::flush;
          }
        },
        context.stop);
    if (jsonLines) {
      Json json = describe(answer, describe(pairs, *session));
      if (!options.questionFile.empty()) {
        json["question"] = question;
      }
      printJson(json);
    } else {
      std::cout << std::endl;
    }
    if (answer.stopReason == StopReason::Stopped) {
      return ExitCode::kInterrupted;
    }
    if (answer.stopReason == StopReason::MaxTokens && !jsonLines) {
      std::cerr << "The answer was ended after " << answer.tokens.size()
                << " tokens (--max-tokens).\n";
    } else if (answer.stopReason == StopReason::ContextFull && !jsonLines) {
      std::cerr << "The answer ends here: all " << grouped(session->contextTokens())
                << " tokens that this model reads are in use.\n";
    }
  }
  return ExitCode::kDone;
}

}  // namespace

void addAskCommand(CommandLine& line) {
  auto options = std::make_shared<AskOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(
      line, "ask", "Answers a question, about a document if one is given",
      "bookwheel-cli ask --model qwen-1.5b --document report.pdf 'What was decided in March?'",
      ModelOption::Required, *options,
      [options](const CommandContext& context) { return runAsk(*options, context); });
  command.add_option("--document", options->document, "Text, Markdown, HTML or PDF to read first");
  command.add_option("--password", options->password, "Opens a protected document");
  addSamplingOptions(command, options->answer);
  addSessionOptions(command, *options);
  addBudgetOption(command, options->budget);
  options->cache.addTo(command);
  CLI::Option_group& source = *command.add_option_group("Question");
  source.add_option("QUESTION", options->question, "The question");
  source.add_option(
      "--questions", options->questionFile,
      "File with a question a line: the document is read once, a line of JSON for each answer");
  source.require_option(1);
}

}  // namespace bookwheel
