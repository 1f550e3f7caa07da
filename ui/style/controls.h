// SPDX-License-Identifier: Apache-2.0
// Helpers that make the window's controls and set the properties the style reads.
#pragma once

#include "ui/style/type.h"

#include <QLabel>
#include <QString>

class QAction;
class QBoxLayout;
class QFrame;
class QLineEdit;
class QPushButton;
class QWidget;

namespace bookwheel {

enum class ButtonKind {
  Outlined,
  Primary,  ///< one a view at most
  Quiet,    ///< in bars and rows
  Link,     ///< text in the accent colour
};
enum class ButtonSize { Normal, Small };
enum class Surface { Pane, Window };

/// Dynamic property of widgets inside the window that close on Esc, before Esc stops the work.
inline constexpr auto kTakesEscape = "bwTakesEscape";
/// Dynamic property of controls that draw the focus ring themselves, around a part of them.
inline constexpr auto kOwnFocusRing = "bwOwnFocusRing";

/// A button with text. `glyph` is an icon name or empty.
QPushButton* makeButton(const QString& text, ButtonKind kind, const QString& glyph = {},
                        ButtonSize size = ButtonSize::Normal, QWidget* parent = nullptr);
/// A quiet button with only an icon; `name` is what screen readers say. Tooltip: the name and the
/// key.
QPushButton* makeIconButton(const QString& glyph, const QString& name, const QString& key = {},
                            QWidget* parent = nullptr);
/// A quiet icon button that triggers `action` and follows its state; tooltip with the key it has
/// now.
QPushButton* makeActionButton(QAction* action, const QString& glyph, QWidget* parent = nullptr);
/// Tooltip "Back (Alt+Left)" in the form of the platform.
QString withKey(const QString& name, const QString& key);

void setKind(QPushButton* button, ButtonKind kind);
void setGlyph(QPushButton* button, const QString& glyph);
void setChevron(QPushButton* button, bool on);
void setPill(QPushButton* button);
void setLeftAligned(QPushButton* button);
void setFrameless(QWidget* field);
void setSurface(QWidget* widget, Surface surface);

ButtonKind buttonKind(const QWidget* widget);
QString glyphOf(const QWidget* widget);
bool isSmall(const QWidget* widget);
bool hasChevron(const QWidget* widget);
bool isPill(const QWidget* widget);
bool isLeftAligned(const QWidget* widget);
bool isFrameless(const QWidget* widget);
Surface surfaceOf(const QWidget* widget);

enum class Ink { Text, Text2, Text3, Accent, Warn, Error };

/// A label whose font and colour follow theme and text scale. Plain text; can elide at the right.
class Label : public QLabel {
  Q_OBJECT
 public:
  enum class Fit { Grow, Elide, Wrap };
  explicit Label(Type type, Ink ink = Ink::Text, Fit fit = Fit::Grow, QWidget* parent = nullptr);

  void setInk(Ink ink);
  void setType(Type type);
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  void restyle();

  Type m_type;
  Ink m_ink;
  Fit m_fit;
};

/// A 1 px line in the border colour.
QWidget* makeLine(Qt::Orientation orientation, QWidget* parent = nullptr);

/// A widget filled with a surface of the theme.
class SurfaceWidget : public QWidget {
  Q_OBJECT
 public:
  explicit SurfaceWidget(Surface surface, QWidget* parent = nullptr);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  Surface m_surface;
};

/// A raised card with a border and rounded corners; lay out inside with its contents margins.
class Card : public QWidget {
  Q_OBJECT
 public:
  explicit Card(QWidget* parent = nullptr);

 protected:
  void paintEvent(QPaintEvent* event) override;
};

/// Sets the font of a field or button now and whenever the text scale changes.
void followType(QWidget* widget, Type type);

QColor inkColor(Ink ink);

}  // namespace bookwheel
