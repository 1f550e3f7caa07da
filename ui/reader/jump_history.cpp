// SPDX-License-Identifier: Apache-2.0
// JumpHistory: where the reader was before each jump, and the way back and forward.
#include "ui/reader/jump_history.h"

namespace bookwheel {

namespace {
constexpr qsizetype kMost = 200;
}

void JumpHistory::clear() {
  m_back.clear();
  m_forward.clear();
}

void JumpHistory::jumpFrom(double from) {
  m_back.append(from);
  if (m_back.size() > kMost) {
    m_back.removeFirst();
  }
  m_forward.clear();
}

std::optional<double> JumpHistory::previous() const {
  return m_back.isEmpty() ? std::nullopt : std::optional(m_back.last());
}

std::optional<double> JumpHistory::goBack(double from) {
  if (m_back.isEmpty()) {
    return std::nullopt;
  }
  m_forward.append(from);
  return m_back.takeLast();
}

std::optional<double> JumpHistory::goForward(double from) {
  if (m_forward.isEmpty()) {
    return std::nullopt;
  }
  m_back.append(from);
  return m_forward.takeLast();
}

}  // namespace bookwheel
