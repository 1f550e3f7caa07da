// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli eval: how near answers stay to those of the exact cache, one subcommand a file.
#pragma once

#include "app/cli/command.h"

namespace bookwheel {

void addEvalCommand(CommandLine& line);

void addEvalKlCommand(CommandLine& line);
void addEvalGridCommand(CommandLine& line);
void addEvalNeedleCommand(CommandLine& line);
void addEvalExtractCommand(CommandLine& line);
void addEvalDriftCommand(CommandLine& line);
void addEvalLongBenchCommand(CommandLine& line);

}  // namespace bookwheel
