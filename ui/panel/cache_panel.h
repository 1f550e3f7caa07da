// SPDX-License-Identifier: Apache-2.0
// CachePanel: memory and speed, opened from the strip: budget, table, hit rate, time of a step.
#pragma once

#include <QTimer>
#include <QWidget>

class QAction;
class QHBoxLayout;
class QPushButton;
class QStackedLayout;

namespace bookwheel {

class Actions;
class BudgetBar;
class BudgetModel;
class BudgetView;
class CacheStatsModel;
class Figure;
class HitRateChart;
class Label;
class LayerChart;
class MemoryLegend;
class SpeedChart;

/// Reads its two models and nothing else. Numbers change as CacheStatsModel tells (four times a
/// second), charts ten times, what a held handle says 30 times; and nothing while it is hidden.
/// Wide enough, all is side by side; else two tabs, Memory and Speed.
class CachePanel : public QWidget {
  Q_OBJECT
 public:
  CachePanel(CacheStatsModel& stats, BudgetModel& budget, Actions& actions,
             QWidget* parent = nullptr);

  BudgetBar* bar() const { return m_bar; }
  BudgetView* table() const { return m_table; }
  void takeFocus();
  bool isCompact() const { return m_compact; }
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  QWidget* makeHead(Actions& actions);
  QWidget* makeMemory();
  QWidget* makeTable();
  QWidget* makeHits();
  QWidget* makeSpeed();
  void setCompact(bool compact);
  void showTab(bool speed);
  void refreshNumbers();
  void refreshCharts();
  void refreshBudget();
  void refreshHead();

  CacheStatsModel& m_stats;
  BudgetModel& m_budget;
  bool m_compact = false;
  bool m_showsSpeed = false;
  QTimer m_budgetTimer;  // what a held handle changes, at most 30 times a second

  Label* m_title;
  QWidget* m_icon;
  QPushButton* m_memoryTab;
  QPushButton* m_speedTab;
  Label* m_sentence;
  QPushButton* m_back;
  Figure* m_memory;
  Figure* m_ratio;
  BudgetBar* m_bar;
  MemoryLegend* m_legend;
  BudgetView* m_table;
  Label* m_noTable;
  Label* m_note;
  Figure* m_hits;
  HitRateChart* m_hitChart;
  LayerChart* m_layers;
  Label* m_noHits;
  Figure* m_speed;
  SpeedChart* m_speedChart;
  QHBoxLayout* m_columns;
  QWidget* m_memoryColumn;
  QWidget* m_tableColumn;
  QWidget* m_hitColumn;
  QWidget* m_speedColumn;
  QList<QWidget*> m_lines;
};

}  // namespace bookwheel
