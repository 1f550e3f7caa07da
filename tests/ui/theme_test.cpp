// SPDX-License-Identifier: Apache-2.0
// Every colour pair the window draws can be read, and the parts of memory can be told apart by all
// eyes.
#include "ui/style/theme.h"

#include <QTest>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

using bookwheel::darkTheme;
using bookwheel::highContrast;
using bookwheel::lightTheme;
using bookwheel::Theme;

namespace {

struct Token {
  const char* name;
  QColor Theme::*colour;
};

constexpr double kReadable = 4.5;   // WCAG 2.1, 1.4.3: text under 18 pt
constexpr double kSeen = 3.0;       // WCAG 2.1, 1.4.11: outlines of controls and parts of charts
constexpr double kToldApart = 8.0;  // OKLab distance x 100: the chart's nearest pair has 9.0

double linear(double channel) {
  return channel <= 0.04045 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4);
}

std::array<double, 3> linearRgb(const QColor& colour) {
  return {linear(colour.redF()), linear(colour.greenF()), linear(colour.blueF())};
}

double luminance(const QColor& colour) {
  const auto [r, g, b] = linearRgb(colour);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

double contrast(const QColor& a, const QColor& b) {
  const double first = luminance(a) + 0.05;
  const double second = luminance(b) + 0.05;
  return std::max(first, second) / std::min(first, second);
}

using Matrix = std::array<std::array<double, 3>, 3>;

struct Eye {
  const char* name;
  Matrix matrix;
};

// Machado, Oliveira and Fernandes 2009, severity 1.
constexpr std::array<Eye, 4> kEyes = {{
    {"normal", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}},
    {"protan",
     {{{.152286, 1.052583, -.204868},
       {.114503, .786281, .099216},
       {-.003882, -.048116, 1.051998}}}},
    {"deutan",
     {{{.367322, .860646, -.227968}, {.280085, .672501, .047413}, {-.01182, .04294, .968881}}}},
    {"tritan",
     {{{1.255528, -.076749, -.178779}, {-.078411, .930809, .147602}, {.004733, .691367, .3039}}}},
}};

std::array<double, 3> times(const Matrix& matrix, const std::array<double, 3>& v) {
  std::array<double, 3> result{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      result[i] += matrix[i][j] * v[j];
    }
  }
  return result;
}

// Ottosson 2020.
std::array<double, 3> oklab(std::array<double, 3> rgb) {
  constexpr Matrix kToLms = {{{.4122214708, .5363325363, .0514459929},
                              {.2119034982, .6806995451, .1073969566},
                              {.0883024619, .2817188376, .6299787005}}};
  constexpr Matrix kToLab = {{{.2104542553, .793617785, -.0040720468},
                              {1.9779984951, -2.428592205, .4505937099},
                              {.0259040371, .7827717662, -.808675766}}};
  for (double& channel : rgb) {
    channel = std::clamp(channel, 0.0, 1.0);
  }
  auto lms = times(kToLms, rgb);
  for (double& cone : lms) {
    cone = std::cbrt(cone);
  }
  return times(kToLab, lms);
}

double distance(const QColor& a, const QColor& b, const Matrix& eye) {
  const auto first = oklab(times(eye, linearRgb(a)));
  const auto second = oklab(times(eye, linearRgb(b)));
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    sum += (first[i] - second[i]) * (first[i] - second[i]);
  }
  return 100 * std::sqrt(sum);
}

#define TOKEN(name) \
  Token { #name, &Theme::name }

const QList<Token> kParts = {TOKEN(weights),  TOKEN(codes),    TOKEN(scales),
                             TOKEN(residual), TOKEN(prefetch), TOKEN(workspace)};

struct Theming {
  const char* name;
  Theme theme;
};

QList<Theming> themes() {
  return {{"light", lightTheme()},
          {"dark", darkTheme()},
          {"light, high contrast", highContrast(lightTheme())},
          {"dark, high contrast", highContrast(darkTheme())}};
}

}  // namespace

class ThemeTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void textCanBeRead_data() {
    QTest::addColumn<QColor>("ink");
    QTest::addColumn<QColor>("surface");
    const QList<Token> plain = {TOKEN(window), TOKEN(pane), TOKEN(raised)};
    const QList<Token> tinted = {TOKEN(accentSoft), TOKEN(warnBackground), TOKEN(errorBackground)};
    const QList<Token> marked = {TOKEN(mark)};
    const auto add = [](const Theming& in, const QList<Token>& inks, const QList<Token>& surfaces) {
      for (const Token& ink : inks) {
        for (const Token& surface : surfaces) {
          QTest::addRow("%s: %s on %s", in.name, ink.name, surface.name)
              << in.theme.*ink.colour << in.theme.*surface.colour;
        }
      }
    };
    for (const Theming& in : themes()) {
      const bool dark = in.theme.dark;
      add(in,
          {TOKEN(text), TOKEN(text2), TOKEN(accent), TOKEN(accentHover), TOKEN(warn), TOKEN(error)},
          plain + tinted);
      add(in, {TOKEN(text)}, marked + QList<Token>{TOKEN(sunken), TOKEN(hover), TOKEN(page)});
      add(in, {TOKEN(text2)}, {TOKEN(hover), TOKEN(raisedHover)});
      add(in, {TOKEN(text3)}, dark ? plain : plain + QList<Token>{TOKEN(sunken)});
      add(in, {TOKEN(pageText)}, {TOKEN(page), TOKEN(accentSoft)});
      add(in, {TOKEN(onAccent)}, {TOKEN(accent), TOKEN(accentHover), TOKEN(accentPressed)});
    }
  }
  void textCanBeRead() {
    QFETCH(QColor, ink);
    QFETCH(QColor, surface);
    QCOMPARE_GE(contrast(ink, surface), kReadable);
  }

  void outlinesAreSeen_data() {
    QTest::addColumn<QColor>("line");
    QTest::addColumn<QColor>("surface");
    for (const Theming& in : themes()) {
      for (const Token& line : {TOKEN(control), TOKEN(accent), TOKEN(markStrong)}) {
        for (const Token& surface : {TOKEN(window), TOKEN(pane), TOKEN(raised)}) {
          QTest::addRow("%s: %s on %s", in.name, line.name, surface.name)
              << in.theme.*line.colour << in.theme.*surface.colour;
        }
      }
      for (const Token& part : kParts) {
        for (const Token& surface : {TOKEN(pane)}) {
          QTest::addRow("%s: %s on %s", in.name, part.name, surface.name)
              << in.theme.*part.colour << in.theme.*surface.colour;
        }
      }
    }
  }
  void outlinesAreSeen() {
    QFETCH(QColor, line);
    QFETCH(QColor, surface);
    QCOMPARE_GE(contrast(line, surface), kSeen);
  }

  void partsAreToldApart_data() {
    QTest::addColumn<bool>("dark");
    QTest::addColumn<int>("eye");
    for (std::size_t eye = 0; eye < kEyes.size(); ++eye) {
      QTest::addRow("light, %s", kEyes[eye].name) << false << int(eye);
      QTest::addRow("dark, %s", kEyes[eye].name) << true << int(eye);
    }
  }
  void partsAreToldApart() {
    QFETCH(bool, dark);
    QFETCH(int, eye);
    const Theme& theme = dark ? darkTheme() : lightTheme();
    for (int i = 0; i < kParts.size(); ++i) {
      for (int j = i + 1; j < kParts.size(); ++j) {
        const double apart = distance(theme.*kParts.at(i).colour, theme.*kParts.at(j).colour,
                                      kEyes[std::size_t(eye)].matrix);
        QVERIFY2(apart >= kToldApart, qPrintable(QStringLiteral("%1 and %2: %3")
                                                     .arg(QLatin1StringView(kParts.at(i).name),
                                                          QLatin1StringView(kParts.at(j).name))
                                                     .arg(apart)));
      }
    }
  }
};

QTEST_APPLESS_MAIN(ThemeTest)
#include "theme_test.moc"
