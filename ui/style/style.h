// SPDX-License-Identifier: Apache-2.0
// BookwheelStyle: how every control is drawn, over Fusion and from the theme.
#pragma once

#include <QProxyStyle>

namespace bookwheel {

/// Kinds of buttons and the like are dynamic properties, set through ui/style/controls.h. Draws
/// CE_PushButton, progress bars, combo boxes, menu items, fields, check and radio indicators,
/// scroll bars and sliders; Fusion draws the rest with the theme's palette. Focus rings are drawn
/// by FocusRing outside the controls, so nothing here draws or reserves room for one.
class BookwheelStyle : public QProxyStyle {
  Q_OBJECT
 public:
  BookwheelStyle();

  /// 0 switches all motion off.
  void setAnimationMs(int milliseconds) { m_animationMs = milliseconds; }

  int pixelMetric(PixelMetric metric, const QStyleOption* option = nullptr,
                  const QWidget* widget = nullptr) const override;
  int styleHint(StyleHint hint, const QStyleOption* option = nullptr,
                const QWidget* widget = nullptr, QStyleHintReturn* data = nullptr) const override;
  QSize sizeFromContents(ContentsType type, const QStyleOption* option, const QSize& size,
                         const QWidget* widget) const override;
  void drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
                   const QWidget* widget = nullptr) const override;
  void drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                     const QWidget* widget = nullptr) const override;
  void drawComplexControl(ComplexControl control, const QStyleOptionComplex* option,
                          QPainter* painter, const QWidget* widget = nullptr) const override;
  QRect subControlRect(ComplexControl control, const QStyleOptionComplex* option,
                       SubControl subControl, const QWidget* widget = nullptr) const override;
  QRect subElementRect(SubElement element, const QStyleOption* option,
                       const QWidget* widget = nullptr) const override;

 private:
  int m_animationMs = 120;
};

}  // namespace bookwheel
