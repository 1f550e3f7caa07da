// SPDX-License-Identifier: Apache-2.0
// Progress: one line on standard error that is written over, for people who watch.
#pragma once

#include "engine/run/stats.h"

#include <chrono>
#include <cstddef>
#include <string>

namespace bookwheel {

/// Shows nothing unless standard error is a terminal or `always`. The line is wiped by the
/// destructor.
class Progress {
 public:
  explicit Progress(bool always);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void showLoading(double share);
  void showReading(const PrefillStats& stats);
  void showPages(int done, int total);
  void wipe();

 private:
  void show(const std::string& line);

  const bool m_on;
  const bool m_terminal;
  std::size_t m_shown = 0;  // columns on the line
  std::chrono::steady_clock::time_point m_lastShown{};
};

/// 131402 -> "131,402".
std::string grouped(std::int64_t number);
/// 75 -> "1 min 15 s".
std::string duration(double seconds);

}  // namespace bookwheel
