// SPDX-License-Identifier: Apache-2.0
// SpeedChart: the time of a step by part, what was fetched for it, and how often a guess was right.
#pragma once

#include "app/chat/cache_stats_model.h"
#include "ui/panel/painted_chart.h"

namespace bookwheel {

class SpeedChart : public PaintedChart {
  Q_OBJECT
 public:
  explicit SpeedChart(QWidget* parent = nullptr);
  /// `fetches`: the 16-bit store is in a file; else there is nothing to fetch and the place says
  /// so. `guessedRight` < 0: no guesses are made.
  void setData(const StepMeans& means, bool fetches, double guessedRight, const QString& sentence);

 protected:
  void paintEvent(QPaintEvent* event) override;
  int heightNow() const override;

 private:
  qreal drawStep(QPainter& painter, qreal y) const;
  qreal drawFetches(QPainter& painter, qreal y) const;

  StepMeans m_means;
  bool m_fetches = false;
  double m_guessedRight = -1;
};

}  // namespace bookwheel
