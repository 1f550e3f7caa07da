// SPDX-License-Identifier: Apache-2.0
// What all commands share: options, exit codes, and how a command is put on the command line.
#pragma once

#include "app/cli/command_error.h"
#include "engine/run/session.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>

namespace bookwheel {

/// Keys stay in the order they were added.
using Json = nlohmann::ordered_json;

/// Options every command has.
struct CommonOptions {
  std::string model;  // a file or a name
  int threads = 0;
  std::string backend = "auto";
  std::uint64_t seed = 0;
  bool json = false;
  bool progress = false;
  std::string capacity;        // "ram", "file" or nothing said: where the 16-bit cache lives
  std::string capacityFolder;  // of that file
  std::string extension;       // "yarn:4", "linear:2"; empty: the context the model was trained on
};

/// What a command gets besides its options.
struct CommandContext {
  std::stop_token stop;  // Ctrl-C
};

/// The program while the command line is read: commands register themselves and what to run.
struct CommandLine {
  CLI::App& app;
  /// Set by the parser to the chosen command; returns the exit code, may throw Error and
  /// CommandError.
  std::function<int(const CommandContext&)> chosen;
};

enum class ModelOption { None, Required };

/// Adds a subcommand with the common options. `example` is shown under its help. When it is
/// chosen, `run` becomes CommandLine::chosen.
CLI::App& addCommand(CommandLine& line, const std::string& name, const std::string& summary,
                     const std::string& example, ModelOption model, CommonOptions& options,
                     std::function<int(const CommandContext&)> run);

/// Adds --capacity, --capacity-folder and --extend-context, for commands that open a session or
/// plan one.
void addSessionOptions(CLI::App& command, CommonOptions& options);
/// A longer context, as --extend-context asks for it.
struct ContextExtension {
  RopeScalingKind kind = RopeScalingKind::None;
  double factor = 1;
};
/// Throws CommandError (wrong usage) for anything but KIND:FACTOR.
ContextExtension parseExtension(const std::string& text);

/// Adds --temperature and its like.
void addSamplingOptions(CLI::App& command, AnswerOptions& options);

/// The file behind --model: a path if it names a file or looks like one, else NAME.gguf in the
/// user's model folder. Throws CommandError with the names that are there.
std::filesystem::path findModel(const std::string& model);

/// Opens --model, with loading progress on standard error. Throws Error and CommandError, the
/// latter also when `stop` is requested meanwhile.
std::unique_ptr<Session> openSession(const CommonOptions& options, const std::stop_token& stop,
                                     SessionOptions session = {});

/// Prints one line of JSON to standard output, at once.
void printJson(const Json& json);

/// The whole file ("-" or "": standard input). Throws CommandError if that fails.
std::string readFile(const std::string& path);

const char* name(StopReason reason);  // "endOfAnswer", "maxTokens", ...

// One file each.
void addInfoCommand(CommandLine& line);
void addTokenizeCommand(CommandLine& line);
void addDetokenizeCommand(CommandLine& line);
void addDocumentCommand(CommandLine& line);
void addPlanCommand(CommandLine& line);
void addAskCommand(CommandLine& line);
void addChatCommand(CommandLine& line);
void addPerplexityCommand(CommandLine& line);
void addBenchCommand(CommandLine& line);

}  // namespace bookwheel
