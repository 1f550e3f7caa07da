// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli detokenize: token ids to text.
#include "app/cli/command.h"
#include "engine/model/gguf.h"

#include <iostream>

namespace bookwheel {

namespace {

struct DetokenizeOptions : CommonOptions {
  std::string file;
  bool special = false;
};

std::vector<TokenId> parseIds(const std::string& text, int vocabulary) {
  const Json json = Json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) {
    throw CommandError(ExitCode::kFailed,
                       "The token ids must be a JSON array of numbers, such as [1, 2, 3].");
  }
  std::vector<TokenId> ids;
  ids.reserve(json.size());
  for (const Json& element : json) {
    const bool inRange = element.is_number_integer() && element >= 0 && element < vocabulary;
    if (!inRange) {
      throw CommandError(ExitCode::kFailed, "Element " + std::to_string(ids.size()) +
                                                " of the array, " + element.dump() +
                                                ", is no token id from 0 to " +
                                                std::to_string(vocabulary - 1) + ".");
    }
    ids.push_back(element.get<TokenId>());
  }
  return ids;
}

int runDetokenize(const DetokenizeOptions& options) {
  const Gguf model = Gguf::open(findModel(options.model));
  const std::unique_ptr<Tokenizer> tokenizer = Tokenizer::create(model);
  const std::vector<TokenId> ids = parseIds(readFile(options.file), tokenizer->vocabularySize());
  const std::string text =
      tokenizer->decode(ids, options.special ? Tokenizer::Control::Show : Tokenizer::Control::Hide);
  if (options.json) {
    printJson({{"text", text}});
  } else {
    std::cout << text;
  }
  return ExitCode::kDone;
}

}  // namespace

void addDetokenizeCommand(CommandLine& line) {
  auto options = std::make_shared<DetokenizeOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(
      line, "detokenize", "Turns token ids into text",
      "echo '[7061, 752]' | bookwheel-cli detokenize --model qwen-1.5b", ModelOption::Required,
      *options, [options](const CommandContext&) { return runDetokenize(*options); });
  command.add_flag("--special", options->special, "Show the text of special tokens too");
  command.add_option("FILE", options->file, "File with a JSON array; standard input if left out");
}

}  // namespace bookwheel
