// SPDX-License-Identifier: Apache-2.0
// A plot with a logarithmic y axis as SVG: several panels beside each other, one legend.
#include "app/cli/eval_plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace bookwheel {

namespace {

// Pixels.
constexpr double kPanelWidth = 300;
constexpr double kPanelHeight = 320;
constexpr double kLeft = 76;
constexpr double kGap = 24;
constexpr double kTop = 40;
constexpr double kBottom = 52;
constexpr double kLegendRow = 20;
constexpr double kLegendColumn = 230;

std::string number(double value, const char* format) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string px(double value) { return number(value, "%.1f"); }

std::string escaped(const std::string& text) {
  std::string out;
  for (const char character : text) {
    switch (character) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += character;
    }
  }
  return out;
}

struct Axes {
  double xLow = std::numeric_limits<double>::infinity();
  double xHigh = -std::numeric_limits<double>::infinity();
  double yLow = xLow;    // of log10
  double yHigh = xHigh;  // of log10

  double x(double value) const { return (value - xLow) / (xHigh - xLow) * kPanelWidth; }
  double y(double value) const {
    const double share = (std::log10(value) - yLow) / (yHigh - yLow);
    return kPanelHeight * (1 - std::clamp(share, 0.0, 1.0));
  }
};

Axes axesOf(const std::vector<PlotPanel>& panels) {
  Axes axes;
  for (const PlotPanel& panel : panels) {
    for (const PlotSeries& series : panel.series) {
      for (const PlotPoint& point : series.points) {
        axes.xLow = std::min(axes.xLow, point.x);
        axes.xHigh = std::max(axes.xHigh, point.x);
        axes.yLow = std::min(axes.yLow, std::log10(point.y));
        axes.yHigh = std::max(axes.yHigh, std::log10(point.y));
      }
    }
  }
  // Whole numbers around the points, so that a point never lies on the frame.
  axes.xLow = std::floor(axes.xLow - 0.1);
  axes.xHigh = std::ceil(axes.xHigh + 0.1);
  axes.yLow = std::floor(axes.yLow - 0.05);
  axes.yHigh = std::ceil(axes.yHigh + 0.05);
  return axes;
}

std::string line(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line x1=\"" + px(x1) + "\" y1=\"" + px(y1) + "\" x2=\"" + px(x2) + "\" y2=\"" + px(y2) +
         "\" " + style + "/>\n";
}

std::string text(double x, double y, const std::string& anchor, const std::string& content,
                 const std::string& more = {}) {
  return "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\" text-anchor=\"" + anchor + "\" " + more +
         ">" + escaped(content) + "</text>\n";
}

std::string strokeOf(const PlotSeries& series) {
  std::string style =
      "stroke=\"" + escaped(series.colour) + "\" stroke-width=\"1.6\" fill=\"none\"";
  if (!series.dashes.empty()) {
    style += " stroke-dasharray=\"" + escaped(series.dashes) + "\"";
  }
  return style;
}

std::string drawSeries(const PlotSeries& series, const Axes& axes) {
  std::string out;
  std::string path;
  for (const PlotPoint& point : series.points) {
    path += (path.empty() ? "M" : "L") + px(axes.x(point.x)) + " " + px(axes.y(point.y));
    if (point.high > point.low && point.low > 0) {
      out += line(axes.x(point.x), axes.y(point.low), axes.x(point.x), axes.y(point.high),
                  "stroke=\"" + escaped(series.colour) + "\" stroke-width=\"1\"");
    }
    out += "<circle cx=\"" + px(axes.x(point.x)) + "\" cy=\"" + px(axes.y(point.y)) +
           "\" r=\"3\" fill=\"" + escaped(series.colour) + "\"><title>" + escaped(point.title) +
           "</title></circle>\n";
  }
  return "<path d=\"" + path + "\" " + strokeOf(series) + "/>\n" + out;
}

std::string drawPanel(const PlotPanel& panel, const Axes& axes, bool first) {
  std::string out;
  for (double exponent = axes.yLow; exponent <= axes.yHigh + 0.5; ++exponent) {
    const double y = axes.y(std::pow(10.0, exponent));
    out += line(0, y, kPanelWidth, y, "stroke=\"#dddddd\"");
    if (first) {
      out += text(-8, y + 4, "end", number(std::pow(10.0, exponent), "%g"));
    }
  }
  for (double x = axes.xLow; x <= axes.xHigh + 0.5; ++x) {
    out += line(axes.x(x), kPanelHeight, axes.x(x), kPanelHeight + 4, "stroke=\"#888888\"");
    out += text(axes.x(x), kPanelHeight + 18, "middle", number(x, "%g"));
  }
  out += "<rect width=\"" + px(kPanelWidth) + "\" height=\"" + px(kPanelHeight) +
         "\" fill=\"none\" stroke=\"#888888\"/>\n";
  out += text(kPanelWidth / 2, -12, "middle", panel.title, "font-weight=\"600\"");
  for (const PlotSeries& series : panel.series) {
    out += drawSeries(series, axes);
  }
  return out;
}

std::vector<PlotSeries> legendOf(const std::vector<PlotPanel>& panels) {
  std::vector<PlotSeries> legend;
  for (const PlotPanel& panel : panels) {
    for (const PlotSeries& series : panel.series) {
      const bool known = std::any_of(legend.begin(), legend.end(), [&](const PlotSeries& other) {
        return other.name == series.name;
      });
      if (!known) {
        legend.push_back({series.name, series.colour, series.dashes, {}});
      }
    }
  }
  return legend;
}

}  // namespace

std::string plotSvg(const std::vector<PlotPanel>& panels, const std::string& xTitle,
                    const std::string& yTitle) {
  const Axes axes = axesOf(panels);
  if (!(axes.xHigh > axes.xLow)) {
    return {};
  }
  const std::vector<PlotSeries> legend = legendOf(panels);
  const auto count = static_cast<double>(panels.size());
  const double width =
      std::max(kLeft + count * (kPanelWidth + kGap), kLeft + 2 * kLegendColumn + kGap);
  const auto columns =
      std::max<std::size_t>(1, static_cast<std::size_t>((width - kLeft) / kLegendColumn));
  const std::size_t rows = (legend.size() + columns - 1) / columns;
  const double height = kTop + kPanelHeight + kBottom + kLegendRow * static_cast<double>(rows) + 8;
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + px(width) + " " +
                    px(height) + "\" width=\"" + px(width) + "\" height=\"" + px(height) +
                    "\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222222\">\n" +
                    "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  double x = kLeft;
  for (const PlotPanel& panel : panels) {
    out += "<g transform=\"translate(" + px(x) + " " + px(kTop) + ")\">\n" +
           drawPanel(panel, axes, x == kLeft) + "</g>\n";
    x += kPanelWidth + kGap;
  }
  out += text(kLeft + (count * (kPanelWidth + kGap) - kGap) / 2, kTop + kPanelHeight + 40, "middle",
              xTitle);
  out += text(0, 0, "middle", yTitle,
              "transform=\"translate(14 " + px(kTop + kPanelHeight / 2) + ") rotate(-90)\"");
  for (std::size_t i = 0; i < legend.size(); ++i) {
    const double left = kLeft + kLegendColumn * static_cast<double>(i % columns);
    const double y =
        kTop + kPanelHeight + kBottom + kLegendRow * (static_cast<double>(i / columns) + 0.5);
    out += line(left, y, left + 28, y, strokeOf(legend[i]));
    out += text(left + 36, y + 4, "start", legend[i].name);
  }
  return out + "</svg>\n";
}

}  // namespace bookwheel
