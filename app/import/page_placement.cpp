// SPDX-License-Identifier: Apache-2.0
// Where a PDF page's coordinates lie on the page as it is shown.
#include "app/import/page_placement.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <vector>

namespace bookwheel {
namespace {

/// Which pixels are not background, and how many lie in any rectangle.
class Ink {
 public:
  explicit Ink(const QImage& picture)
      : m_width(picture.width()),
        m_height(picture.height()),
        m_columns(size(m_width)),
        m_rows(size(m_height)),
        m_sums(size(m_width + 1) * size(m_height + 1)) {
    const QImage grey = picture.convertToFormat(QImage::Format_Grayscale8);
    std::array<int, 256> histogram{};
    for (int y = 0; y < m_height; ++y) {
      const uchar* row = grey.constScanLine(y);
      std::for_each(row, row + m_width, [&](uchar value) { ++histogram[value]; });
    }
    const auto background =
        static_cast<int>(std::max_element(histogram.begin(), histogram.end()) - histogram.begin());
    constexpr int kContrast = 48;
    for (int y = 0; y < m_height; ++y) {
      const uchar* row = grey.constScanLine(y);
      std::int32_t inRow = 0;
      for (int x = 0; x < m_width; ++x) {
        const int ink = std::abs(row[x] - background) > kContrast ? 1 : 0;
        inRow += ink;
        m_columns[size(x)] += static_cast<float>(ink);
        sum(x + 1, y + 1) = sum(x + 1, y) + inRow;
      }
      m_rows[size(y)] = static_cast<float>(inRow);
    }
  }
  int width() const { return m_width; }
  int height() const { return m_height; }
  std::int64_t total() const { return m_sums.back(); }
  const std::vector<float>& columns() const { return m_columns; }
  const std::vector<float>& rows() const { return m_rows; }
  /// Ink pixels inside a rectangle of pixels, cut at the picture's edge.
  std::int64_t inside(const QRectF& box) const {
    const auto cut = [](double value, int most) {
      return static_cast<int>(std::clamp(std::round(value), 0.0, static_cast<double>(most)));
    };
    const int left = cut(box.left(), m_width);
    const int right = cut(box.right(), m_width);
    const int top = cut(box.top(), m_height);
    const int bottom = cut(box.bottom(), m_height);
    return std::int64_t{at(right, bottom)} - at(left, bottom) - at(right, top) + at(left, top);
  }

 private:
  static std::size_t size(int value) { return static_cast<std::size_t>(value); }
  std::size_t index(int x, int y) const { return size(y) * size(m_width + 1) + size(x); }
  std::int32_t& sum(int x, int y) { return m_sums[index(x, y)]; }
  std::int32_t at(int x, int y) const { return m_sums[index(x, y)]; }

  int m_width;
  int m_height;
  std::vector<float> m_columns;
  std::vector<float> m_rows;
  std::vector<std::int32_t> m_sums;  // (height + 1, width + 1), sums of all above and left
};

/// How much of the boxes stands in each column (or row) of pixels, from the first box on.
class Profile {
 public:
  /// No longer than two pictures: what is further away cannot be on the page together.
  explicit Profile(int length) : m_values(2 * static_cast<std::size_t>(length)) {}
  void add(double begin, double end, double weight) {
    const auto most = static_cast<double>(m_values.size());
    const auto first = static_cast<std::size_t>(std::clamp(std::round(begin), 0.0, most));
    const auto last = static_cast<std::size_t>(std::clamp(std::round(end), 0.0, most));
    for (std::size_t i = first; i < last; ++i) {
      m_values[i] += static_cast<float>(weight);
    }
  }
  /// The pixel of `ink` at which the first box should begin for the best agreement. Up to half of
  /// the picture's length of boxes may stand before its edge.
  int placeOn(const std::vector<float>& ink) const {
    const int inkSize = static_cast<int>(ink.size());
    const int boxSize = static_cast<int>(m_values.size());
    float best = -1;
    int result = 0;
    for (int place = -inkSize / 2; place < inkSize; ++place) {
      const int begin = std::max(0, -place);
      const int end = std::min(boxSize, inkSize - place);
      const float score =
          std::inner_product(m_values.begin() + begin, m_values.begin() + std::max(begin, end),
                             ink.begin() + begin + place, 0.0F);
      if (score > best) {
        best = score;
        result = place;
      }
    }
    return result;
  }

 private:
  std::vector<float> m_values;
};

/// Cosine of the angle between the two masks: 1 when ink fills the boxes and nothing else.
double overlap(const QList<QRectF>& boxes, QPointF shift, const Ink& ink) {
  double area = 0;
  double inside = 0;
  for (const QRectF& box : boxes) {
    area += box.width() * box.height();
    inside += static_cast<double>(ink.inside(box.translated(shift)));
  }
  return area > 0 ? inside / std::sqrt(area * static_cast<double>(ink.total())) : 0;
}

}  // namespace

QPointF PagePlacement::toShown(QPointF raw) const {
  const double x = raw.x();
  const double y = shown.height() - raw.y();  // upwards, as PDF counts
  QPointF point;
  switch (quarterTurns) {
    case 1:
      point = {y, x};
      break;
    case 2:
      point = {shown.width() - x, y};
      break;
    case 3:
      point = {shown.width() - y, shown.height() - x};
      break;
    default:
      point = raw;
  }
  return point + shift;
}

QRectF PagePlacement::toShown(const QRectF& raw) const {
  return QRectF(toShown(raw.topLeft()), toShown(raw.bottomRight())).normalized();
}

QPointF PagePlacement::toRaw(QPointF shownPoint) const {
  const QPointF point = shownPoint - shift;
  switch (quarterTurns) {
    case 1:
      return {point.y(), shown.height() - point.x()};
    case 2:
      return {shown.width() - point.x(), shown.height() - point.y()};
    case 3:
      return {shown.height() - point.y(), shown.height() - (shown.width() - point.x())};
    default:
      return point;
  }
}

PagePlacement findPlacement(const QList<QRectF>& rawBoxes, QSizeF shown, const QImage& picture) {
  PagePlacement ordinary;
  ordinary.shown = shown;
  constexpr qsizetype kMostBoxes = 2'000;
  const Ink ink(picture);
  if (rawBoxes.isEmpty() || ink.total() == 0 || !(shown.width() > 0)) {
    return ordinary;
  }
  const double scale = picture.width() / shown.width();
  PagePlacement best = ordinary;
  double bestOverlap = -1;
  for (int turns = 0; turns < 4; ++turns) {
    PagePlacement candidate = ordinary;
    candidate.quarterTurns = turns;
    QList<QRectF> boxes;
    QRectF all;
    for (const QRectF& raw : rawBoxes.first(std::min(rawBoxes.size(), kMostBoxes))) {
      const QRectF box = candidate.toShown(raw);
      boxes.append(QRectF(box.topLeft() * scale, box.size() * scale));
      all = all.united(boxes.back());
    }
    Profile columns(ink.width());
    Profile rows(ink.height());
    for (const QRectF& box : boxes) {
      columns.add(box.left() - all.left(), box.right() - all.left(), box.height());
      rows.add(box.top() - all.top(), box.bottom() - all.top(), box.width());
    }
    // Another placement must explain the ink clearly better than what nearly all pages have.
    constexpr double kClearly = 1.15;
    if (turns == 0) {
      bestOverlap = kClearly * overlap(boxes, {}, ink);
    }
    const QPointF shift =
        QPointF(columns.placeOn(ink.columns()), rows.placeOn(ink.rows())) - all.topLeft();
    const double found = overlap(boxes, shift, ink);
    if (found > bestOverlap) {
      bestOverlap = found;
      candidate.shift = shift / scale;
      best = candidate;
    }
  }
  return best;
}

}  // namespace bookwheel
