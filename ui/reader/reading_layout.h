// SPDX-License-Identifier: Apache-2.0
// ReadingLayout: the plain text layout with open lines, which QPlainTextEdit cannot set by itself.
#pragma once

#include <QPlainTextDocumentLayout>

namespace bookwheel {

/// After the base class has broken a block into lines, moves them apart by `lead` pixels.
class ReadingLayout : public QPlainTextDocumentLayout {
  Q_OBJECT
 public:
  explicit ReadingLayout(QTextDocument* document) : QPlainTextDocumentLayout(document) {}

  void setLead(qreal lead) { m_lead = lead; }
  QRectF blockBoundingRect(const QTextBlock& block) const override;

 private:
  qreal m_lead = 1;
};

}  // namespace bookwheel
