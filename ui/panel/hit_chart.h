// SPDX-License-Identifier: Apache-2.0
// The charts of the prefetch hit rate: over the last tokens, by layer, and small in the strip.
#pragma once

#include "ui/panel/painted_chart.h"

#include <QList>

class QPainter;

namespace bookwheel {

/// Area from 0 to 100 %, the last CacheStatsModel::kHistory tokens, newest at the right.
class HitRateChart : public PaintedChart {
  Q_OBJECT
 public:
  explicit HitRateChart(QWidget* parent = nullptr);
  /// Oldest first; NaN leaves a gap.
  void setData(const QList<double>& rates, const QString& sentence);

 protected:
  void paintEvent(QPaintEvent* event) override;
  int heightNow() const override;

 private:
  QList<double> m_rates;
};

/// A bar for each layer: height and tint both carry the rate, the lowest is marked and named.
class LayerChart : public PaintedChart {
  Q_OBJECT
 public:
  explicit LayerChart(QWidget* parent = nullptr);
  /// < 0: unknown.
  void setData(const QList<double>& rates, const QString& sentence);

 protected:
  void paintEvent(QPaintEvent* event) override;
  int heightNow() const override;

 private:
  QList<double> m_rates;
};

/// The same line without axes.
class Sparkline : public PaintedChart {
  Q_OBJECT
 public:
  explicit Sparkline(QWidget* parent = nullptr);
  void setData(const QList<double>& rates, const QString& sentence);

 protected:
  void paintEvent(QPaintEvent* event) override;
  int heightNow() const override;

 private:
  QList<double> m_rates;
};

}  // namespace bookwheel
