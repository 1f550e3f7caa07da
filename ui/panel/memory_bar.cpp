// SPDX-License-Identifier: Apache-2.0
// MemoryBar: memory by part against what there is, as one bar.
#include "ui/panel/memory_bar.h"

#include "ui/panel/memory_parts.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QPainter>

namespace bookwheel {

MemoryBar::MemoryBar(QWidget* parent) : QWidget(parent) {}

void MemoryBar::setData(const QList<MemoryPart>& parts, std::int64_t totalBytes,
                        const QString& sentence) {
  m_parts = parts;
  m_totalBytes = totalBytes;
  setAccessibleName(sentence);
  setToolTip(sentence);
  update();
}

void MemoryBar::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  drawBox(painter, rect(), radius::kBar, t.track);
  drawSegments(painter, rect(), segmentsOf(m_parts), static_cast<double>(m_totalBytes), t.window);
}

}  // namespace bookwheel
