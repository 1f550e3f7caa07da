// SPDX-License-Identifier: Apache-2.0
// ReadingLayout: the plain text layout with open lines, which QPlainTextEdit cannot set by itself.
#include "ui/reader/reading_layout.h"

#include <QTextBlock>
#include <QTextLayout>

namespace bookwheel {

QRectF ReadingLayout::blockBoundingRect(const QTextBlock& block) const {
  QRectF rect = QPlainTextDocumentLayout::blockBoundingRect(block);
  if (!block.isValid() || !block.isVisible()) {
    return rect;
  }
  QTextLayout* layout = block.layout();
  const int lines = layout->lineCount();
  if (lines == 0) {
    return rect;
  }
  // The base puts the first line at 0: a first line at half the lead was moved already.
  const qreal first = m_lead / 2;
  if (!qFuzzyCompare(layout->lineAt(0).y() + 1, first + 1)) {
    qreal y = first;
    for (int i = 0; i < lines; ++i) {
      QTextLine line = layout->lineAt(i);
      line.setPosition(QPointF(line.position().x(), y));
      y += line.height() + m_lead;
    }
    rect = QRectF(QPointF(0, 0), layout->boundingRect().bottomRight());
  }
  const QTextLine last = layout->lineAt(lines - 1);
  rect.setBottom(last.y() + last.height() + m_lead / 2);
  return rect;
}

}  // namespace bookwheel
