// SPDX-License-Identifier: Apache-2.0
// BudgetBar: the memory bar that is the budget slider: one scale, stops, handle, the cache
// magnified.
#pragma once

#include "app/chat/cache_stats_model.h"

#include <QList>
#include <QSlider>
#include <QTimer>

#include <cstdint>

namespace bookwheel {

class BudgetModel;

/// Positions are units of BudgetTable::unitBytes(). While the handle is held, or after keys, the
/// model is told what is previewed; released, or kKeyApplyMs after the last key, it is chosen. Esc
/// takes back what is held, and gives up a change that goes on.
class BudgetBar : public QSlider {
  Q_OBJECT
 public:
  static constexpr int kKeyApplyMs = 800;

  explicit BudgetBar(BudgetModel& budget, QWidget* parent = nullptr);

  void setParts(const QList<MemoryPart>& parts, std::int64_t usedBytes);
  /// From the model: range, stops and position, unless the handle is held.
  void refresh();
  QString valueSentence() const;
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  struct Lines;
  Lines lines() const;
  std::int64_t bytesNow() const;
  qreal xOf(std::int64_t bytes) const;
  std::int64_t bytesAt(qreal x) const;
  void moveTo(std::int64_t bytes);
  void apply();
  void takeBack();
  void followEscape();
  void drawScale(QPainter& painter, const Lines& at) const;
  void drawCache(QPainter& painter, const Lines& at) const;

  BudgetModel& m_budget;
  QList<MemoryPart> m_parts;
  std::int64_t m_usedBytes = 0;
  QTimer m_keyTimer;
};

}  // namespace bookwheel
