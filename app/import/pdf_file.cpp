// SPDX-License-Identifier: Apache-2.0
// One open PDF: the text of its pages as the program counts it, their pictures, and places on them.
#include "app/import/pdf_file.h"

#include "app/documents/utf8.h"
#include "app/import/headings.h"
#include "app/import/import_limits.h"

#include <QPdfSelection>
#include <QtEndian>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace bookwheel {
namespace {

constexpr QChar kHyphenMark(0xFFFE);

QString byteSwapped(const QString& text) {
  QString result = text;
  for (QChar& unit : result) {
    unit = QChar(qbswap(static_cast<quint16>(unit.unicode())));
  }
  return result;
}

/// Bytes of UTF-8 before UTF-16 unit `units` of `text`.
std::uint32_t bytesBefore(QStringView text, qsizetype units) {
  return static_cast<std::uint32_t>(text.first(units).toUtf8().size());
}

/// UTF-16 units in the first `bytes` bytes of the text's UTF-8.
qsizetype unitsBefore(const QString& text, std::uint32_t bytes) {
  const QByteArray utf8 = text.toUtf8();
  const qsizetype end = std::min<qsizetype>(bytes, utf8.size());
  const auto counts = countUtf8({utf8.constData(), static_cast<std::size_t>(end)});
  // An offset inside a character cannot come from our own text: nothing is marked then.
  return counts ? static_cast<qsizetype>(counts->utf16Units) : 0;
}

/// Blends straight alpha over paper. Dark paper keeps hue and chroma and turns lightness round:
/// v + 255 - max - min stays within 0..255 for each channel v, because max - min <= 255.
class PaperColours {
 public:
  explicit PaperColours(bool dark) : m_dark(dark) {}
  QRgb operator()(QRgb pixel) const {
    const int alpha = qAlpha(pixel);
    int red = overWhite(qRed(pixel), alpha);
    int green = overWhite(qGreen(pixel), alpha);
    int blue = overWhite(qBlue(pixel), alpha);
    if (m_dark) {
      const int turn = 255 - std::max({red, green, blue}) - std::min({red, green, blue});
      red = between(red + turn, 0x23, 0xE6);
      green = between(green + turn, 0x24, 0xE4);
      blue = between(blue + turn, 0x27, 0xDF);
    }
    return qRgb(red, green, blue);
  }

 private:
  static int overWhite(int channel, int alpha) { return 255 + ((channel - 255) * alpha) / 255; }
  /// 0..255 to paper (#232427, the design's dark page) .. ink.
  static int between(int value, int paper, int ink) { return paper + value * (ink - paper) / 255; }
  bool m_dark;
};

}  // namespace

std::optional<wire::Failed> PdfFile::open(QIODevice& device, const QString& password) {
  if (!password.isEmpty()) {
    m_document.setPassword(password);
  }
  m_document.load(&device);
  switch (m_document.error()) {
    case QPdfDocument::Error::None:
      break;
    case QPdfDocument::Error::IncorrectPassword:
      return wire::Failed{
          password.isEmpty() ? wire::Refusal::PasswordNeeded : wire::Refusal::PasswordWrong, 0};
    case QPdfDocument::Error::UnsupportedSecurityScheme:
      return wire::Failed{wire::Refusal::Protected, 0};
    default:
      return wire::Failed{wire::Refusal::BrokenPdf, 0};
  }
  if (m_document.status() != QPdfDocument::Status::Ready || m_document.pageCount() < 1) {
    return wire::Failed{wire::Refusal::BrokenPdf, 0};
  }
  if (m_document.pageCount() > kMostPages) {
    return wire::Failed{wire::Refusal::TooManyPages,
                        static_cast<std::uint64_t>(m_document.pageCount())};
  }
  return std::nullopt;
}

QString PdfFile::title() const {
  CleanCounts ignored;
  return titleLine(
      cleanFlowText(m_document.metaData(QPdfDocument::MetaDataField::Title).toString(), ignored));
}

QString PdfFile::pageLabel(int page) {
  CleanCounts ignored;
  const QString label = titleLine(cleanFlowText(m_document.pageLabel(page), ignored));
  return label.isEmpty() || label.size() > kMostLabelLength ? QString::number(page + 1) : label;
}

QString PdfFile::rawText(int page) {
  const QString text = m_document.getAllText(page).text();
  // Text that begins with the hyphen mark U+FFFE is taken for byte-swapped UTF-16 by Qt. Its line
  // ends are U+0A00 then, a code point that is never assigned.
  if (text.contains(QChar(0x0A00))) {
    const QString rest =
        m_document.getSelectionAtIndex(page, 1, static_cast<int>(text.size()) + 1).text();
    if (rest == byteSwapped(text)) {
      return kHyphenMark + rest;
    }
  }
  return text;
}

std::optional<QSize> PdfFile::render(int page, int widthPixels, bool dark, uchar* target) {
  const QSizeF points = pageSize(page);
  if (page >= pageCount() || widthPixels < 1 || !(points.width() > 0) || !(points.height() > 0)) {
    return std::nullopt;
  }
  const double aspect = points.height() / points.width();
  // A strip a million times as high as wide still gets one pixel of width.
  const double mostWidth = std::sqrt(static_cast<double>(kMostPixels) / aspect);
  const double width = std::max(1.0, std::floor(std::min<double>(widthPixels, mostWidth)));
  const double height = std::clamp(std::round(width * aspect), 1.0,
                                   std::floor(static_cast<double>(kMostPixels) / width));
  const QSize size(static_cast<int>(width), static_cast<int>(height));
  const QImage image = m_document.render(page, size).convertToFormat(QImage::Format_ARGB32);
  if (image.isNull() || image.size() != size) {
    return std::nullopt;
  }
  const PaperColours colours(dark);
  auto* out = reinterpret_cast<QRgb*>(target);
  for (int y = 0; y < size.height(); ++y) {
    const auto* row = reinterpret_cast<const QRgb*>(image.constScanLine(y));
    out = std::transform(row, row + size.width(), out, colours);
  }
  return size;
}

const CleanPage& PdfFile::cachedText(int page) {
  constexpr qsizetype kMostCached = 16;
  if (const auto found = m_clean.constFind(page); found != m_clean.constEnd()) {
    return *found;
  }
  if (m_clean.size() >= kMostCached) {
    m_clean.clear();
  }
  return *m_clean.insert(page, cleanText(page));
}

const PagePlacement& PdfFile::placement(int page) {
  if (const auto found = m_placements.constFind(page); found != m_placements.constEnd()) {
    return *found;
  }
  // Two pixels a point, or what a large page allows.
  constexpr double kMostSide = 1400;
  const QSizeF points = pageSize(page);
  const double scale = std::min(2.0, kMostSide / std::max({points.width(), points.height(), 1.0}));
  const QSize size = (points * scale).toSize().expandedTo({1, 1});
  const QImage picture = m_document.render(page, size);
  QImage paper(size, QImage::Format_RGB32);
  const PaperColours white(false);
  if (!picture.isNull() && picture.size() == size) {
    const QImage pixels = picture.convertToFormat(QImage::Format_ARGB32);
    for (int y = 0; y < size.height(); ++y) {
      const auto* row = reinterpret_cast<const QRgb*>(pixels.constScanLine(y));
      std::transform(row, row + size.width(), reinterpret_cast<QRgb*>(paper.scanLine(y)), white);
    }
  } else {
    paper.fill(Qt::white);
  }
  QList<QRectF> boxes;
  for (const QPolygonF& polygon : m_document.getAllText(page).bounds()) {
    boxes.append(polygon.boundingRect());
  }
  return *m_placements.insert(page, findPlacement(boxes, points, paper));
}

QList<QRectF> PdfFile::boundsOf(int page, int rawBegin, int rawEnd) {
  QList<QRectF> result;
  if (rawBegin >= rawEnd) {
    return result;
  }
  const QList<QPolygonF> polygons =
      m_document.getSelectionAtIndex(page, rawBegin, rawEnd - rawBegin).bounds();
  const PagePlacement& place = placement(page);
  for (const QPolygonF& polygon : polygons) {
    const QRectF box = place.toShown(polygon.boundingRect());
    if (!box.isEmpty() && result.size() < kMostRectangles) {
      result.append(box);
    }
  }
  return result;
}

wire::Rectangles PdfFile::rectangles(int page, std::uint32_t begin, std::uint32_t end) {
  wire::Rectangles result;
  result.begin = begin;
  result.end = end;
  const CleanPage& clean = cachedText(page);
  const qsizetype first = unitsBefore(clean.text, begin);
  const qsizetype last = unitsBefore(clean.text, end);
  if (first < last) {
    result.rectangles = boundsOf(page, clean.rawIndex[first], clean.rawIndex[last - 1] + 1);
  }
  return result;
}

wire::Rectangles PdfFile::selection(int page, QPointF from, QPointF to) {
  wire::Rectangles result;
  const QPdfSelection selection =
      m_document.getSelection(page, placement(page).toRaw(from), placement(page).toRaw(to));
  if (!selection.isValid()) {
    return result;
  }
  const CleanPage& clean = cachedText(page);
  const auto unitOf = [&](int raw) {
    const auto found = std::lower_bound(clean.rawIndex.begin(), clean.rawIndex.end(), raw);
    return std::min<qsizetype>(found - clean.rawIndex.begin(), clean.text.size());
  };
  const qsizetype first = unitOf(selection.startIndex());
  const qsizetype last = std::max(first, unitOf(selection.endIndex()));
  result.begin = bytesBefore(clean.text, first);
  result.end = bytesBefore(clean.text, last);
  if (first < last) {
    result.rectangles = boundsOf(page, clean.rawIndex[first], clean.rawIndex[last - 1] + 1);
  }
  return result;
}

}  // namespace bookwheel
