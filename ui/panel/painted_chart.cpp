// SPDX-License-Identifier: Apache-2.0
// PaintedChart: a picture with a sentence: what a screen reader says in its place.
#include "ui/panel/painted_chart.h"

#include "ui/panel/budget_bar.h"
#include "ui/style/theme.h"

#include <QAccessible>
#include <QAccessibleWidget>

namespace bookwheel {

namespace {

class AccessibleChart : public QAccessibleWidget {
 public:
  explicit AccessibleChart(PaintedChart* chart) : QAccessibleWidget(chart, QAccessible::Chart) {}

  QString text(QAccessible::Text kind) const override {
    return kind == QAccessible::Value
               ? static_cast<const PaintedChart*>(static_cast<const QWidget*>(widget()))->sentence()
               : QAccessibleWidget::text(kind);
  }
};

/// The stock interface of a slider would say its position, a number of kilobytes.
class AccessibleBudget : public QAccessibleWidget, public QAccessibleValueInterface {
 public:
  explicit AccessibleBudget(BudgetBar* bar) : QAccessibleWidget(bar, QAccessible::Slider) {}

  void* interface_cast(QAccessible::InterfaceType type) override {
    return type == QAccessible::ValueInterface ? static_cast<QAccessibleValueInterface*>(this)
                                               : QAccessibleWidget::interface_cast(type);
  }
  QString text(QAccessible::Text kind) const override {
    return kind == QAccessible::Value ? bar().valueSentence() : QAccessibleWidget::text(kind);
  }
  QVariant currentValue() const override { return bar().valueSentence(); }
  void setCurrentValue(const QVariant& value) override { bar().setValue(value.toInt()); }
  QVariant maximumValue() const override { return bar().maximum(); }
  QVariant minimumValue() const override { return bar().minimum(); }
  QVariant minimumStepSize() const override { return bar().singleStep(); }

 private:
  BudgetBar& bar() const { return *static_cast<BudgetBar*>(static_cast<QWidget*>(widget())); }
};

QAccessibleInterface* makeInterface(const QString&, QObject* object) {
  if (auto* bar = qobject_cast<BudgetBar*>(object)) {
    return new AccessibleBudget(bar);  // owner: QAccessible's cache
  }
  if (auto* chart = qobject_cast<PaintedChart*>(object)) {
    return new AccessibleChart(chart);  // the same
  }
  return nullptr;
}

}  // namespace

PaintedChart::PaintedChart(const QString& name, QWidget* parent) : QWidget(parent) {
  setAccessibleName(name);
  connect(&themeEvents(), &ThemeEvents::changed, this, [this] { fit(); });
}

void PaintedChart::say(const QString& sentence) {
  m_sentence = sentence;
  setToolTip(sentence);
  update();
}

void PaintedChart::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::StyleChange) {
    fit();
  }
}

void installPanelAccessibility() { QAccessible::installFactory(makeInterface); }

}  // namespace bookwheel
