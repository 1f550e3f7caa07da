// SPDX-License-Identifier: Apache-2.0
// Writes small PDF files object by object, so that a test knows where every word stands.
#pragma once

#include <QByteArray>
#include <QList>
#include <QString>

namespace bookwheel::test {

/// Words at a place: PDF points, origin at the bottom left, 12 pt Helvetica.
struct PdfWords {
  double x = 72;
  double y = 700;
  QByteArray words;  ///< WinAnsi
};

struct PdfPage {
  QList<PdfWords> words;
};

struct PdfHeading {
  QByteArray title;
  int page = 0;
  QList<PdfHeading> children;
};

struct PdfOptions {
  QByteArray title;
  QList<PdfHeading> outline;
  QByteArray pageLabels;       ///< the array after /Nums, for example "[0 << /S /r >>]"
  bool cyclicOutline = false;  ///< the last heading's next is the first
  int width = 612;             ///< points
  int height = 792;
  int rotate = 0;  ///< /Rotate of every page
  int left = 0;    ///< the visible box begins here
  int bottom = 0;
};

/// A whole file with a correct cross-reference table.
QByteArray rawPdf(const QList<PdfPage>& pages, const PdfOptions& options = {});

/// One page, one grey picture, no text.
QByteArray scannedPdf();

/// One page whose only word is written with a font that maps its bytes to these UTF-16 code units,
/// big endian in hexadecimal ("D835DCB3" is one letter above U+FFFF), followed by " after" in
/// Helvetica.
QByteArray mappedPdf(const QList<QByteArray>& utf16Hex);

}  // namespace bookwheel::test
