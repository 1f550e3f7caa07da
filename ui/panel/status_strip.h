// SPDX-License-Identifier: Apache-2.0
// StatusStrip: the calm line at the bottom: memory by part, speed, hit rate, what limits it.
#pragma once

#include "ui/style/controls.h"

#include <QWidget>

class QAction;
class QBoxLayout;
class QPushButton;

namespace bookwheel {

class BudgetModel;
class CacheStatsModel;
class MemoryBar;
class Sparkline;

/// Reads the two models and nothing else; numbers come as they tell, four times a second at most,
/// and only while the strip is in sight.
class StatusStrip : public QWidget {
  Q_OBJECT
 public:
  StatusStrip(CacheStatsModel& stats, BudgetModel& budget, QAction* openPanel,
              QWidget* parent = nullptr);

  /// Three numbers only.
  void setNarrow(bool narrow);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  /// A number, what it counts, and the line before it.
  struct Item {
    QWidget* line;
    Label* strong;
    Label* rest;
  };
  Item addItem(QBoxLayout& row, Label::Fit fit = Label::Fit::Grow);
  static void show(const Item& item, const QString& strong, const QString& rest);
  void refresh();
  void refreshSparkline();

  CacheStatsModel& m_stats;
  BudgetModel& m_budget;
  bool m_narrow = false;
  MemoryBar* m_bar;
  Label* m_used;
  Label* m_of;
  Item m_speed;
  Item m_share;
  Item m_hits;
  Item m_ratio;
  Item m_limit;
  Sparkline* m_sparkline;
  QPushButton* m_open;
};

}  // namespace bookwheel
