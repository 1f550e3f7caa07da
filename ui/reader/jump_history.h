// SPDX-License-Identifier: Apache-2.0
// JumpHistory: where the reader was before each jump, and the way back and forward.
#pragma once

#include <QList>

#include <optional>

namespace bookwheel {

/// Positions are page - 1 + share of the page. A plain value; knows no views.
class JumpHistory {
 public:
  void clear();
  /// The view leaves `from` for another place: what lay ahead is forgotten.
  void jumpFrom(double from);
  bool canGoBack() const { return !m_back.isEmpty(); }
  bool canGoForward() const { return !m_forward.isEmpty(); }
  std::optional<double> previous() const;
  /// Each takes where the view is now and gives where it should go.
  std::optional<double> goBack(double from);
  std::optional<double> goForward(double from);

 private:
  QList<double> m_back;
  QList<double> m_forward;
};

}  // namespace bookwheel
