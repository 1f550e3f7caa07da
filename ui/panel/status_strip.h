// SPDX-License-Identifier: Apache-2.0
// StatusStrip: the calm line at the bottom: memory by part, speed, share read, what is going on.
#pragma once

#include <QWidget>

namespace bookwheel {

class CacheStatsModel;
class Label;
class MemoryBar;

/// Reads CacheStatsModel and nothing else; numbers come as that model tells, four times a second at
/// most.
class StatusStrip : public QWidget {
  Q_OBJECT
 public:
  explicit StatusStrip(CacheStatsModel& stats, QWidget* parent = nullptr);

  /// Three numbers only.
  void setNarrow(bool narrow);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  void refresh();

  CacheStatsModel& m_stats;
  bool m_narrow = false;
  MemoryBar* m_bar;
  Label* m_used;
  Label* m_available;
  QWidget* m_kvLine;
  Label* m_kv;
  QWidget* m_speedLine;
  Label* m_speed;
  QWidget* m_shareLine;
  Label* m_share;
  QWidget* m_headLine;
  Label* m_headline;
};

}  // namespace bookwheel
