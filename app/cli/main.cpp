// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli: the engine without a window.
#include "app/cli/command.h"
#include "app/cli/eval.h"
#include "app/cli/interrupt.h"
#include "engine/error.h"

#include <QCoreApplication>

#include <cstdio>
#include <iostream>
#include <new>

namespace bookwheel {
namespace {

int fail(int exitCode, const char* sentence) {
  std::cout << std::flush;
  std::fprintf(stderr, "bookwheel-cli: %s\n", sentence);
  return exitCode;
}

int runCommandLine(int argc, char** argv) {
  CLI::App app("Reads long documents with a local language model and answers about them.",
               "bookwheel-cli");
  app.require_subcommand(1);
  app.set_version_flag("--version", BOOKWHEEL_VERSION);
  app.footer("bookwheel-cli COMMAND --help shows a command's options and an example.");

  CommandLine line{app, {}};
  addInfoCommand(line);
  addTokenizeCommand(line);
  addDetokenizeCommand(line);
  addDocumentCommand(line);
  addPlanCommand(line);
  addAskCommand(line);
  addChatCommand(line);
  addPerplexityCommand(line);
  addBenchCommand(line);
  addEvalCommand(line);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Zero: --help and --version. All others are wrong usage.
    return app.exit(error) == 0 ? ExitCode::kDone : ExitCode::kUsage;
  }

  try {
    const Interrupt interrupt;
    const int code = line.chosen({interrupt.stopToken()});
    std::cout << std::flush;
    if (!std::cout) {
      return fail(ExitCode::kFailed, "The output could not be written.");
    }
    // A prompt that a signal ended looks like the end of the input.
    return code == ExitCode::kDone && Interrupt::signalled() ? ExitCode::kInterrupted : code;
  } catch (const CommandError& error) {
    return fail(error.exitCode(), error.what());
  } catch (const Error& error) {
    return fail(error.code() == ErrorCode::DoesNotFit ? ExitCode::kDoesNotFit : ExitCode::kFailed,
                error.what());
  } catch (const std::bad_alloc&) {
    return fail(ExitCode::kFailed,
                "The system has no memory left; close other programs or choose a smaller model.");
  } catch (const std::exception& error) {
    return fail(ExitCode::kFailed, error.what());
  }
}

}  // namespace
}  // namespace bookwheel

int main(int argc, char** argv) {
  // For the helper process that reads documents.
  const QCoreApplication application(argc, argv);
  QCoreApplication::setApplicationName(QStringLiteral("bookwheel"));
  return bookwheel::runCommandLine(argc, argv);
}
