// SPDX-License-Identifier: Apache-2.0
// Page pictures, highlights on the right words, selection, and helpers that die.
#include "app/documents/page_renderer.h"

#include "app/documents/import_client.h"
#include "tests/app/fixture_folder.h"
#include "tests/app/raw_pdf.h"

#include <QFile>
#include <QFont>
#include <QGuiApplication>
#include <QPageSize>
#include <QPainter>
#include <QPdfWriter>
#include <QProcess>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <csignal>

using namespace bookwheel;
using namespace bookwheel::test;

Q_DECLARE_METATYPE(bookwheel::PageRequest)
Q_DECLARE_METATYPE(bookwheel::TextRange)

namespace {

/// Darkest grey in a rectangle of points, in an image of a page `pointsWide` wide.
int darkest(const QImage& image, const QRectF& points, double pointsWide) {
  const double scale = image.width() / pointsWide;
  int result = 255;
  for (int y = static_cast<int>(points.top() * scale); y < points.bottom() * scale; ++y) {
    for (int x = static_cast<int>(points.left() * scale); x < points.right() * scale; ++x) {
      if (image.valid(x, y)) {
        result = std::min(result, qGray(image.pixel(x, y)));
      }
    }
  }
  return result;
}

QRectF united(const QList<QRectF>& boxes) {
  QRectF result;
  for (const QRectF& box : boxes) {
    result = result.united(box);
  }
  return result;
}

}  // namespace

class PageRendererTest : public QObject {
  Q_OBJECT

 private:
  FixtureFolder m_folder;

  /// A renderer on a file, with spies.
  struct Shown {
    Shown(const QString& path, const QString& password = {}) {
      ImportOptions options;
      options.password = password;
      const ImportResult result = readDocument(path, options);
      if (!result.document) {
        qFatal("%s", qPrintable(result.sentence));
      }
      document = *result.document;
      renderer.open(path, document, password);
    }
    TextRange find(const char* words) const {
      const qsizetype at = document.utf8().indexOf(words);
      return {at, at + static_cast<qsizetype>(qstrlen(words))};
    }
    /// Empty when it failed.
    QImage picture(const PageRequest& request) {
      const PageRenderer::Ticket ticket = renderer.requestPage(request);
      if (!QTest::qWaitFor([&] { return ready.size() + failed.size() > 0; }, 30'000)) {
        return {};
      }
      const bool mine = !ready.isEmpty() && ready[0][0].value<PageRenderer::Ticket>() == ticket;
      const QImage image = mine ? ready[0][2].value<QImage>() : QImage();
      ready.clear();
      failed.clear();
      return image;
    }
    QList<QRectF> boxes(int page, TextRange range) {
      renderer.requestHighlights(page, range);
      if (!QTest::qWaitFor([&] { return !highlights.isEmpty(); }, 30'000)) {
        return {};
      }
      return highlights.takeFirst()[2].value<QList<QRectF>>();
    }

    Document document;
    PageRenderer renderer;
    QSignalSpy ready{&renderer, &PageRenderer::pageReady};
    QSignalSpy failed{&renderer, &PageRenderer::requestFailed};
    QSignalSpy highlights{&renderer, &PageRenderer::highlightsReady};
    QSignalSpy selections{&renderer, &PageRenderer::selectionReady};
  };

  static QByteArray wordsPdf() {
    return rawPdf({{{{72, 700, "plain words before"},
                     {300, 500, "needle"},
                     {400, 500, "thread"},
                     {72, 300, "a respec-"},
                     {72, 285, "tively joined word"}}},
                   {{{100, 100, "second page"}}}});
  }

 private Q_SLOTS:
  void initTestCase() { QVERIFY2(!findImportHelper().isEmpty(), "bookwheel-import is not built"); }

  void pictureShowsTheWords() {
    Shown shown(m_folder.write(QStringLiteral("w.pdf"), wordsPdf()));
    PageRequest request;
    request.widthPixels = 1224;  // two pixels a point
    request.devicePixelRatio = 2;
    const QImage image = shown.picture(request);
    QCOMPARE(image.size(), QSize(1224, 1584));
    QCOMPARE(image.devicePixelRatio(), 2.0);
    QCOMPARE(image.pixel(0, 0), qRgb(255, 255, 255));
    // Helvetica's small letters at 12 pt stand between the baseline and 6 pt above it.
    QCOMPARE_LT(darkest(image, QRectF(300, 792 - 506, 30, 6), 612), 100);
    QCOMPARE(darkest(image, QRectF(250, 792 - 520, 45, 30), 612), 255);
  }

  void darkPaperKeepsShapesAndTurnsLightness() {
    Shown shown(m_folder.write(QStringLiteral("w.pdf"), wordsPdf()));
    PageRequest request;
    request.widthPixels = 612;
    const QImage paper = shown.picture(request);
    request.colours = PageColours::Dark;
    const QImage dark = shown.picture(request);
    QCOMPARE(dark.size(), paper.size());
    QCOMPARE(dark.pixel(0, 0), qRgb(0x23, 0x24, 0x27));
    for (int y = 0; y < paper.height(); y += 3) {
      for (int x = 0; x < paper.width(); x += 3) {
        // Grey g becomes paper + (255 - g) * (ink - paper) / 255 in each channel, rounded down.
        const int g = qGray(paper.pixel(x, y));
        QCOMPARE(qRed(dark.pixel(x, y)), 0x23 + (255 - g) * (0xE6 - 0x23) / 255);
      }
    }
  }

  void highlightsStandOnTheWords_data() {
    QTest::addColumn<QByteArray>("words");
    QTest::addColumn<QPointF>("begin");  // of the baseline, points from the bottom left
    QTest::newRow("needle") << QByteArray("needle") << QPointF(300, 500);
    QTest::newRow("thread") << QByteArray("thread") << QPointF(400, 500);
    QTest::newRow("first line") << QByteArray("plain words") << QPointF(72, 700);
    QTest::newRow("after the join") << QByteArray("joined") << QPointF(0, 285);
  }
  void highlightsStandOnTheWords() {
    QFETCH(QByteArray, words);
    QFETCH(QPointF, begin);
    Shown shown(m_folder.write(QStringLiteral("w.pdf"), wordsPdf()));
    const QList<QRectF> boxes = shown.boxes(0, shown.find(words.constData()));
    QVERIFY(!boxes.isEmpty());
    const QRectF box = united(boxes);
    if (begin.x() > 0) {
      // Side bearings of a 12 pt letter are under 1.5 pt.
      QVERIFY2(std::abs(box.left() - begin.x()) < 1.5, qPrintable(QString::number(box.left())));
    }
    const double baseline = 792 - begin.y();
    QVERIFY(box.top() < baseline - 5 && box.top() > baseline - 14);
    QVERIFY(box.bottom() > baseline - 1.5 && box.bottom() < baseline + 4);
    // Ink of exactly these words: the box is dark inside, white just left of it.
    PageRequest request;
    request.widthPixels = 2448;
    const QImage image = shown.picture(request);
    QCOMPARE_LT(darkest(image, box, 612), 100);
    QCOMPARE(darkest(image, QRectF(box.left() - 1.5, box.top(), 1, box.height()), 612), 255);
  }

  void turnedAndCroppedPages_data() {
    QTest::addColumn<int>("rotate");
    QTest::addColumn<int>("left");
    QTest::addColumn<int>("bottom");
    for (const int rotate : {0, 90, 180, 270}) {
      QTest::addRow("turned %d", rotate) << rotate << 0 << 0;
      QTest::addRow("turned %d and cropped", rotate) << rotate << 40 << 90;
    }
    QTest::newRow("far from the origin") << 0 << -900 << 2000;
  }
  void turnedAndCroppedPages() {
    QFETCH(int, rotate);
    QFETCH(int, left);
    QFETCH(int, bottom);
    PdfOptions options;
    options.rotate = rotate;
    options.left = left;
    options.bottom = bottom;
    const double x = left;
    const double y = bottom;
    Shown shown(m_folder.write(QStringLiteral("turned.pdf"),
                               rawPdf({{{{x + 72, y + 700, "some words of the first line"},
                                         {x + 72, y + 680, "and of the second one"},
                                         {x + 300, y + 500, "needle"},
                                         {x + 100, y + 90, "foot"}}}},
                                      options)));
    const QRectF box = united(shown.boxes(0, shown.find("needle")));
    PageRequest request;
    const double wide = shown.document.pages()[0].sizePoints.width();
    request.widthPixels = static_cast<int>(4 * wide);
    const QImage image = shown.picture(request);
    QCOMPARE_LT(darkest(image, box, wide), 100);
    // No ink within 3 pt around the box (the placement is exact to half a point).
    for (const QPointF& step : {QPointF(1, 0), QPointF(-1, 0), QPointF(0, 1), QPointF(0, -1)}) {
      const QPointF beside(step.x() * (box.width() + 1), step.y() * (box.height() + 1));
      QCOMPARE(darkest(image, box.translated(beside), wide), 255);
    }
    // The other way round: pointing at the word's ends selects it.
    const bool upright = rotate == 90 || rotate == 270;
    const QPointF half =
        upright ? QPointF(0, box.height() / 2 - 1) : QPointF(box.width() / 2 - 1, 0);
    const bool backwards = rotate == 180 || rotate == 270;
    const QPointF begin = box.center() + (backwards ? half : -half);
    const QPointF end = box.center() + (backwards ? -half : half);
    shown.renderer.requestSelection(0, begin, end);
    QTRY_COMPARE_WITH_TIMEOUT(shown.selections.size(), 1, 30'000);
    QVERIFY2(shown.document.string(shown.selections[0][2].value<TextRange>())
                 .startsWith(QStringLiteral("needl")),
             qPrintable(shown.document.string(shown.selections[0][2].value<TextRange>())));
  }

  void aJoinedWordHasABoxOnBothLines() {
    Shown shown(m_folder.write(QStringLiteral("w.pdf"), wordsPdf()));
    const TextRange word = shown.find("respectively");
    QVERIFY(word.begin >= 0);
    const QList<QRectF> boxes = shown.boxes(0, word);
    const auto onBaseline = [&](double y) {
      return std::count_if(boxes.begin(), boxes.end(), [&](const QRectF& box) {
        return box.top() < 792 - y && box.bottom() > 792 - y - 3;
      });
    };
    QCOMPARE_GE(onBaseline(300), 1);
    QCOMPARE_GE(onBaseline(285), 1);
    QVERIFY(shown.boxes(0, {}).isEmpty());
    QVERIFY(shown.boxes(1, word).isEmpty());  // not on that page
  }

  void lettersAboveTheBasicPlaneDoNotShiftHighlights() {
    // One glyph that stands for a letter of two UTF-16 units, then a word at a known place.
    Shown shown(
        m_folder.write(QStringLiteral("m.pdf"), mappedPdf({"D835DCB3", "D835DCB4", "0041"})));
    const TextRange word = shown.find("after");
    QVERIFY(word.begin > 0);
    const QList<QRectF> boxes = shown.boxes(0, word);
    QVERIFY(!boxes.isEmpty());
    QVERIFY2(std::abs(united(boxes).left() - 300) < 1.5,
             qPrintable(QString::number(united(boxes).left()) + u' ' + shown.document.string()));
  }

  void selectionGivesBytesBack() {
    Shown shown(m_folder.write(QStringLiteral("w.pdf"), wordsPdf()));
    // From the first letter of "needle" to past the last letter of "thread", on their baseline.
    shown.renderer.requestSelection(0, QPointF(301, 792 - 503), QPointF(440, 792 - 503));
    QTRY_COMPARE_WITH_TIMEOUT(shown.selections.size(), 1, 30'000);
    const auto range = shown.selections[0][2].value<TextRange>();
    QVERIFY(shown.document.string(range).startsWith(QStringLiteral("needle")));
    QVERIFY2(shown.document.string(range).trimmed().startsWith(
                 QStringLiteral("needle thread").first(12)),
             qPrintable(shown.document.string(range)));
    QVERIFY(!shown.selections[0][3].value<QList<QRectF>>().isEmpty());
    // Nothing there.
    shown.renderer.requestSelection(1, QPointF(500, 10), QPointF(510, 12));
    QTRY_COMPARE_WITH_TIMEOUT(shown.selections.size(), 2, 30'000);
    QVERIFY(shown.selections[1][2].value<TextRange>().isEmpty());
  }

  void pdfOfAWordProcessor() {
    const QString path = m_folder.path(QStringLiteral("writer.pdf"));
    {
      QPdfWriter writer(path);
      writer.setPageSize(QPageSize(QPageSize::A4));
      writer.setResolution(72);
      QPainter painter(&writer);
      painter.setFont(QFont(painter.font().family(), 14));
      for (int page = 0; page < 120; ++page) {
        painter.drawText(QPointF(50, 100), QStringLiteral("This is page %1 of the book").arg(page));
        painter.drawText(QPointF(50, 300), QStringLiteral("planted-%1").arg(page * 7919));
        if (page < 119) {
          writer.newPage();
        }
      }
    }
    Shown shown(path);
    QCOMPARE(shown.document.pageCount(), 120);
    for (const int page : {0, 57, 119}) {
      const QByteArray needle = "planted-" + QByteArray::number(page * 7919);
      const TextRange range = shown.find(needle.constData());
      QCOMPARE(shown.document.pageAt(range.begin), page);
      const QRectF box = united(shown.boxes(page, range));
      const QSizeF size = shown.document.pages()[page].sizePoints;
      QVERIFY(box.width() > 40 && box.height() > 5 && QRectF(QPointF(), size).contains(box));
      PageRequest request;
      request.page = page;
      request.widthPixels = 1190;
      const QImage image = shown.picture(request);
      QCOMPARE_LT(darkest(image, box, size.width()), 100);
      QCOMPARE(darkest(image, box.translated(0, 100), size.width()), 255);
    }
  }

  void newestFirstAndStaleOnesStaySilent() {
    QList<PdfPage> pages(30, PdfPage{{{72, 700, "words"}}});
    Shown shown(m_folder.write(QStringLiteral("many.pdf"), rawPdf(pages)));
    QList<PageRenderer::Ticket> tickets;
    for (int page = 0; page < 30; ++page) {
      PageRequest request;
      request.page = page;
      request.widthPixels = 600;
      tickets.append(shown.renderer.requestPage(request));
    }
    PageRequest again;
    again.page = 5;
    again.widthPixels = 300;
    const PageRenderer::Ticket newer = shown.renderer.requestPage(again);
    shown.renderer.keepOnly({4, 5});
    QTRY_COMPARE_WITH_TIMEOUT(shown.ready.size(), 2, 30'000);
    QCOMPARE(shown.ready[0][0].value<PageRenderer::Ticket>(), newer);
    QCOMPARE(shown.ready[0][2].value<QImage>().width(), 300);
    QCOMPARE(shown.ready[1][0].value<PageRenderer::Ticket>(), tickets[4]);
    // What follows comes after everything that was dropped would have come.
    QVERIFY(!shown.boxes(0, {0, 5}).isEmpty());
    QCOMPARE(shown.ready.size(), 2);
    QCOMPARE(shown.failed.size(), 0);
    const PageRenderer::Ticket cancelled = shown.renderer.requestPage(again);
    shown.renderer.cancel(cancelled);
    QVERIFY(!shown.boxes(0, {0, 5}).isEmpty());
    QCOMPARE(shown.ready.size(), 2);
  }

  void tooLargePicturesAreMadeSmaller() {
    PdfOptions options;
    options.width = 400;
    options.height = 400;
    Shown shown(
        m_folder.write(QStringLiteral("square.pdf"), rawPdf({{{{72, 100, "x"}}}}, options)));
    PageRequest request;
    request.widthPixels = 20'000;
    const QImage image = shown.picture(request);
    QCOMPARE(image.size(), QSize(8192, 8192));  // 64 Mpx
  }

  void aKilledHelperIsStartedAgain() {
    Shown shown(m_folder.write(QStringLiteral("w.pdf"), wordsPdf()));
    PageRequest request;
    request.widthPixels = 600;
    QVERIFY(!shown.picture(request).isNull());
    for (int i = 0; i < 8; ++i) {
      const qint64 pid = shown.renderer.helperPid();
      QVERIFY(pid > 0);
      ::kill(static_cast<pid_t>(pid), SIGKILL);
      QTRY_VERIFY(shown.renderer.helperPid() != pid);
      QVERIFY(!shown.picture(request).isNull());
    }
  }

  void whatCannotBeShownSaysSo() {
    Shown shown(m_folder.write(QStringLiteral("w.pdf"), wordsPdf()));
    PageRequest request;
    request.page = 7;
    request.widthPixels = 100;
    shown.renderer.requestPage(request);
    QTRY_COMPARE(shown.failed.size(), 1);
    QCOMPARE(shown.failed[0][2].toString(), QStringLiteral("Page 8 could not be shown."));
    // Another file in the place of the one that was read: refused, not shown as if it were it.
    const QString path = m_folder.write(QStringLiteral("w.pdf"), rawPdf({{{{72, 700, "other"}}}}));
    shown.renderer.open(path, shown.document);
    request.page = 0;
    shown.renderer.requestPage(request);
    QTRY_COMPARE_WITH_TIMEOUT(shown.failed.size(), 2, 30'000);
    QCOMPARE(shown.ready.size(), 0);
  }

  void protectedFilesOpenWithTheirPassword() {
    const QString plain = m_folder.write(QStringLiteral("plain.pdf"), wordsPdf());
    const QString locked = m_folder.path(QStringLiteral("locked.pdf"));
    QProcess qpdf;
    qpdf.start(QStringLiteral("qpdf"),
               {QStringLiteral("--encrypt"), QStringLiteral("open"), QStringLiteral("owner"),
                QStringLiteral("256"), QStringLiteral("--"), plain, locked});
    QVERIFY2(qpdf.waitForFinished() && qpdf.exitCode() == 0, "qpdf is needed");
    Shown shown(locked, QStringLiteral("open"));
    PageRequest request;
    request.widthPixels = 600;
    QVERIFY(!shown.picture(request).isNull());
  }
};

QTEST_MAIN(PageRendererTest)
#include "page_renderer_test.moc"
