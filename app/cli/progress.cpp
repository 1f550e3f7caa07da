// SPDX-License-Identifier: Apache-2.0
// Progress: one line on standard error that is written over, for people who watch.
#include "app/cli/progress.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace bookwheel {

namespace {

constexpr std::chrono::milliseconds kLeastInterval{100};

}  // namespace

Progress::Progress(bool always)
    : m_on(always || isatty(STDERR_FILENO) == 1), m_terminal(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { wipe(); }

void Progress::show(const std::string& line) {
  const auto now = std::chrono::steady_clock::now();
  if (!m_on || (m_shown > 0 && now - m_lastShown < kLeastInterval)) {
    return;
  }
  m_lastShown = now;
  if (m_terminal) {
    wipe();
    std::fputs(line.c_str(), stderr);
    m_shown = line.size();
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
    m_shown = 1;
  }
  std::fflush(stderr);
}

void Progress::wipe() {
  if (m_shown > 0 && m_terminal) {
    std::fprintf(stderr, "\r\033[K");
    std::fflush(stderr);
  }
  m_shown = 0;
}

void Progress::showLoading(double share) {
  if (share < 1) {
    show("Loading the model: " + std::to_string(static_cast<int>(share * 100)) + " %");
  }
}

void Progress::showReading(const PrefillStats& stats) {
  std::string line = "Reading: " + grouped(stats.tokensDone) + " of " + grouped(stats.tokensTotal) +
                     " tokens, " + grouped(std::llround(stats.tokensPerSecond)) + " tokens/s";
  if (stats.secondsLeft >= 0) {
    line += ", " + duration(stats.secondsLeft) + " left";
  }
  show(line);
}

void Progress::showPages(int done, int total) {
  show("Opening the document: page " + std::to_string(done) +
       (total > 0 ? " of " + std::to_string(total) : std::string()));
}

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string duration(double seconds) {
  const long long whole = std::llround(seconds);
  if (whole < 60) {
    return std::to_string(whole) + " s";
  }
  if (whole < 3600) {
    return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  }
  return std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

}  // namespace bookwheel
