// SPDX-License-Identifier: Apache-2.0
// Theme: every colour the window uses, in a light and a dark set.
#include "ui/style/theme.h"

namespace bookwheel {

namespace {

QColor rgb(QRgb value) { return QColor(value | 0xFF000000u); }

Theme& current() {
  static Theme now = lightTheme();
  return now;
}

}  // namespace

const Theme& lightTheme() {
  static const Theme light = {
      .dark = false,
      .window = rgb(0xF3F1EC),
      .pane = rgb(0xFAF9F6),
      .raised = rgb(0xFFFFFF),
      .sunken = rgb(0xE9E6DF),
      .track = rgb(0xE9E6DF),
      .hover = rgb(0xE9E6DF),
      .raisedHover = rgb(0xF3F1EC),
      .desk = rgb(0xE2DED5),
      .page = rgb(0xFFFFFF),
      .pageText = rgb(0x1E1D1A),
      .border = rgb(0xDAD6CD),
      .control = rgb(0x8A857A),
      .text = rgb(0x1E1D1A),
      .text2 = rgb(0x57534A),
      .text3 = rgb(0x6A655B),
      .accent = rgb(0x0B6761),
      .accentHover = rgb(0x09564F),
      .accentPressed = rgb(0x07443F),
      .accentSoft = rgb(0xDCEBE8),
      .onAccent = rgb(0xFFFFFF),
      .mark = rgb(0xFFE7A3),
      .markStrong = rgb(0xA56100),
      .warn = rgb(0x7A4A00),
      .warnBackground = rgb(0xFFF3D6),
      .error = rgb(0xA1242B),
      .errorBackground = rgb(0xFCEBE9),
      .weights = rgb(0x3F434A),
      .codes = rgb(0x2E69B2),
      .scales = rgb(0x4D92CA),
      .residual = rgb(0x954F6C),
      .prefetch = rgb(0xC0571E),
      .workspace = rgb(0x8F8A80),
  };
  return light;
}

const Theme& darkTheme() {
  static const Theme dark = {
      .dark = true,
      .window = rgb(0x191A1B),
      .pane = rgb(0x1F2022),
      .raised = rgb(0x2A2B2E),
      .sunken = rgb(0x141516),
      .track = rgb(0x3A3C40),
      .hover = rgb(0x2A2B2E),
      .raisedHover = rgb(0x35373A),
      .desk = rgb(0x111213),
      .page = rgb(0x232427),
      .pageText = rgb(0xDAD7D0),
      .border = rgb(0x35373A),
      .control = rgb(0x7D8085),
      .text = rgb(0xECEAE5),
      .text2 = rgb(0xB9B5AC),
      .text3 = rgb(0x9C978D),
      .accent = rgb(0x63C7BB),
      .accentHover = rgb(0x7FD6CB),
      .accentPressed = rgb(0x9BE3DA),
      .accentSoft = rgb(0x1E3836),
      .onAccent = rgb(0x06211E),
      .mark = rgb(0x5B4516),
      .markStrong = rgb(0xE5A83C),
      .warn = rgb(0xF0C46C),
      .warnBackground = rgb(0x352A12),
      .error = rgb(0xFF9B94),
      .errorBackground = rgb(0x3B1F1F),
      .weights = rgb(0xC3C7CE),
      .codes = rgb(0x64A1EE),
      .scales = rgb(0x01729F),
      .residual = rgb(0xC886B2),
      .prefetch = rgb(0xE97C48),
      .workspace = rgb(0x7C7A75),
  };
  return dark;
}

Theme highContrast(Theme theme) {
  theme.border = theme.control;
  theme.control = theme.text2;
  theme.text2 = theme.text;
  theme.text3 = theme.text;
  return theme;
}

const Theme& theme() { return current(); }

void setTheme(const Theme& next) { current() = next; }

QPalette paletteOf(const Theme& theme) {
  QPalette palette;
  palette.setColor(QPalette::Window, theme.window);
  palette.setColor(QPalette::WindowText, theme.text);
  palette.setColor(QPalette::Base, theme.pane);
  palette.setColor(QPalette::AlternateBase, theme.window);
  palette.setColor(QPalette::Text, theme.text);
  palette.setColor(QPalette::PlaceholderText, theme.text3);
  palette.setColor(QPalette::Button, theme.raised);
  palette.setColor(QPalette::ButtonText, theme.text);
  palette.setColor(QPalette::BrightText, theme.onAccent);
  palette.setColor(QPalette::Highlight, theme.accent);
  palette.setColor(QPalette::HighlightedText, theme.onAccent);
  palette.setColor(QPalette::Link, theme.accent);
  palette.setColor(QPalette::LinkVisited, theme.accent);
  palette.setColor(QPalette::ToolTipBase, theme.raised);
  palette.setColor(QPalette::ToolTipText, theme.text);
  palette.setColor(QPalette::Light, theme.raised);
  palette.setColor(QPalette::Midlight, theme.hover);
  palette.setColor(QPalette::Mid, theme.border);
  palette.setColor(QPalette::Dark, theme.control);
  palette.setColor(QPalette::Shadow, theme.border);
  for (const auto role : {QPalette::Text, QPalette::WindowText, QPalette::ButtonText}) {
    palette.setColor(QPalette::Disabled, role, theme.text3);
  }
  return palette;
}

ThemeEvents& themeEvents() {
  static ThemeEvents events;
  return events;
}

}  // namespace bookwheel
