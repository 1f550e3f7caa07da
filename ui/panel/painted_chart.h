// SPDX-License-Identifier: Apache-2.0
// PaintedChart: a picture with a sentence: what a screen reader says in its place.
#pragma once

#include <QString>
#include <QWidget>

namespace bookwheel {

/// Base of the panel's charts: set data, then say(). No timers, no focus. A screen reader meets a
/// chart whose value is the sentence.
class PaintedChart : public QWidget {
  Q_OBJECT
 public:
  /// `name`: what the chart shows, without numbers.
  explicit PaintedChart(const QString& name, QWidget* parent = nullptr);

  const QString& sentence() const { return m_sentence; }

 protected:
  /// Also repaints.
  void say(const QString& sentence);
  void changeEvent(QEvent* event) override;
  /// Heights come from the fonts: called at the start and when the text size changes.
  virtual int heightNow() const = 0;
  void fit() { setFixedHeight(heightNow()); }

 private:
  QString m_sentence;
};

/// Lets screen readers see PaintedChart and BudgetBar as what they are. Once a program.
void installPanelAccessibility();

}  // namespace bookwheel
