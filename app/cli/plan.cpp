// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli plan: the memory a model and a document take, or why they do not fit.
#include "app/cli/cache_options_cli.h"
#include "app/cli/command.h"
#include "app/cli/progress.h"
#include "app/cli/sizes.h"
#include "engine/cache/available_memory.h"
#include "engine/cache/planner.h"
#include "engine/model/gguf.h"
#include "engine/model/weights.h"

#include <cstdio>
#include <iostream>

namespace bookwheel {

namespace {

struct PlanOptions : CommonOptions {
  std::int64_t tokens = 0;
  std::string budget;
  CacheSwitches cache;
};

Json describe(const MemoryPlan& plan, const PlanRequest& request) {
  const CacheOptions& cache = request.cache;
  const bool copy = cache.usesCopy();
  const auto ifCopy = [&](const Json& value) { return copy ? value : Json(nullptr); };
  const FastTierUse& fast = plan.fastTier;
  return Json{
      {"fits", plan.fits},
      {"reason", plan.reason},
      {"bits", describeBits(cache)},
      {"group", ifCopy(cache.group)},
      {"residual", ifCopy(cache.residualTokens)},
      {"sinks", ifCopy(cache.sinkTokens)},
      {"k", describePairs(cache)},
      {"capacityTier",
       {{"where", request.capacity == CapacityPlace::File ? "file" : "ram"},
        {"bytes", plan.kvBytes},
        {"memoryBytes", plan.kvMemoryBytes}}},
      {"fastTier", ifCopy({{"copyBytes", fast.copyBytes},
                           {"islandBytes", fast.islandBytes},
                           {"bufferBytes", fast.bufferBytes},
                           {"bytes", fast.bytes()}})},
      {"weightsBytes", plan.weightsBytes},
      {"workspaceBytes", plan.workspaceBytes},
      {"readingBytes", plan.layerBytes},
      {"totalFastBytes", plan.totalBytes},
      {"bitsPerElement", copy ? fast.bitsPerElement : 16},
      {"compressionRatio", copy ? fast.compressionRatio : 1},
  };
}

void print(const MemoryPlan& plan, const PlanRequest& request) {
  std::cout << grouped(plan.tokens) << " tokens take " << formatSize(plan.totalBytes)
            << " of memory: weights " << formatSize(plan.weightsBytes) << ", 16-bit cache "
            << formatSize(plan.kvMemoryBytes) << ", workspace " << formatSize(plan.workspaceBytes);
  if (plan.copyBytes > 0) {
    std::cout << ", low-bit copy " << formatSize(plan.copyBytes);
  }
  if (request.capacity == CapacityPlace::File) {
    std::cout << ", a layer at a time while reading " << formatSize(plan.layerBytes) << "; "
              << formatSize(plan.kvBytes) << " of 16-bit cache are in a file";
  }
  std::cout << ".\n";
  if (request.cache.usesCopy()) {
    std::printf(
        "A fast tier of its own holds all of it in %s: %.2f bits an element, %.1f times "
        "smaller.\n",
        formatSize(plan.fastTier.bytes()).c_str(), plan.fastTier.bitsPerElement,
        plan.fastTier.compressionRatio);
    std::fflush(stdout);
  }
  std::cout << "Up to " << grouped(plan.mostTokens) << " tokens fit in "
            << formatSize(request.availableBytes) << ".\n";
}

int runPlan(const PlanOptions& options) {
  const Gguf file = Gguf::open(findModel(options.model));
  ModelShape shape = readShape(file);
  const ContextExtension extension = parseExtension(options.extension);
  if (extension.kind != RopeScalingKind::None) {
    shape = extendContext(shape, extension.kind, extension.factor);
  }
  PlanRequest request;
  request.tokens = options.tokens;
  request.weightsBytes = static_cast<std::int64_t>(weightBytes(bindWeights(file, shape)));
  request.availableBytes =
      options.budget.empty() ? availableMemoryBytes() : parseSize(options.budget);
  request.threads = std::max(1, options.threads);
  // What is not said is chosen to fit the budget, or free memory.
  PlanChoice choice = choosePlan(shape, request);
  request.cache = options.cache.resolve(choice.cache);
  request.capacity = choice.capacity;
  if (!options.capacity.empty()) {
    request.capacity = options.capacity == "file" ? CapacityPlace::File : CapacityPlace::Memory;
  }
  const bool chosen = request.cache == choice.cache && request.capacity == choice.capacity;
  const MemoryPlan plan = chosen ? choice.plan : planMemory(shape, request);
  if (options.json) {
    printJson(describe(plan, request));
  } else if (plan.fits) {
    print(plan, request);
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
  addSessionOptions(command, *options);
  options->cache.addTo(command);
  command.add_option("--budget", options->budget,
                     "Memory to stay below, such as 6G; free memory if left out");
}

}  // namespace bookwheel
