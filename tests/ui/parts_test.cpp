// SPDX-License-Identifier: Apache-2.0
// The small parts of the window that stand alone: history, find, type, icons.
#include "app/documents/document.h"
#include "ui/reader/jump_history.h"
#include "ui/reader/text_finder.h"
#include "ui/style/icons.h"
#include "ui/style/type.h"

#include <QDirIterator>
#include <QFontInfo>
#include <QFontMetricsF>
#include <QSignalSpy>
#include <QTest>

using namespace bookwheel;
using namespace Qt::StringLiterals;

namespace {

Document documentOf(const QByteArray& text) {
  Document::Parts parts;
  parts.title = u"Test"_s;
  parts.text = text;
  DocumentPage page;
  page.end = text.size();
  page.label = u"1"_s;
  parts.pages = {page};
  parts.sha256 = QByteArray(32, 'x');
  const auto document = Document::make(parts);
  if (!document) {
    qFatal("the test's document is not one");
  }
  return *document;
}

}  // namespace

class PartsTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() { QVERIFY(loadFonts()); }

  void historyGoesBackAndForward() {
    JumpHistory history;
    QVERIFY(!history.canGoBack());
    QVERIFY(!history.goBack(1).has_value());
    history.jumpFrom(0.5);
    history.jumpFrom(7);
    QCOMPARE(history.previous().value(), 7.0);
    QCOMPARE(history.goBack(9).value(), 7.0);
    QCOMPARE(history.goBack(7).value(), 0.5);
    QVERIFY(!history.canGoBack());
    QCOMPARE(history.goForward(0.5).value(), 7.0);
    QCOMPARE(history.goForward(7).value(), 9.0);
    QVERIFY(!history.canGoForward());
  }

  void aJumpForgetsWhatLayAhead() {
    JumpHistory history;
    history.jumpFrom(1);
    history.goBack(2);
    history.jumpFrom(1);
    QVERIFY(!history.canGoForward());
  }

  void historyHasAnEnd() {
    JumpHistory history;
    for (int i = 0; i < 1000; ++i) {
      history.jumpFrom(i);
    }
    int count = 0;
    while (history.goBack(0)) {
      ++count;
    }
    QCOMPARE(count, 200);
  }

  void findsWords_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("words");
    QTest::addColumn<QList<qint64>>("begins");
    const auto row = [](const char* name, const QByteArray& text, const QString& words,
                        const QList<qint64>& begins) {
      QTest::newRow(name) << text << words << begins;
    };
    row("case", "Heron heron HERON", u"heron"_s, {0, 6, 12});
    row("line break", "the old\nmill and the old mill", u"old  mill"_s, {4, 21});
    row("bytes, not letters", "\xC3\xA4 mill", u"mill"_s, {3});
    row("beyond the first plane", "\xF0\x9F\x93\x96 mill", u"mill"_s, {5});
    row("no pattern", "a.b axb", u"a.b"_s, {0});
    row("accents and case", "\xC3\x89tude \xC3\xA9tude", u"\u00e9tude"_s, {0, 7});
    row("nothing", "mill", u""_s, {});
    row("only spaces", "mill  x", u"  "_s, {});
  }
  void findsWords() {
    QFETCH(QByteArray, text);
    QFETCH(QString, words);
    QFETCH(QList<qint64>, begins);
    const auto matches = TextFinder::matches(documentOf(text), words);
    QList<qint64> found;
    for (const auto& match : matches) {
      found.append(match.begin);
    }
    QCOMPARE(found, begins);
  }

  void aNewSearchReplacesTheOldOne() {
    const auto document =
        std::make_shared<const Document>(documentOf(QByteArray("mill ").repeated(50000)));
    TextFinder finder;
    QSignalSpy spy(&finder, &TextFinder::found);
    finder.find(document, u"mill"_s);
    finder.find(document, u"heron"_s);
    QTRY_VERIFY(spy.count() >= 1);
    QTest::qWait(50);
    QCOMPARE(spy.count(), 1);
  }

  // Live numbers must not jump about: all digits have one width (Inter's own differ by 5 px at 28
  // px).
  void digitsAreTabular() {
    for (const Type type : {Type::BigNumber, Type::Control, Type::Row, Type::Note}) {
      QCOMPARE(QFontInfo(font(type)).family(), u"Bookwheel UI"_s);
      const QFontMetricsF metrics(font(type));
      for (const QChar digit : u"123456789"_s) {
        const qreal difference =
            std::abs(metrics.horizontalAdvance(digit) - metrics.horizontalAdvance(u'0'));
        QCOMPARE_LT(difference, 0.1);  // of a pixel; what rounding to 1/64 leaves
      }
    }
  }

  void textScales() {
    const int before = QFontInfo(font(Type::Row)).pixelSize();
    setTextScale(200);
    QCOMPARE(QFontInfo(font(Type::Row)).pixelSize(), 2 * before);
    setTextScale(50);
    QCOMPARE(QFontInfo(font(Type::Note)).pixelSize(), 12);  // never smaller
    setTextScale(100);
  }

  void everyIconDraws() {
    int count = 0;
    for (QDirIterator it(u":/icons"_s); it.hasNext();) {
      it.next();
      const QImage image =
          iconPixmap(it.fileInfo().completeBaseName(), QColor(Qt::red), 20, 2).toImage();
      QCOMPARE(image.size(), QSize(40, 40));
      bool inked = false;
      for (int y = 0; y < 40 && !inked; ++y) {
        for (int x = 0; x < 40 && !inked; ++x) {
          inked = image.pixelColor(x, y).alpha() > 128;
        }
      }
      QVERIFY2(inked, qPrintable(it.fileName()));
      ++count;
    }
    QVERIFY(count > 25);
  }
};

QTEST_MAIN(PartsTest)
#include "parts_test.moc"
