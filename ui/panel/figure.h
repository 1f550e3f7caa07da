// SPDX-License-Identifier: Apache-2.0
// Figure: a caption, a big number and what it counts.
#pragma once

#include "ui/panel/painted_chart.h"

namespace bookwheel {

/// "Main memory / 7.21 GB, planned 7.25". Digits of the embedded font are equally wide, so numbers
/// that change do not move what stands behind them.
class Figure : public PaintedChart {
  Q_OBJECT
 public:
  explicit Figure(const QString& caption, QWidget* parent = nullptr);
  /// An empty `number` is shown as a dash.
  void setData(const QString& number, const QString& unit, const QString& sentence);
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return {scaledWidth(), heightNow()}; }

 protected:
  void paintEvent(QPaintEvent* event) override;
  int heightNow() const override;

 private:
  int scaledWidth() const;

  QString m_caption;
  QString m_number;
  QString m_unit;
};

}  // namespace bookwheel
