// SPDX-License-Identifier: Apache-2.0
// Theme: every colour the window uses, in a light and a dark set.
#pragma once

#include <QColor>
#include <QObject>
#include <QPalette>

namespace bookwheel {

/// Painting code takes colours from nowhere else. Contrast and colour-vision distances of the two
/// sets are held by tests/ui/theme_test.cpp.
struct Theme {
  bool dark = false;

  // Surfaces.
  QColor window;       // shelf, bars, strip
  QColor pane;         // conversation, dialogs
  QColor raised;       // cards, fields, buttons, menus
  QColor sunken;       // disabled fill
  QColor track;        // the empty part of bars
  QColor hover;        // row and quiet button under the pointer
  QColor raisedHover;  // outlined button under the pointer
  QColor desk;         // behind the page
  QColor page;
  QColor pageText;

  // Lines and text.
  QColor border;   // lines that separate
  QColor control;  // outlines of controls, at least 3:1
  QColor text;
  QColor text2;  // second lines, notes
  QColor text3;  // placeholders, axis labels; dark: only on window, pane and raised

  // Teal: "you can act", "this is current".
  QColor accent;
  QColor accentHover;
  QColor accentPressed;
  QColor accentSoft;  // current row, "done" notice
  QColor onAccent;

  // Amber: "here it looked", and nothing else.
  QColor mark;
  QColor markStrong;

  // Consequences; always with their icon.
  QColor warn;
  QColor warnBackground;
  QColor error;
  QColor errorBackground;

  // Parts of memory, in the order of every chart.
  QColor weights;
  QColor codes;
  QColor scales;
  QColor residual;
  QColor prefetch;
  QColor workspace;
};

const Theme& lightTheme();
const Theme& darkTheme();

/// Border becomes control, control becomes text2, text2 and text3 become text.
Theme highContrast(Theme theme);

/// What the style and the painters use now: ambient as QApplication::palette() is. GUI thread.
const Theme& theme();
/// Only Appearance calls it, which also sets the palette and repaints.
void setTheme(const Theme& next);

QPalette paletteOf(const Theme& theme);

/// Says that the theme or the text scale has changed: whoever keeps colours or fonts takes new
/// ones.
class ThemeEvents : public QObject {
  Q_OBJECT
 Q_SIGNALS:
  void changed();
};
ThemeEvents& themeEvents();

}  // namespace bookwheel
