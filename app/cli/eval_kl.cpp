// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli eval kl: the divergence of a cache from the exact one at the end of a long text.
#include "app/cli/cache_options_cli.h"
#include "app/cli/eval.h"
#include "app/cli/eval_teacher.h"
#include "app/cli/progress.h"

#include <iostream>

namespace bookwheel {

namespace {

struct KlOptions : CommonOptions {
  std::string file;
  std::int64_t tokens = 0;
  std::int64_t positions = 256;
  std::int64_t skip = 0;
  CacheSwitches cache;
  StepActivations activations;
};

int runKl(const KlOptions& options, const CommandContext& context) {
  const CacheOptions cache = options.cache.resolve(defaultComparedCache());
  if (options.positions >= options.tokens) {
    throw CommandError(ExitCode::kUsage, "--positions " + grouped(options.positions) +
                                             " leaves nothing to read of --tokens " +
                                             grouped(options.tokens) + ".");
  }
  const std::string text = readFile(options.file);
  SessionOptions sessionOptions;
  sessionOptions.activations = options.activations.choice();
  const std::unique_ptr<Session> session = openSession(options, context.stop, sessionOptions);
  TeacherText taken =
      takeText(*session, text, options.file, options.skip, options.tokens, options.positions);
  Progress progress(options.progress);
  Teacher teacher(*session);
  if (!teacher.begin(
          std::move(taken), [&](const PrefillStats& stats) { progress.showReading(stats); },
          context.stop)) {
    return ExitCode::kInterrupted;
  }
  progress.wipe();
  const std::optional<TeacherResult> result = teacher.compare(cache, context.stop);
  if (!result) {
    return ExitCode::kInterrupted;
  }
  Json json = describe(*result, options.seed);
  json["tokens"] = options.tokens;
  json["skip"] = options.skip;
  json["seed"] = options.seed;
  json["activations"] = options.activations.name();
  json["cache"] = describe(cache);
  if (options.json) {
    printJson(json);
  } else {
    for (const auto& [key, value] : json.items()) {
      std::cout << key << ": " << value.dump() << '\n';
    }
  }
  return ExitCode::kDone;
}

}  // namespace

void addEvalKlCommand(CommandLine& line) {
  auto options = std::make_shared<KlOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(
      line, "kl", "Divergence from the exact cache over the last positions of a long text",
      "bookwheel-cli eval kl book.txt --model qwen-1.5b --tokens 8192 --bits k2v2 --k 256 --json",
      ModelOption::Required, *options,
      [options](const CommandContext& context) { return runKl(*options, context); });
  command.add_option("FILE", options->file, "Plain text in UTF-8 (-: standard input)")->required();
  command.add_option("--tokens", options->tokens, "Tokens of the text, compared ones included")
      ->required()
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{1} << 31));
  command.add_option("--positions", options->positions, "Positions compared, at the end")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command.add_option("--skip", options->skip, "Tokens of the text before the passage")
      ->check(CLI::NonNegativeNumber);
  addSessionOptions(command, *options);
  options->cache.addTo(command);
  options->activations.addTo(command);
}

}  // namespace bookwheel
