// SPDX-License-Identifier: Apache-2.0
// How a command fails: one sentence and an exit code.
#pragma once

#include <stdexcept>
#include <string>

namespace bookwheel {

struct ExitCode {
  static constexpr int kDone = 0;
  static constexpr int kFailed = 1;
  static constexpr int kUsage = 2;
  static constexpr int kDoesNotFit = 3;
  static constexpr int kInterrupted = 130;
};

/// A failure of the command line's own: one sentence and the exit code.
class CommandError : public std::runtime_error {
 public:
  CommandError(int exitCode, const std::string& sentence)
      : std::runtime_error(sentence), m_exitCode(exitCode) {}
  int exitCode() const { return m_exitCode; }

 private:
  int m_exitCode;
};

}  // namespace bookwheel
