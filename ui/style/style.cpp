// SPDX-License-Identifier: Apache-2.0
// BookwheelStyle: how every control is drawn, over Fusion and from the theme.
#include "ui/style/style.h"

#include "ui/style/controls.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QPainter>
#include <QStyleOption>
#include <QWidget>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kScrollBarExtent = 12;
constexpr int kLeastThumb = 32;
constexpr int kButtonIcon = 18;
constexpr int kIconGap = 6;
constexpr int kChevron = 14;
constexpr int kChevronGap = 4;
constexpr int kIndicator = 17;
constexpr int kIndicatorMargin = 2;
constexpr int kProgressHeight = 8;
constexpr int kSliderHandle = 18;
constexpr int kMenuTextLeft = 38;
constexpr int kMenuTextRight = 16;
constexpr int kMenuShortcutGap = 32;

struct Colours {
  QColor fill;
  QColor line;
  QColor text;
};

Colours buttonColours(ButtonKind kind, QStyle::State state) {
  const Theme& t = theme();
  const bool enabled = state & QStyle::State_Enabled;
  const bool pressed = enabled && (state & QStyle::State_Sunken);
  const bool hovered = enabled && (state & QStyle::State_MouseOver);
  if (!enabled) {
    return kind == ButtonKind::Quiet ? Colours{QColor(), QColor(), t.text3}
                                     : Colours{t.sunken, t.border, t.text3};
  }
  if (state & QStyle::State_On) {
    return {t.accentSoft, QColor(), t.dark ? t.accent : t.accentHover};
  }
  switch (kind) {
    case ButtonKind::Primary:
      return {pressed ? t.accentPressed : hovered ? t.accentHover : t.accent, QColor(), t.onAccent};
    case ButtonKind::Quiet:
      return {pressed ? t.border : hovered ? t.hover : QColor(), QColor(), t.text2};
    case ButtonKind::Link:
      return {pressed ? t.border : hovered ? t.hover : QColor(), QColor(), t.accent};
    case ButtonKind::Outlined:
      break;
  }
  return {pressed ? t.border : hovered ? t.raisedHover : t.raised, t.control, t.text};
}

int buttonHeight(const QWidget* widget, const QFontMetrics& metrics) {
  return metrics.height() + (isSmall(widget) ? 12 : 16);
}

QSize buttonSize(const QStyleOptionButton& option, const QWidget* widget) {
  const QString glyph = glyphOf(widget);
  const bool small = isSmall(widget);
  const int height = buttonHeight(widget, option.fontMetrics);
  if (option.text.isEmpty() && !hasChevron(widget)) {
    return {std::max(height, scaled(kButtonIcon) + 14), height};
  }
  int width = small ? 20 : 28;
  width += option.text.isEmpty() ? 0 : option.fontMetrics.horizontalAdvance(option.text) + 1;
  width += glyph.isEmpty() ? 0 : scaled(kButtonIcon) + (option.text.isEmpty() ? 0 : kIconGap);
  width += hasChevron(widget) ? scaled(kChevron) + kChevronGap : 0;
  return {width, height};
}

void drawButton(const QStyleOptionButton& option, QPainter& painter, const QWidget* widget) {
  const Colours colours = buttonColours(buttonKind(widget), option.state);
  const QRectF rect = option.rect;
  const qreal corner = isPill(widget) ? rect.height() / 2 : radius::kControl;
  if (colours.fill.isValid() || colours.line.isValid()) {
    drawBox(painter, rect, corner, colours.fill, colours.line);
  }
  const QString glyph = glyphOf(widget);
  const int icon = glyph.isEmpty() ? 0 : scaled(kButtonIcon);
  const int chevron = hasChevron(widget) ? scaled(kChevron) + kChevronGap : 0;
  const int gap = icon > 0 && !option.text.isEmpty() ? kIconGap : 0;
  const qreal room = rect.width() - icon - gap - chevron - 8;
  const QString text = option.fontMetrics.elidedText(option.text, Qt::ElideRight, int(room) + 1);
  const qreal textWidth = text.isEmpty() ? 0 : option.fontMetrics.horizontalAdvance(text);
  const qreal total = icon + gap + textWidth + chevron;
  qreal x = isLeftAligned(widget) ? rect.left() + 10 : rect.center().x() - total / 2;
  if (icon > 0) {
    drawIcon(painter, glyph, colours.text, {x, rect.center().y() - icon / 2.0}, icon);
    x += icon + gap;
  }
  painter.setFont(widget != nullptr ? widget->font() : painter.font());
  painter.setPen(colours.text);
  painter.drawText(QRectF(x, rect.top(), textWidth + 2, rect.height()),
                   Qt::AlignVCenter | Qt::AlignLeft | Qt::TextHideMnemonic, text);
  if (chevron > 0) {
    const int size = scaled(kChevron);
    drawIcon(painter, u"chevron-down"_s, colours.text,
             {x + textWidth + kChevronGap, rect.center().y() - size / 2.0}, size);
  }
}

void drawIndicator(const QStyleOption& option, QPainter& painter, bool isRadio) {
  const Theme& t = theme();
  const bool enabled = option.state & QStyle::State_Enabled;
  const bool on = option.state & QStyle::State_On;
  const int side = scaled(kIndicator);
  QRectF rect(0, 0, side, side);
  rect.moveCenter(QRectF(option.rect).center());
  const QColor line = !enabled ? t.border : on ? t.accent : t.control;
  const QColor empty = enabled ? t.raised : t.sunken;
  if (isRadio) {
    drawBox(painter, rect, side / 2.0, empty, line, 1.5);
    if (on) {
      const qreal inset = side * 0.27;
      const QRectF dot = rect.adjusted(inset, inset, -inset, -inset);
      drawBox(painter, dot, dot.width() / 2, enabled ? t.accent : t.text3);
    }
    return;
  }
  drawBox(painter, rect, 4, on && enabled ? t.accent : empty, line, 1.5);
  if (on) {
    const int check = side - 3;
    drawIcon(painter, u"check"_s, enabled ? t.onAccent : t.text3,
             rect.center() - QPointF(check / 2.0, check / 2.0), check);
  }
}

void drawMenuItem(const QStyleOptionMenuItem& option, QPainter& painter) {
  const Theme& t = theme();
  if (option.menuItemType == QStyleOptionMenuItem::Separator) {
    painter.fillRect(
        QRect(option.rect.left() + 12, option.rect.center().y(), option.rect.width() - 24, 1),
        t.border);
    return;
  }
  const bool enabled = option.state & QStyle::State_Enabled;
  const bool selected = enabled && (option.state & QStyle::State_Selected);
  if (selected) {
    drawBox(painter, QRectF(option.rect).adjusted(4, 0, -4, 0), radius::kControl, t.accentSoft);
  }
  if (option.checked) {
    const int size = scaled(16);
    drawIcon(painter, u"check"_s, enabled ? t.accent : t.text3,
             QPointF(option.rect.left() + 12, option.rect.center().y() - size / 2.0 + 0.5), size);
  }
  QString label = option.text.section(u'\t', 0, 0);
  label.remove(u'&');
  const QRectF line = QRectF(option.rect).adjusted(kMenuTextLeft, 0, -kMenuTextRight, 0);
  drawText(painter, line, Qt::AlignVCenter, label, Type::Row, enabled ? t.text : t.text3);
  drawText(painter, line, Qt::AlignVCenter | Qt::AlignRight, option.text.section(u'\t', 1),
           Type::Note, selected ? t.text2 : t.text3);
  if (option.menuItemType == QStyleOptionMenuItem::SubMenu) {
    const int size = scaled(14);
    drawIcon(painter, u"forward"_s, t.text2,
             QPointF(option.rect.right() - 12 - size, option.rect.center().y() - size / 2.0), size);
  }
}

void drawScrollBar(const QStyleOptionSlider& option, const QRect& thumb, QPainter& painter,
                   const QWidget* widget) {
  const Theme& t = theme();
  painter.fillRect(option.rect, surfaceOf(widget) == Surface::Window ? t.window : t.pane);
  if (option.maximum <= option.minimum) {
    return;
  }
  const bool vertical = option.orientation == Qt::Vertical;
  const QRectF rect =
      vertical ? QRectF(thumb).adjusted(3, 2, -3, -2) : QRectF(thumb).adjusted(2, 3, -2, -3);
  const bool lively = option.state & (QStyle::State_MouseOver | QStyle::State_Sunken);
  drawBox(painter, rect, radius::kBar, lively ? t.text3 : t.control);
}

void drawSlider(const QStyleOptionSlider& option, QPainter& painter) {
  const Theme& t = theme();
  const bool enabled = option.state & QStyle::State_Enabled;
  const qreal y = QRectF(option.rect).center().y();
  const qreal left = option.rect.left() + kSliderHandle / 2.0;
  const qreal right = option.rect.right() - kSliderHandle / 2.0;
  const qreal range = std::max(1, option.maximum - option.minimum);
  const qreal x = left + (right - left) * (option.sliderPosition - option.minimum) / range;
  drawBox(painter, QRectF(left, y - 1.5, right - left, 3), 1.5, enabled ? t.control : t.border);
  drawBox(painter, QRectF(left, y - 1.5, x - left, 3), 1.5, enabled ? t.accent : t.border);
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(QPen(t.pane, 2));
  painter.setBrush(enabled ? t.accent : t.text3);
  painter.drawEllipse(QPointF(x, y), kSliderHandle / 2.0, kSliderHandle / 2.0);
  painter.setPen(Qt::NoPen);
  painter.setBrush(t.onAccent);
  painter.drawEllipse(QPointF(x, y), 2.5, 2.5);
  painter.restore();
}

QRect scrollBarPart(const QStyleOptionSlider& option, QStyle::SubControl part) {
  const bool vertical = option.orientation == Qt::Vertical;
  const int length = vertical ? option.rect.height() : option.rect.width();
  const qint64 range = qint64{option.maximum} - option.minimum;
  const int thumb =
      range > 0 ? std::min(length, std::max(kLeastThumb, int(qint64{option.pageStep} * length /
                                                             (range + option.pageStep))))
                : length;
  const int at = QStyle::sliderPositionFromValue(
      option.minimum, option.maximum, option.sliderPosition, length - thumb, option.upsideDown);
  const auto slice = [&](int from, int size) {
    const QRect& r = option.rect;
    return vertical ? QRect(r.x(), r.y() + from, r.width(), size)
                    : QRect(r.x() + from, r.y(), size, r.height());
  };
  switch (part) {
    case QStyle::SC_ScrollBarSlider:
      return slice(at, thumb);
    case QStyle::SC_ScrollBarGroove:
      return slice(0, length);
    case QStyle::SC_ScrollBarSubPage:
      return slice(0, at);
    case QStyle::SC_ScrollBarAddPage:
      return slice(at + thumb, length - at - thumb);
    default:
      return {};  // no arrow buttons
  }
}

}  // namespace

BookwheelStyle::BookwheelStyle() : QProxyStyle(u"fusion"_s) {}

int BookwheelStyle::pixelMetric(PixelMetric metric, const QStyleOption* option,
                                const QWidget* widget) const {
  switch (metric) {
    case PM_ScrollBarExtent:
      return kScrollBarExtent;
    case PM_SplitterWidth:
    case PM_DockWidgetSeparatorExtent:
    case PM_MenuPanelWidth:
      return 1;
    case PM_SliderLength:
      return kSliderHandle;
    case PM_SliderThickness:
    case PM_SliderControlThickness:
      return 24;
    case PM_IndicatorWidth:
    case PM_IndicatorHeight:
    case PM_ExclusiveIndicatorWidth:
    case PM_ExclusiveIndicatorHeight:
      return scaled(kIndicator) + 2 * kIndicatorMargin;
    case PM_CheckBoxLabelSpacing:
    case PM_RadioButtonLabelSpacing:
      return 7;
    case PM_MenuVMargin:
      return 5;
    case PM_MenuHMargin:
    case PM_DefaultFrameWidth:
    case PM_ToolBarItemSpacing:
    case PM_ToolBarItemMargin:
    case PM_ToolBarFrameWidth:
    case PM_ButtonShiftHorizontal:
    case PM_ButtonShiftVertical:
      return 0;
    case PM_FocusFrameHMargin:
    case PM_FocusFrameVMargin:
      return 4;
    case PM_ToolTipLabelFrameWidth:
      return 6;
    default:
      return QProxyStyle::pixelMetric(metric, option, widget);
  }
}

int BookwheelStyle::styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget,
                              QStyleHintReturn* data) const {
  switch (hint) {
    case SH_Slider_AbsoluteSetButtons:
      return Qt::LeftButton;
    case SH_Widget_Animation_Duration:
      return m_animationMs;
    case SH_UnderlineShortcut:
    case SH_DialogButtonBox_ButtonsHaveIcons:
    case SH_EtchDisabledText:
    case SH_MenuBar_AltKeyNavigation:
      return 0;
    case SH_FocusFrame_AboveWidget:
      return 1;
    case SH_FocusFrame_Mask:
      return 0;
    case SH_ScrollBar_Transient:
      return 0;
    case SH_ToolTipLabel_Opacity:
      return 255;
    case SH_Menu_Scrollable:
      return 1;
    case SH_ItemView_ActivateItemOnSingleClick:
      return 0;
    case SH_TextControl_FocusIndicatorTextCharFormat:
      return 0;
    default:
      return QProxyStyle::styleHint(hint, option, widget, data);
  }
}

QSize BookwheelStyle::sizeFromContents(ContentsType type, const QStyleOption* option,
                                       const QSize& size, const QWidget* widget) const {
  switch (type) {
    case CT_PushButton:
      if (const auto* button = qstyleoption_cast<const QStyleOptionButton*>(option)) {
        return buttonSize(*button, widget);
      }
      break;
    case CT_MenuItem:
      if (const auto* item = qstyleoption_cast<const QStyleOptionMenuItem*>(option)) {
        if (item->menuItemType == QStyleOptionMenuItem::Separator) {
          return {40, 9};
        }
        QString label = item->text.section(u'\t', 0, 0);
        label.remove(u'&');
        const QString shortcut = item->text.section(u'\t', 1);
        // QMenu adds the widest shortcut itself, in the menu's own font.
        const qreal gap = shortcut.isEmpty() ? 0 : kMenuShortcutGap;
        return {kMenuTextLeft + kMenuTextRight + qCeil(textWidth(label, Type::Row) + gap) + 12,
                lineHeight(Type::Row) + 14};
      }
      break;
    case CT_ComboBox:
      return {size.width() + 44, lineHeight(Type::Row) + 16};
    case CT_CheckBox:
    case CT_RadioButton: {
      const QSize base = QProxyStyle::sizeFromContents(type, option, size, widget);
      return {base.width() + 4, std::max(base.height(), lineHeight(Type::Row) + 12)};
    }
    case CT_LineEdit:
      return {size.width(), std::max(size.height(), lineHeight(Type::Row)) + 16};
    default:
      break;
  }
  return QProxyStyle::sizeFromContents(type, option, size, widget);
}

void BookwheelStyle::drawControl(ControlElement element, const QStyleOption* option,
                                 QPainter* painter, const QWidget* widget) const {
  const Theme& t = theme();
  switch (element) {
    case CE_PushButton:
      if (const auto* button = qstyleoption_cast<const QStyleOptionButton*>(option)) {
        drawButton(*button, *painter, widget);
        return;
      }
      break;
    case CE_Splitter:
      painter->fillRect(option->rect, t.border);
      return;
    case CE_ToolBar:
      painter->fillRect(option->rect, t.window);
      return;
    case CE_ProgressBarGroove:
    case CE_ProgressBarLabel:
      return;
    case CE_ProgressBarContents:
      if (const auto* bar = qstyleoption_cast<const QStyleOptionProgressBar*>(option)) {
        QRectF rect(0, 0, option->rect.width(), kProgressHeight);
        rect.moveCenter(QRectF(option->rect).center());
        drawBox(*painter, rect, kProgressHeight / 2.0, t.track);
        const qreal range = std::max(1, bar->maximum - bar->minimum);
        const qreal share = std::clamp((bar->progress - bar->minimum) / range, 0.0, 1.0);
        if (share > 0) {
          rect.setWidth(std::max<qreal>(kProgressHeight, rect.width() * share));
          drawBox(*painter, rect, kProgressHeight / 2.0, t.accent);
        }
        return;
      }
      break;
    case CE_ComboBoxLabel:
      if (const auto* box = qstyleoption_cast<const QStyleOptionComboBox*>(option)) {
        drawText(*painter, QRectF(option->rect).adjusted(12, 0, -32, 0), Qt::AlignVCenter,
                 box->currentText, Type::Row, (option->state & State_Enabled) ? t.text : t.text3);
        return;
      }
      break;
    case CE_MenuItem:
      if (const auto* item = qstyleoption_cast<const QStyleOptionMenuItem*>(option)) {
        drawMenuItem(*item, *painter);
        return;
      }
      break;
    default:
      break;
  }
  QProxyStyle::drawControl(element, option, painter, widget);
}

void BookwheelStyle::drawPrimitive(PrimitiveElement element, const QStyleOption* option,
                                   QPainter* painter, const QWidget* widget) const {
  const Theme& t = theme();
  const bool enabled = option->state & State_Enabled;
  switch (element) {
    case PE_PanelLineEdit:
      if (!isFrameless(widget)) {
        const bool focused = option->state & State_HasFocus;
        drawBox(*painter, option->rect, radius::kControl, enabled ? t.raised : t.sunken,
                focused   ? t.accent
                : enabled ? t.control
                          : t.border,
                focused ? 2 : 1);
      }
      return;
    case PE_FrameLineEdit:
      return;
    case PE_IndicatorCheckBox:
      drawIndicator(*option, *painter, false);
      return;
    case PE_IndicatorRadioButton:
      drawIndicator(*option, *painter, true);
      return;
    case PE_PanelMenu:
      painter->fillRect(option->rect, t.raised);
      painter->setPen(t.control);
      painter->setBrush(Qt::NoBrush);
      painter->drawRect(option->rect.adjusted(0, 0, -1, -1));
      return;
    case PE_PanelTipLabel:
      painter->fillRect(option->rect, t.raised);
      painter->setPen(t.control);
      painter->setBrush(Qt::NoBrush);
      painter->drawRect(option->rect.adjusted(0, 0, -1, -1));
      return;
    case PE_FrameMenu:
    case PE_FrameFocusRect:
    case PE_Frame:
    case PE_FrameWindow:
    case PE_PanelStatusBar:
    case PE_FrameStatusBarItem:
    case PE_FrameDockWidget:
      return;
    case PE_IndicatorDockWidgetResizeHandle:
      painter->fillRect(option->rect, t.border);
      return;
    default:
      break;
  }
  QProxyStyle::drawPrimitive(element, option, painter, widget);
}

void BookwheelStyle::drawComplexControl(ComplexControl control, const QStyleOptionComplex* option,
                                        QPainter* painter, const QWidget* widget) const {
  const Theme& t = theme();
  switch (control) {
    case CC_ScrollBar:
      if (const auto* bar = qstyleoption_cast<const QStyleOptionSlider*>(option)) {
        drawScrollBar(*bar, scrollBarPart(*bar, SC_ScrollBarSlider), *painter, widget);
        return;
      }
      break;
    case CC_ComboBox: {
      const bool enabled = option->state & State_Enabled;
      const bool hovered = enabled && (option->state & State_MouseOver);
      drawBox(*painter, option->rect, radius::kControl,
              !enabled  ? t.sunken
              : hovered ? t.raisedHover
                        : t.raised,
              enabled ? t.control : t.border);
      const int size = scaled(16);
      drawIcon(
          *painter, u"chevron-down"_s, enabled ? t.text2 : t.text3,
          QPointF(option->rect.right() - 8 - size, QRectF(option->rect).center().y() - size / 2.0),
          size);
      return;
    }
    case CC_Slider:
      if (const auto* slider = qstyleoption_cast<const QStyleOptionSlider*>(option)) {
        drawSlider(*slider, *painter);
        return;
      }
      break;
    default:
      break;
  }
  QProxyStyle::drawComplexControl(control, option, painter, widget);
}

QRect BookwheelStyle::subControlRect(ComplexControl control, const QStyleOptionComplex* option,
                                     SubControl subControl, const QWidget* widget) const {
  if (control == CC_ScrollBar) {
    if (const auto* bar = qstyleoption_cast<const QStyleOptionSlider*>(option)) {
      return scrollBarPart(*bar, subControl);
    }
  }
  return QProxyStyle::subControlRect(control, option, subControl, widget);
}

QRect BookwheelStyle::subElementRect(SubElement element, const QStyleOption* option,
                                     const QWidget* widget) const {
  if (element == SE_LineEditContents && widget != nullptr && !isFrameless(widget)) {
    return option->rect.adjusted(8, 1, -8, -1);
  }
  if (element == SE_ProgressBarContents || element == SE_ProgressBarGroove) {
    return option->rect;
  }
  return QProxyStyle::subElementRect(element, option, widget);
}

}  // namespace bookwheel
