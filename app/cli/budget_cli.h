// SPDX-License-Identifier: Apache-2.0
// --budget of commands that open a session: the planner chooses the cache and where its 16 bits
// live.
#pragma once

#include "app/cli/cache_options_cli.h"
#include "app/cli/command.h"

#include <span>
#include <string>
#include <string_view>

namespace bookwheel {

void addBudgetOption(CLI::App& command, std::string& budget);

/// What is going to be held: the prompt of `document` and `messages` (none: only the document's
/// prefix) and an answer.
struct BudgetedText {
  std::string_view document;
  std::span<const ChatMessage> messages;
  std::int64_t answerTokens = 0;
};

/// Opens the model file for its shape and tokenizer alone, counts the text, and sets session.cache
/// and, unless --capacity said otherwise, options.capacity to what choosePlan() takes for the
/// budget. Cache switches that were given stand, and are held against the budget. Throws
/// CommandError: wrong usage for a budget that is no size, DoesNotFit with the plan's reason.
void chooseByBudget(CommonOptions& options, const std::string& budget, const CacheSwitches& given,
                    const BudgetedText& text, SessionOptions& session);

}  // namespace bookwheel
