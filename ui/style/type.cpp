// SPDX-License-Identifier: Apache-2.0
// The type sizes of the window, all scaled from one base.
#include "ui/style/type.h"

#include <QFontDatabase>
#include <QFontMetrics>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kLetterSpacingFromPixels = 20;

int g_textScale = 100;  // GUI thread only, as fonts are

struct Face {
  int pixels;
  QFont::Weight weight;
};

Face faceOf(Type type) {
  switch (type) {
    case Type::BigNumber:
      return {28, QFont::DemiBold};
    case Type::Title:
      return {22, QFont::DemiBold};
    case Type::Heading:
      return {15, QFont::DemiBold};
    case Type::Strong:
      return {14, QFont::DemiBold};
    case Type::Question:
      return {14, QFont::Medium};
    case Type::Body:
      return {14, QFont::Normal};
    case Type::ControlStrong:
      return {13, QFont::DemiBold};
    case Type::Control:
      return {13, QFont::Medium};
    case Type::Row:
      return {13, QFont::Normal};
    case Type::NoteStrong:
      return {12, QFont::DemiBold};
    case Type::NoteMedium:
      return {12, QFont::Medium};
    case Type::Note:
      return {12, QFont::Normal};
  }
  Q_UNREACHABLE();
}

}  // namespace

bool loadFonts() {
  bool all = true;
  for (const auto* style : {"Regular", "Italic", "Medium", "SemiBold"}) {
    const auto path = u":/fonts/BookwheelUI-%1.otf"_s.arg(QLatin1StringView(style));
    all = QFontDatabase::addApplicationFont(path) >= 0 && all;
  }
  return all;
}

QFont font(Type type) {
  const Face face = faceOf(type);
  QFont result(u"Bookwheel UI"_s);
  result.setPixelSize(scaled(face.pixels));
  result.setWeight(face.weight);
  result.setHintingPreference(QFont::PreferNoHinting);
  if (face.pixels >= kLetterSpacingFromPixels) {
    result.setLetterSpacing(QFont::PercentageSpacing, 97);
  }
  return result;
}

QFont codeFont() {
  QFont result = QFontDatabase::systemFont(QFontDatabase::FixedFont);
  result.setPixelSize(scaled(13));
  return result;
}

void setTextScale(int percent) { g_textScale = std::clamp(percent, 100, 200); }

int textScale() { return g_textScale; }

int scaled(int pixels) { return (pixels * g_textScale + 50) / 100; }

}  // namespace bookwheel
