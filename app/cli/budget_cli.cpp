// SPDX-License-Identifier: Apache-2.0
// --budget of commands that open a session: the planner chooses the cache and where its 16 bits
// live.
#include "app/cli/budget_cli.h"

#include "app/cli/sizes.h"
#include "engine/backend/thread_pool.h"
#include "engine/cache/planner.h"
#include "engine/model/gguf.h"
#include "engine/model/weights.h"

namespace bookwheel {

void addBudgetOption(CLI::App& command, std::string& budget) {
  command.add_option("--budget", budget,
                     "Memory to stay below, such as 6G: bits, pairs and the place of the 16-bit "
                     "cache are chosen for it");
}

void chooseByBudget(CommonOptions& options, const std::string& budget, const CacheSwitches& given,
                    const BudgetedText& text, SessionOptions& session) {
  PlanRequest request;
  request.availableBytes = parseSize(budget);
  const Gguf file = Gguf::open(findModel(options.model));
  ModelShape shape = readShape(file);
  const ContextExtension extension = parseExtension(options.extension);
  if (extension.kind != RopeScalingKind::None) {
    shape = extendContext(shape, extension.kind, extension.factor);
  }
  const std::unique_ptr<Tokenizer> tokenizer = Tokenizer::create(file);
  const ChatTemplate format = ChatTemplate::recognize(file, *tokenizer);
  const std::vector<PromptPiece> pieces = text.messages.empty()
                                              ? format.documentPrefix(text.document)
                                              : format.prompt(text.document, text.messages);
  const auto tokens =
      static_cast<std::int64_t>(tokenizer->encode(pieces, Tokenizer::Bos::AsModel).ids.size());
  // An answer may be cut short by the end of the context; a text may not.
  request.tokens = std::max(tokens, std::min(tokens + text.answerTokens, shape.contextTokens));
  request.weightsBytes = static_cast<std::int64_t>(weightBytes(bindWeights(file, shape)));
  request.threads = options.threads > 0 ? options.threads : ThreadPool::defaultThreads();
  const PlanChoice choice = choosePlan(shape, request);
  request.cache = given.resolve(choice.cache);
  request.capacity = options.capacity.empty()     ? choice.capacity
                     : options.capacity == "file" ? CapacityPlace::File
                                                  : CapacityPlace::Memory;
  const bool chosen = request.cache == choice.cache && request.capacity == choice.capacity;
  const MemoryPlan plan = chosen ? choice.plan : planMemory(shape, request);
  if (!plan.fits) {
    throw CommandError(ExitCode::kDoesNotFit, plan.reason);
  }
  session.cache = request.cache;
  options.capacity = request.capacity == CapacityPlace::File ? "file" : "ram";
}

}  // namespace bookwheel
