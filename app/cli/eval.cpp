// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli eval: how near answers stay to those of the exact cache, one subcommand a file.
#include "app/cli/eval.h"

namespace bookwheel {

void addEvalCommand(CommandLine& line) {
  CLI::App& command = *line.app.add_subcommand(
      "eval", "Measures how near a low-bit cache's answers stay to the exact cache's");
  command.require_subcommand(1);
  command.footer(
      "Example:\n  bookwheel-cli eval kl book.txt --model qwen-1.5b --tokens 8192 --bits k2v2");
  // Owner: the callback. The subcommand's own callback runs first and chooses in here.
  auto nested = std::make_shared<CommandLine>(CommandLine{command, {}});
  addEvalKlCommand(*nested);
  addEvalGridCommand(*nested);
  addEvalNeedleCommand(*nested);
  addEvalExtractCommand(*nested);
  addEvalDriftCommand(*nested);
  addEvalLongBenchCommand(*nested);
  command.callback([&line, nested] { line.chosen = nested->chosen; });
}

}  // namespace bookwheel
