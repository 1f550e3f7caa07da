// SPDX-License-Identifier: Apache-2.0
// Where a PDF page's coordinates lie on the page as it is shown.
#pragma once

#include <QImage>
#include <QList>
#include <QPointF>
#include <QRectF>
#include <QSizeF>

namespace bookwheel {

/// Qt PDF 6.4 gives places in the page's own coordinates, turned upside down with the height of the
/// shown page: right for most pages, wrong for pages that are turned (/Rotate) or whose visible box
/// does not begin at 0, 0 (cropped ones). Neither is told by its interface. This is what it leaves
/// out.
struct PagePlacement {
  int quarterTurns = 0;  ///< clockwise, 0..3
  QPointF shift;         ///< points, of the shown page, after the turn
  QSizeF shown;          ///< points, the page as it is shown

  QRectF toShown(const QRectF& raw) const;
  QPointF toShown(QPointF raw) const;
  QPointF toRaw(QPointF shownPoint) const;
};

/// Finds the placement under which the boxes of the page's text lie on the ink of its picture: for
/// each turn the shift at which the profiles of both along x and y agree best, then the turn with
/// the best overlap. The ordinary placement wins unless another is clearly better; so it does on a
/// page without ink or text. `picture` shows the whole page in any size. Exact to about one of its
/// pixels.
PagePlacement findPlacement(const QList<QRectF>& rawBoxes, QSizeF shown, const QImage& picture);

}  // namespace bookwheel
