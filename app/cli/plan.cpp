// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli plan: the memory a model and a document take, or why they do not fit.
#include "app/cli/command.h"
#include "app/cli/progress.h"
#include "app/cli/sizes.h"
#include "engine/cache/available_memory.h"
#include "engine/cache/planner.h"
#include "engine/model/gguf.h"
#include "engine/model/weights.h"

#include <iostream>

namespace bookwheel {

namespace {

struct PlanOptions : CommonOptions {
  std::int64_t tokens = 0;
  std::string budget;
};

Json describe(const MemoryPlan& plan) {
  // What belongs to a low-bit copy does not exist with the exact cache.
  return Json{
      {"fits", plan.fits},
      {"reason", plan.reason},
      {"bits", {{"keys", 16}, {"values", 16}}},
      {"group", nullptr},
      {"residual", nullptr},
      {"sinks", nullptr},
      {"k", nullptr},
      {"capacityTier", {{"where", "ram"}, {"bytes", plan.kvBytes}}},
      {"fastTier", nullptr},
      {"weightsBytes", plan.weightsBytes},
      {"workspaceBytes", plan.workspaceBytes},
      {"totalFastBytes", plan.totalBytes},
      {"bitsPerElement", 16},
      {"compressionRatio", 1},
  };
}

int runPlan(const PlanOptions& options) {
  const Gguf file = Gguf::open(findModel(options.model));
  const ModelShape shape = readShape(file);
  PlanRequest request;
  request.tokens = options.tokens;
  request.weightsBytes = static_cast<std::int64_t>(weightBytes(bindWeights(file, shape)));
  request.availableBytes =
      options.budget.empty() ? availableMemoryBytes() : parseSize(options.budget);
  request.threads = std::max(1, options.threads);
  const MemoryPlan plan = planMemory(shape, request);
  if (options.json) {
    printJson(describe(plan));
  } else if (plan.fits) {
    std::cout << grouped(plan.tokens) << " tokens take " << formatSize(plan.totalBytes)
              << " of memory: weights " << formatSize(plan.weightsBytes) << ", 16-bit cache "
              << formatSize(plan.kvBytes) << ", workspace " << formatSize(plan.workspaceBytes)
              << ".\nUp to " << grouped(plan.mostTokens) << " tokens fit in "
              << formatSize(request.availableBytes) << ".\n";
  } else {
    std::cout << plan.reason << '\n';
  }
  return plan.fits ? ExitCode::kDone : ExitCode::kDoesNotFit;
}

}  // namespace

void addPlanCommand(CommandLine& line) {
  auto options = std::make_shared<PlanOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(line, "plan", "Says how much memory a reading takes",
                                 "bookwheel-cli plan --model qwen-1.5b --tokens 30000 --budget 6G",
                                 ModelOption::Required, *options,
                                 [options](const CommandContext&) { return runPlan(*options); });
  command.add_option("--tokens", options->tokens, "Tokens of document, question and answer")
      ->required()
      ->check(CLI::NonNegativeNumber);
  command.add_option("--budget", options->budget,
                     "Memory to stay below, such as 6G; free memory if left out");
}

}  // namespace bookwheel
