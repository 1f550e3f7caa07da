// SPDX-License-Identifier: Apache-2.0
// A plot with a logarithmic y axis as SVG: several panels beside each other, one legend.
#pragma once

#include <string>
#include <vector>

namespace bookwheel {

struct PlotPoint {
  double x;
  double y;    // above 0
  double low;  // of an interval around y; equal to high: none is drawn
  double high;
  std::string title;  // shown by a browser over the point
};

struct PlotSeries {
  std::string name;    // equal names share a line of the legend
  std::string colour;  // "#1b6ca8"
  std::string dashes;  // "" solid, else SVG's stroke-dasharray
  std::vector<PlotPoint> points;
};

struct PlotPanel {
  std::string title;
  std::vector<PlotSeries> series;
};

/// All panels have the same axes, from the smallest to the largest number of all. "" without a
/// point.
std::string plotSvg(const std::vector<PlotPanel>& panels, const std::string& xTitle,
                    const std::string& yTitle);

}  // namespace bookwheel
