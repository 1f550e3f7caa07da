// SPDX-License-Identifier: Apache-2.0
// TextView: a document's text set for reading: a serif, a measure of 72 characters, open lines.
#pragma once

#include "app/documents/document.h"

#include <QList>
#include <QPlainTextEdit>

#include <memory>

namespace bookwheel {

/// A read-only QPlainTextEdit, which lays out only what is in sight and so takes millions of
/// characters. Positions as in PageView.
class TextView : public QPlainTextEdit {
  Q_OBJECT
 public:
  explicit TextView(QWidget* parent = nullptr);

  void setDocument(std::shared_ptr<const Document> document);
  void clearDocument();

  /// 1 is the size of the window's text scale.
  void setZoom(double zoom);
  void setDarkPages(bool dark);

  double position() const;
  void setPosition(double position);
  int currentPage() const;
  void reveal(TextRange range);
  void setMatches(const QList<TextRange>& matches, int current);

 Q_SIGNALS:
  void pageChanged(int page);
  void positionChanged(double position);
  void scrolledByHand();
  void zoomStepRequested(int step);

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void paintEvent(QPaintEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void restyle();
  void setMeasure();
  void styleHeadings();
  void showMatches();
  void announcePosition();
  std::int64_t topByte() const;
  void scrollTo(std::int64_t byte);

  std::shared_ptr<const Document> m_document;
  double m_zoom = 1;
  bool m_dark = false;
  bool m_moving = false;
  int m_page = -1;
  QList<TextRange> m_matches;
  int m_currentMatch = -1;
};

}  // namespace bookwheel
