// SPDX-License-Identifier: Apache-2.0
// PageView: goes to places of a page: at once as well as is known, exactly when the page has told.
#include "ui/reader/page_view.h"

#include "app/documents/import_client.h"
#include "tests/app/fixture_folder.h"
#include "tests/app/raw_pdf.h"
#include "ui/style/type.h"

#include <QScrollBar>
#include <QTest>

#include <memory>

using namespace bookwheel;
using namespace bookwheel::test;
using namespace Qt::StringLiterals;

namespace {

constexpr int kPageHeight = 792;  // points
constexpr double kZoom = 3;
constexpr double kPixelsPerPoint = kZoom * 96 / 72;
// Letters of 12 points and what the view leaves above a place: a line's top is at most this far
// from its baseline, or from the view's edge.
constexpr double kLine = 16 * kPixelsPerPoint;
constexpr double kMargin = 24;

}  // namespace

class PageViewTest : public QObject {
  Q_OBJECT

 private:
  FixtureFolder m_folder;
  std::unique_ptr<PageView> m_view;
  std::shared_ptr<const Document> m_document;

  QScrollBar* bar() const { return m_view->verticalScrollBar(); }
  /// Content pixel of a baseline `points` above the bottom of page `page`; 24 pixels stand above
  /// the first page, 16 between two.
  static double yOf(int page, int points) {
    return 24 + page * (kPageHeight * kPixelsPerPoint + 16) +
           (kPageHeight - points) * kPixelsPerPoint;
  }
  TextRange find(const char* words) const {
    const qsizetype at = m_document->utf8().indexOf(words);
    return {at, at + qsizetype(qstrlen(words))};
  }
  bool isInSight(double y) const {
    return y > bar()->value() && y < bar()->value() + m_view->viewport()->height();
  }

 private Q_SLOTS:
  void init() {
    QVERIFY(loadFonts());
    // In the order of the text the needle is first; on the page it stands far below.
    const QString path =
        m_folder.write(u"places.pdf"_s, rawPdf({{{{72, 700, "First page"}}},
                                                {{{72, 60, "needle"},
                                                  {72, 720, "second page begins"},
                                                  {72, 400, "Heading in the middle"},
                                                  {72, 380, "text under it"}}},
                                                {{{72, 700, "Third page"}}}}));
    const ImportResult result = readDocument(path);
    QVERIFY2(result.document, qPrintable(result.sentence));
    m_document = std::make_shared<const Document>(*result.document);
    m_view = std::make_unique<PageView>();
    m_view->resize(900, 600);
    m_view->setDocument(path, {}, m_document);
    m_view->setZoom(kZoom);
    m_view->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_view.get()));
  }

  void cleanup() { m_view.reset(); }

  void aHeadingComesToTheTop() {
    m_view->showFromTop(find("Heading in the middle"));
    QCOMPARE(m_view->currentPage(), 1);  // at once
    const double y = yOf(1, 400);
    QTRY_VERIFY2(bar()->value() > y - kLine - kMargin && bar()->value() < y - kMargin,
                 qPrintable(u"%1 of %2"_s.arg(bar()->value()).arg(y)));
  }

  void aHeadingAtThePagesBeginShowsThePagesTop() {
    m_view->showFromTop({m_document->pages().at(1).begin, m_document->pages().at(1).begin + 6});
    QCOMPARE(bar()->value(), int(yOf(1, kPageHeight)) - 16);  // the gap before the page
    QTRY_VERIFY(m_view->isDrawn());
    QCOMPARE(bar()->value(), int(yOf(1, kPageHeight)) - 16);
  }

  void aFoundWordComesIntoSight() {
    const double y = yOf(1, 60);
    m_view->reveal(find("needle"));
    QCOMPARE(m_view->currentPage(), 1);
    QVERIFY(!isInSight(y));  // its share of the text leads to the top of the page
    QTRY_VERIFY(isInSight(y));
  }

  void whoScrollsMeanwhileIsLeftAlone() {
    m_view->showFromTop(find("Heading in the middle"));
    bar()->setValue(0);  // by hand
    // The place was asked for first, so it is answered before the pictures are.
    QTRY_VERIFY(m_view->isDrawn());
    QCOMPARE(bar()->value(), 0);
  }

  void anotherPlaceTakesOver() {
    m_view->showFromTop(find("Heading in the middle"));
    m_view->setPosition(2);
    const int third = bar()->value();
    QTRY_VERIFY(m_view->isDrawn());
    QCOMPARE(bar()->value(), third);
  }
};

QTEST_MAIN(PageViewTest)
#include "page_view_test.moc"
