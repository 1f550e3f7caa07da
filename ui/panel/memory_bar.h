// SPDX-License-Identifier: Apache-2.0
// MemoryBar: memory by part against what there is, as one bar.
#pragma once

#include "app/chat/cache_stats_model.h"

#include <QWidget>

namespace bookwheel {

/// Parts in the order given, 2 px apart, each at least 4 px wide; workspace hatched; the rest is
/// the empty part of the bar. A picture for screen readers too: its name is the sentence given with
/// the data.
class MemoryBar : public QWidget {
  Q_OBJECT
 public:
  explicit MemoryBar(QWidget* parent = nullptr);

  void setData(const QList<MemoryPart>& parts, std::int64_t totalBytes, const QString& sentence);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QList<MemoryPart> m_parts;
  std::int64_t m_totalBytes = 0;
};

}  // namespace bookwheel
