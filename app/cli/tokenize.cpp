// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli tokenize: text to token ids and their byte ranges.
#include "app/cli/command.h"
#include "engine/model/gguf.h"

#include <array>
#include <iostream>

namespace bookwheel {

namespace {

struct TokenizeOptions : CommonOptions {
  std::string file;
  bool special = false;
};

int runTokenize(const TokenizeOptions& options) {
  const Gguf model = Gguf::open(findModel(options.model));
  const std::unique_ptr<Tokenizer> tokenizer = Tokenizer::create(model);
  const std::array<PromptPiece, 1> pieces{
      {{readFile(options.file), options.special ? PieceKind::Markup : PieceKind::Text}}};
  const Encoding encoding = tokenizer->encode(pieces, Tokenizer::Bos::None);
  if (options.json) {
    Json ranges = Json::array();
    for (const ByteRange& range : encoding.ranges) {
      ranges.push_back({range.begin, range.end});
    }
    printJson({{"ids", encoding.ids}, {"ranges", ranges}});
    return ExitCode::kDone;
  }
  const char* separator = "";
  for (const TokenId id : encoding.ids) {
    std::cout << separator << id;
    separator = " ";
  }
  std::cout << '\n';
  return ExitCode::kDone;
}

}  // namespace

void addTokenizeCommand(CommandLine& line) {
  auto options = std::make_shared<TokenizeOptions>();  // owners: the parser and the command
  CLI::App& command =
      addCommand(line, "tokenize", "Turns text into token ids",
                 "echo 'Call me Ishmael.' | bookwheel-cli tokenize --model qwen-1.5b --json",
                 ModelOption::Required, *options,
                 [options](const CommandContext&) { return runTokenize(*options); });
  command.add_flag("--special", options->special, "Recognize special tokens written in the text");
  command.add_option("FILE", options->file, "Text file; standard input if left out");
}

}  // namespace bookwheel
