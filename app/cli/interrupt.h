// SPDX-License-Identifier: Apache-2.0
// Interrupt: Ctrl-C and SIGTERM as a stop token.
#pragma once

#include <stop_token>
#include <thread>

namespace bookwheel {

/// While it lives, the first SIGINT or SIGTERM triggers stopToken() and the second ends the process
/// with exit code 130 at once. One object at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token stopToken() const { return m_source.get_token(); }
  /// True as soon as a signal came: earlier than the stop token, which another thread triggers.
  static bool signalled();

 private:
  void watch();

  std::stop_source m_source;
  std::jthread m_watcher;
};

}  // namespace bookwheel
