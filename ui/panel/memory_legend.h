// SPDX-License-Identifier: Apache-2.0
// MemoryLegend: name, colour and number of each part of memory, in two columns.
#pragma once

#include "app/chat/cache_stats_model.h"
#include "ui/panel/painted_chart.h"

namespace bookwheel {

class MemoryLegend : public PaintedChart {
  Q_OBJECT
 public:
  explicit MemoryLegend(QWidget* parent = nullptr);
  void setData(const QList<MemoryPart>& parts, const QString& sentence);

 protected:
  void paintEvent(QPaintEvent* event) override;
  int heightNow() const override;

 private:
  QList<MemoryPart> m_parts;
};

}  // namespace bookwheel
