// SPDX-License-Identifier: Apache-2.0
// What all commands share: options, exit codes, and how a command is put on the command line.
#include "app/cli/command.h"

#include "app/cli/progress.h"
#include "app/library/data_folders.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

namespace bookwheel {

CLI::App& addCommand(CommandLine& line, const std::string& name, const std::string& summary,
                     const std::string& example, ModelOption model, CommonOptions& options,
                     std::function<int(const CommandContext&)> run) {
  CLI::App& command = *line.app.add_subcommand(name, summary);
  command.footer("Example:\n  " + example);
  CLI::Option* modelOption = command.add_option(
      "--model", options.model, "Model file, or the name of one in the model folder");
  if (model == ModelOption::Required) {
    modelOption->required();
  }
  command.add_option("--threads", options.threads, "Processor threads (0: one for each core)")
      ->check(CLI::Range(0, 1024));
  command.add_option("--backend", options.backend, "auto, cpu or cuda")
      ->check(CLI::IsMember(std::set<std::string>{"auto", "cpu", "cuda"}));
  command.add_option("--seed", options.seed, "Seed of everything random");
  command.add_flag("--json", options.json, "Print JSON and nothing else");
  command.add_flag("--progress", options.progress,
                   "Show progress even if standard error is no terminal");
  command.callback([&line, run = std::move(run)] { line.chosen = run; });
  return command;
}

void addSessionOptions(CLI::App& command, CommonOptions& options) {
  command
      .add_option(
          "--capacity", options.capacity,
          "Where the complete 16-bit cache lives: ram (the default), or file (little memory, "
          "slower)")
      ->check(CLI::IsMember(std::set<std::string>{"ram", "file"}));
  command.add_option(
      "--capacity-folder", options.capacityFolder,
      "Folder of the cache's file, which is gone afterwards; the system's folder for "
      "temporary files if left out");
  command.add_option(
      "--extend-context", options.extension,
      "Read further than the model was trained to, by scaling positions: yarn:FACTOR "
      "or linear:FACTOR; answers get worse with the factor");
}

ContextExtension parseExtension(const std::string& text) {
  if (text.empty()) {
    return {};
  }
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  double factor = 0;
  if (colon != std::string::npos) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, factor);
    if (error != std::errc() || stop != end) {
      factor = 0;
    }
  }
  if ((kind != "yarn" && kind != "linear") || !(factor >= 1)) {
    throw CommandError(ExitCode::kUsage,
                       "--extend-context takes yarn:FACTOR or linear:FACTOR with a "
                       "factor of 1 or more, such as yarn:4, not \"" +
                           text + "\".");
  }
  return {kind == "yarn" ? RopeScalingKind::Yarn : RopeScalingKind::Linear, factor};
}

void addSamplingOptions(CLI::App& command, AnswerOptions& options) {
  SamplingOptions& sampling = options.sampling;
  command.add_option("--temperature", sampling.temperature, "0: always the likeliest token")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command.add_option("--top-k", sampling.topK, "Only the K likeliest tokens (0: off)")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--top-p", sampling.topP, "Only the likeliest tokens that reach P (1: off)")
      ->check(CLI::Range(0.0, 1.0));
  command
      .add_option("--min-p", sampling.minP,
                  "Only tokens with P times the likeliest's probability (0: off)")
      ->check(CLI::Range(0.0, 1.0));
  command
      .add_option("--repeat-penalty", sampling.repeatPenalty,
                  "Makes the answer's last 64 tokens less likely (1: off)")
      ->check(CLI::Range(0.01, 10.0));
  command.add_option("--max-tokens", options.maxTokens, "Longest answer")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

std::filesystem::path findModel(const std::string& model) {
  const std::filesystem::path asFile = model;
  std::error_code ignored;
  if (std::filesystem::exists(asFile, ignored) || asFile.extension() == ".gguf" ||
      model.find('/') != std::string::npos) {
    return asFile;
  }
  const std::filesystem::path folder = DataFolders::fromEnvironment().models.toStdString();
  const std::filesystem::path named = folder / (model + ".gguf");
  if (std::filesystem::exists(named, ignored)) {
    return named;
  }
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".gguf") {
      names.insert(entry.path().stem().string());
    }
  }
  std::string sentence =
      "There is no model file \"" + model + "\" and no model of that name in " + folder.string();
  if (names.empty()) {
    sentence += ", which holds none; scripts/get-model brings one.";
  } else {
    sentence += ", which has:";
    for (const std::string& known : names) {
      sentence += " " + known;
    }
    sentence += ".";
  }
  throw CommandError(ExitCode::kFailed, sentence);
}

std::unique_ptr<Session> openSession(const CommonOptions& options, const std::stop_token& stop,
                                     SessionOptions session) {
  if (options.backend == "cuda") {
    throw CommandError(ExitCode::kFailed,
                       "This build of bookwheel-cli has no CUDA backend; use --backend cpu.");
  }
  session.model = findModel(options.model);
  session.threads = options.threads;
  session.capacity = options.capacity == "file" ? CapacityPlace::File : CapacityPlace::Memory;
  session.capacityFolder = options.capacityFolder;
  const ContextExtension extension = parseExtension(options.extension);
  session.extension = extension.kind;
  session.extensionFactor = extension.factor;
  if (extension.kind != RopeScalingKind::None) {
    std::cerr << "The context is extended " << options.extension
              << ": the model was not trained on this, check its answers.\n";
  }
  Progress progress(options.progress);
  return Session::open(session, [&](double share) {
    if (stop.stop_requested()) {
      throw CommandError(ExitCode::kInterrupted, "Interrupted while the model was being loaded.");
    }
    progress.showLoading(share);
  });
}

void printJson(const Json& json) {
  // Bytes that are no UTF-8 (a name in a model file) become U+FFFD instead of an exception.
  std::cout << json.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
}

std::string readFile(const std::string& path) {
  if (path.empty() || path == "-") {
    return {std::istreambuf_iterator<char>(std::cin), {}};
  }
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  std::string bytes;
  if (file && !std::filesystem::is_directory(path, ignored)) {
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  } else {
    const int error = std::filesystem::is_directory(path, ignored) ? EISDIR : errno;
    throw CommandError(ExitCode::kFailed,
                       "The file " + path + " cannot be read: " + std::strerror(error) + ".");
  }
  if (file.bad()) {
    throw CommandError(ExitCode::kFailed, "Reading the file " + path + " failed half-way.");
  }
  return bytes;
}

const char* name(StopReason reason) {
  switch (reason) {
    case StopReason::EndOfAnswer:
      return "endOfAnswer";
    case StopReason::MaxTokens:
      return "maxTokens";
    case StopReason::Stopped:
      return "stopped";
    case StopReason::ContextFull:
      return "contextFull";
  }
  return "";
}

}  // namespace bookwheel
