// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli info: what a model file is.
#include "app/cli/command.h"
#include "app/cli/progress.h"
#include "engine/model/gguf.h"

#include <iostream>
#include <map>

namespace bookwheel {

namespace {

const char* architectureName(Architecture architecture) {
  switch (architecture) {
    case Architecture::Llama:
      return "llama";
    case Architecture::Qwen2:
      return "qwen2";
  }
  return "";
}

std::string describe(const RopeScaling& scaling) {
  const auto factor = Json(scaling.factor).dump();
  switch (scaling.kind) {
    case RopeScalingKind::None:
      return "none";
    case RopeScalingKind::Linear:
      return "linear, factor " + factor;
    case RopeScalingKind::Yarn:
      return "YaRN, factor " + factor;
    case RopeScalingKind::Llama3:
      return "Llama 3";
  }
  return "";
}

Json describe(const Gguf& file, const Tokenizer& tokenizer, const ChatTemplate& chat) {
  const ModelShape shape = readShape(file);
  std::map<std::string, int> types;
  for (const GgufTensor& tensor : file.tensors()) {
    ++types[tensor.type.name()];
  }
  return Json{
      {"architecture", architectureName(shape.architecture)},
      {"name", shape.name},
      {"license", shape.license},
      {"layers", shape.layers},
      {"heads", shape.heads},
      {"kvHeads", shape.kvHeads},
      {"headDim", shape.headDim},
      {"embedding", shape.embedding},
      {"vocabulary", shape.vocabulary},
      {"contextTokens", shape.contextTokens},
      {"ropeBase", shape.ropeBase},
      {"ropeScaling", describe(shape.ropeScaling)},
      {"tokenizer", tokenizer.description()},
      {"chatTemplate", chat.name()},
      {"tensorTypes", types},
      {"fileBytes", file.fileBytes()},
  };
}

int runInfo(const CommonOptions& options) {
  const Gguf file = Gguf::open(findModel(options.model));
  const std::unique_ptr<Tokenizer> tokenizer = Tokenizer::create(file);
  const ChatTemplate chat = ChatTemplate::recognize(file, *tokenizer);
  const Json info = describe(file, *tokenizer, chat);
  if (options.json) {
    printJson(info);
    return ExitCode::kDone;
  }
  for (const auto& [key, value] : info.items()) {
    std::cout << key << ": ";
    if (value.is_string()) {
      std::cout << value.get<std::string>();
    } else if (value.is_number_integer()) {
      std::cout << grouped(value.get<std::int64_t>());
    } else {
      std::cout << value.dump();
    }
    std::cout << '\n';
  }
  if (!chat.notice().empty()) {
    std::cout << chat.notice() << '\n';
  }
  return ExitCode::kDone;
}

}  // namespace

void addInfoCommand(CommandLine& line) {
  auto options = std::make_shared<CommonOptions>();  // owners: the parser's options and the command
  addCommand(line, "info", "Says what a model file is",
             "bookwheel-cli info --model qwen-1.5b --json", ModelOption::Required, *options,
             [options](const CommandContext&) { return runInfo(*options); });
}

}  // namespace bookwheel
