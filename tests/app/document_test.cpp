// SPDX-License-Identifier: Apache-2.0
// Document: anchors exact both ways, contradictions refused, pages cut at paragraphs.
#include "app/documents/document.h"

#include "app/documents/heading_place.h"
#include "app/documents/pages.h"
#include "app/documents/utf8.h"

#include <QFile>
#include <QRandomGenerator>
#include <QTest>

using namespace bookwheel;

namespace {

std::string_view view(const QByteArray& bytes) {
  return {bytes.constData(), static_cast<std::size_t>(bytes.size())};
}

/// Three PDF-like pages (the second empty) with letters of one to four bytes.
Document::Parts threePages() {
  Document::Parts parts;
  parts.format = DocumentFormat::Pdf;
  parts.title = QStringLiteral("Title");
  const QByteArray first = "A\xC3\xA4\xE2\x82\xAC\xF0\x9D\x92\xB3 z";
  const QByteArray third = "\xF0\x9F\x93\x96 end";
  parts.text = first + "\n\n" + third;
  const auto size = std::int64_t{first.size()};
  parts.pages = {
      {0, size, 0, QStringLiteral("i"), QSizeF(612, 792)},
      {size, size, 0, QStringLiteral("ii"), QSizeF(612, 792)},
      {size + 2, std::int64_t{parts.text.size()}, 0, QStringLiteral("1"), QSizeF(10, 20)}};
  parts.outline = {{QStringLiteral("One"), 0, 0, 0}, {QStringLiteral("Two"), 1, 2, size + 2}};
  parts.warnings = {QStringLiteral("Page 2 has no text; it may be a picture.")};
  parts.sha256 = QByteArray(32, '\x7F');
  parts.fileBytes = 1234;
  return parts;
}

}  // namespace

class DocumentTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void anchorsAreExactBothWays() {
    const auto document = Document::make(threePages());
    QVERIFY(document);
    const QString whole = document->string();
    QCOMPARE(std::int64_t{whole.size()}, document->stringLength());
    QCOMPARE(document->characters(), std::int64_t{6 + 2 + 5});
    for (std::int64_t byte = 0; byte <= std::int64_t{document->utf8().size()}; ++byte) {
      if (!isUtf8Boundary(document->text(), byte)) {
        // Inside a character: as at its start.
        QCOMPARE(document->positionAt(byte), document->positionAt(byte - 1));
        QCOMPARE(document->charAt(byte), document->charAt(byte - 1));
        continue;
      }
      const std::int64_t unit = QString::fromUtf8(document->utf8().first(byte)).size();
      QCOMPARE(document->charAt(byte), unit);
      QCOMPARE(document->byteAtChar(unit), byte);
      const PagePosition position = document->positionAt(byte);
      const DocumentPage& page = document->pages()[position.page];
      QCOMPARE(document->byteAt(position), std::clamp(byte, page.begin, page.end));
      if (byte < page.end) {
        const QString expected = QString::fromUtf8(document->utf8().mid(byte, page.end - byte));
        QCOMPARE(document->pageString(position.page).mid(position.character), expected);
      }
    }
    // White space between pages belongs to the page before; here that is the empty one.
    QCOMPARE(document->pageAt(document->pages()[2].begin - 1), 1);
    QCOMPARE(document->pageAt(document->pages()[2].begin), 2);
    QCOMPARE(document->pageAt(0), 0);
    QCOMPARE(document->pageAt(1'000'000), 2);
    QCOMPARE(document->byteAtChar(1'000'000), std::int64_t{document->utf8().size()});
  }

  void rangesAndOutline() {
    const auto document = Document::make(threePages());
    QVERIFY(document);
    QCOMPARE(document->string(document->pageRange(2, 2)), QStringLiteral("\U0001F4D6 end"));
    QCOMPARE(document->pageRange(0, 99).end, std::int64_t{document->utf8().size()});
    QVERIFY(document->pageRange(2, 1).isEmpty());
    QCOMPARE(document->outlineEntryAt(0), std::optional<int>(0));
    QCOMPARE(document->outlineEntryAt(document->pages()[2].begin), std::optional<int>(1));
    QCOMPARE(document->outlineRange(0).end, std::int64_t{document->utf8().size()});
    QCOMPARE(document->outlineRange(1).begin, document->pages()[2].begin);
  }

  void contradictionsAreRefused_data() {
    QTest::addColumn<int>("fault");
    const char* names[] = {"bad utf-8",     "control",       "overlap",       "backwards",
                           "outside",       "splits letter", "text between",  "text after",
                           "no label",      "no pages",      "outline page",  "outline place",
                           "outline title", "outline level", "bidi override", "tag letter"};
    for (int i = 0; i < 16; ++i) {
      QTest::newRow(names[i]) << i;
    }
  }
  void contradictionsAreRefused() {
    QFETCH(int, fault);
    Document::Parts parts = threePages();
    switch (fault) {
      case 0:
        parts.text[1] = '\xFF';
        break;
      case 1:
        parts.text[0] = '\x01';
        break;
      case 2:
        parts.pages[2].begin = 0;
        break;
      case 3:
        parts.pages[0].end = -1;
        break;
      case 4:
        parts.pages[2].end += 1;
        break;
      case 5:
        parts.pages[2].begin += 1;
        break;
      case 6:
        parts.pages[0].end -= 1;
        break;
      case 7:
        parts.pages[2].end -= 1;
        break;
      case 8:
        parts.pages[1].label.clear();
        break;
      case 9:
        parts.pages.clear();
        break;
      case 10:
        parts.outline[0].page = 3;
        break;
      case 11:
        parts.outline[0].begin = 2;
        break;
      case 12:
        parts.outline[0].title.clear();
        break;
      case 13:
        parts.outline[0].level = -1;
        break;
      case 14:
        parts.text.append("\xE2\x80\xAE");
        parts.pages[2].end += 3;
        break;
      case 15:
        parts.text.append("\xF3\xA0\x81\xA1");
        parts.pages[2].end += 4;
        break;
      default:
        QFAIL("no such row");
    }
    QVERIFY(!Document::make(parts));
  }

  void blockRoundTrip() {
    const auto document = Document::make(threePages());
    QVERIFY(document);
    const QByteArray block = document->toBytes();
    const auto again = Document::fromBytes(block);
    QVERIFY(again);
    QCOMPARE(again->utf8(), document->utf8());
    QCOMPARE(again->title(), document->title());
    QCOMPARE(again->warnings(), document->warnings());
    QCOMPARE(again->sha256(), document->sha256());
    QCOMPARE(again->fileBytes(), document->fileBytes());
    QCOMPARE(again->pages()[2].sizePoints, QSizeF(10, 20));
    QCOMPARE(again->outline()[1].begin, document->outline()[1].begin);
    QCOMPARE(again->toBytes(), block);
  }

  void damagedBlocksGiveNothingOrADocument() {
    const QByteArray block = Document::make(threePages())->toBytes();
    for (qsizetype cut = 0; cut < block.size(); ++cut) {
      QVERIFY(!Document::fromBytes(block.first(cut)));
    }
    QRandomGenerator random(20261124);
    for (int i = 0; i < 20'000; ++i) {
      QByteArray damaged = block;
      const auto at = random.bounded(damaged.size());
      damaged[at] = static_cast<char>(random.bounded(256));
      const auto result = Document::fromBytes(damaged);
      QVERIFY(!result || isCleanText(result->text()));
    }
  }

  void pagesTileTheTextAndEndAtParagraphs() {
    QFile file(QStringLiteral(BOOKWHEEL_RESOURCES "/sample/pride-and-prejudice.txt"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray text = file.readAll();
    const QList<DocumentPage> pages = paginate(view(text), {});
    std::int64_t end = 0;
    for (qsizetype i = 0; i < pages.size(); ++i) {
      QCOMPARE(pages[i].begin, end);
      end = pages[i].end;
      if (i + 1 < pages.size()) {
        // ASCII: bytes are characters.
        QCOMPARE_GE(end - pages[i].begin, std::int64_t{kPageLeast});
        QCOMPARE_LE(end - pages[i].begin, std::int64_t{kPageMost});
        // At a line end only where no paragraph ends in reach.
        const qsizetype paragraph = text.indexOf("\n\n", pages[i].begin + kPageLeast - 2);
        QVERIFY(text.mid(end - 2, 2) == "\n\n" || paragraph + 2 > pages[i].begin + kPageMost);
        QCOMPARE(text.at(end - 1), '\n');
        QVERIFY(text.at(end) != '\n');
      }
    }
    QCOMPARE(end, std::int64_t{text.size()});
    // 684,707 characters: between 1,500 and 4,500 a page, and near 3,000 on average.
    const double mean = static_cast<double>(text.size()) / static_cast<double>(pages.size());
    QVERIFY2(mean > 2500 && mean < 3500, QByteArray::number(mean).constData());
  }

  void pagesOfTextWithoutParagraphs() {
    const QByteArray letters(20'000, 'x');
    QCOMPARE(paginate(view(letters), {}).size(), qsizetype{5});  // hard cuts at 4,500
    const QByteArray wide = QByteArray("\xE6\x96\x87").repeated(10'000);
    for (const DocumentPage& page : paginate(view(wide), {})) {
      QCOMPARE(page.begin % 3, std::int64_t{0});  // never inside a character
      QCOMPARE_LE(page.end - page.begin, std::int64_t{3 * kPageMost});
    }
    QCOMPARE(paginate({}, {}).size(), qsizetype{1});
    // A heading that is far enough in begins a page of its own.
    const QByteArray chapters =
        QByteArray("word ").repeated(400) + "\n\nChapter 2\n\n" + QByteArray("word ").repeated(100);
    QCOMPARE(paginate(view(chapters), {2002}).at(1).begin, std::int64_t{2002});
  }

  void headingPlaces_data() {
    QTest::addColumn<QByteArray>("page");
    QTest::addColumn<QString>("title");
    QTest::addColumn<QByteArray>("rest");  // what the text at the place begins with
    const auto row = [](const char* name, const char* page, const char* title, const char* rest) {
      QTest::newRow(name) << QByteArray(page) << QString::fromUtf8(title) << QByteArray(rest);
    };
    row("plain", "text\nOf Ships\nmore", "Of Ships", "Of Ships\nmore");
    row("case and points", "x\n3.2. RELATIONS\ny", "3.2 Relations", "3.2. RELATIONS");
    row("number only in the outline", "x\nRelations\ny", "3.2 Relations", "Relations\ny");
    row("number only on the page", "x\n3.2 Relations\ny", "Relations", "Relations\ny");
    row("running header", "Of Ships\ntext\nOf Ships\nmore", "Of Ships", "Of Ships\nmore");
    row("only the header", "Of Ships\ntext", "Of Ships", "Of Ships\ntext");
    row("a line before a mention", "see Of Ships here\nOf Ships\nz", "Of Ships", "Of Ships\nz");
    row("absent", "text\nmore", "Of Ships", "text");
    row("no letters", "text\nmore", "***", "text");
    row("wide letters", "\xE6\x96\x87\n\xC3\x84pfel\nx", "\xC3\xA4pfel", "\xC3\x84pfel");
  }
  void headingPlaces() {
    QFETCH(QByteArray, page);
    QFETCH(QString, title);
    QFETCH(QByteArray, rest);
    const std::int64_t place = headingPlace(view(page), title);
    QVERIFY2(page.mid(place).startsWith(rest), page.mid(place).constData());
  }
};

QTEST_GUILESS_MAIN(DocumentTest)
#include "document_test.moc"
