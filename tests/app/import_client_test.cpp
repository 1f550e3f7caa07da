// SPDX-License-Identifier: Apache-2.0
// Reading documents through the helper process: good files, bad files, bad helpers.
//
// The program is its own hostile helper: started with "--text FD" it misbehaves as the first line
// of the document says.
#include "app/documents/import_client.h"

#include "tests/app/fixture_folder.h"
#include "tests/app/hostile_helper.h"
#include "tests/app/raw_pdf.h"

#include <QCoreApplication>
#include <QCryptographicHash>
#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <QRandomGenerator>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

using namespace bookwheel;
using namespace bookwheel::test;

Q_DECLARE_METATYPE(bookwheel::ImportFailure)

namespace {

bool isSentence(const QString& text) { return text.size() > 10 && text.endsWith(u'.'); }

}  // namespace

class ImportClientTest : public QObject {
  Q_OBJECT

 private:
  FixtureFolder m_folder;

  static QString self() { return QCoreApplication::applicationFilePath(); }

  /// Reads with this program as the helper.
  ImportResult readHostile(const QByteArray& how, int stallMs = 60'000) {
    ImportOptions options;
    options.helper = self();
    options.stallLimit = std::chrono::milliseconds(stallMs);
    return readDocument(m_folder.write(QStringLiteral("hostile"), how + "\n"), options);
  }

  QString encrypted(const QByteArray& pdf, const QString& user, const QString& owner) {
    const QString plain = m_folder.write(QStringLiteral("plain.pdf"), pdf);
    const QString locked = m_folder.path(QStringLiteral("locked-%1.pdf").arg(user));
    QProcess qpdf;
    qpdf.start(QStringLiteral("qpdf"),
               {QStringLiteral("--encrypt"), user, owner, QStringLiteral("256"),
                QStringLiteral("--"), plain, locked});
    if (!qpdf.waitForFinished() || qpdf.exitCode() != 0) {
      qFatal("qpdf is needed to make a protected fixture");
    }
    return locked;
  }

  static QByteArray threePages() {
    PdfOptions options;
    options.title = "Of Ships";
    options.outline = {{"First part", 0, {{"Second part", 1, {}}}}, {"Third part", 2, {}}};
    options.pageLabels = "[0 << /S /r >> 2 << /S /D >>]";
    return rawPdf(
        {{{{72, 700, "First part"}, {72, 680, "alpha respec-"}, {72, 665, "tively beta"}}},
         {{{72, 700, "see the Second part here"}, {72, 650, "Second part"}}},
         {{{72, 700, "Third part"}, {72, 650, "omega"}}}},
        options);
  }

 private Q_SLOTS:
  void initTestCase() { QVERIFY2(!findImportHelper().isEmpty(), "bookwheel-import is not built"); }

  void text() {
    const QByteArray bytes = "A TITLE\r\n\r\nChapter 1\r\n\r\nx\r\n\r\nChapter 2\r\n\r\ny\r\n";
    const ImportResult result = readDocument(m_folder.write(QStringLiteral("book.txt"), bytes));
    QVERIFY2(result.document, qPrintable(result.sentence));
    QCOMPARE(result.document->format(), DocumentFormat::PlainText);
    QCOMPARE(result.document->title(), QStringLiteral("A TITLE"));
    QCOMPARE(result.document->utf8(), QByteArray("A TITLE\n\nChapter 1\n\nx\n\nChapter 2\n\ny\n"));
    QCOMPARE(result.document->outline().size(), qsizetype{2});
    QCOMPARE(result.document->outline()[1].begin, std::int64_t{23});
    QCOMPARE(result.document->sha256(),
             QCryptographicHash::hash(bytes, QCryptographicHash::Sha256));
    QCOMPARE(result.document->fileBytes(), std::int64_t{bytes.size()});
    QVERIFY(result.document->warnings().isEmpty());
  }

  void markdownAndHtml() {
    const ImportResult md =
        readDocument(m_folder.write(QStringLiteral("a.md"), "Intro\n\n# One\n\n## Two\n"));
    QVERIFY2(md.document, qPrintable(md.sentence));
    QCOMPARE(md.document->format(), DocumentFormat::Markdown);
    QCOMPARE(md.document->title(), QStringLiteral("One"));
    QCOMPARE(md.document->outline()[1].level, 1);
    const ImportResult html = readDocument(
        m_folder.write(QStringLiteral("page"), "<!DOCTYPE html><title>T</title><h2>x</h2>y"));
    QVERIFY2(html.document, qPrintable(html.sentence));
    QCOMPARE(html.document->format(), DocumentFormat::Html);
    QCOMPARE(html.document->utf8(), QByteArray("## x\n\ny\n"));
    QCOMPARE(html.document->title(), QStringLiteral("T"));
  }

  void theNovel() {
    const ImportResult result =
        readDocument(QStringLiteral(BOOKWHEEL_RESOURCES "/sample/pride-and-prejudice.txt"));
    QVERIFY2(result.document, qPrintable(result.sentence));
    QCOMPARE(result.document->title(), QStringLiteral("PRIDE AND PREJUDICE"));
    QCOMPARE(result.document->outline().size(), qsizetype{61});
    const TextRange chapter = result.document->outlineRange(60);
    QVERIFY(result.document->string(chapter).startsWith(QStringLiteral("Chapter 61\n")));
    QCOMPARE(chapter.end, std::int64_t{result.document->utf8().size()});
  }

  void warningsAreSentences() {
    // Enough text that a control character is damage and not a sign of a binary file.
    const QByteArray bytes =
        ("caf\xE9 a\x01 b" + QByteArray(" and more words").repeated(20)).repeated(3);
    const ImportResult result = readDocument(m_folder.write(QStringLiteral("w.txt"), bytes));
    QVERIFY2(result.document, qPrintable(result.sentence));
    QCOMPARE(result.document->warnings().size(), qsizetype{2});
    for (const QString& warning : result.document->warnings()) {
      QVERIFY2(isSentence(warning), qPrintable(warning));
    }
    QVERIFY(result.document->warnings()[1].startsWith(u'3'));
  }

  void pdf() {
    const ImportResult result =
        readDocument(m_folder.write(QStringLiteral("ships.pdf"), threePages()));
    QVERIFY2(result.document, qPrintable(result.sentence));
    const Document& document = *result.document;
    QCOMPARE(document.format(), DocumentFormat::Pdf);
    QCOMPARE(document.title(), QStringLiteral("Of Ships"));
    QCOMPARE(document.pageCount(), 3);
    QCOMPARE(document.pageString(0), QStringLiteral("First part\nalpha respectively beta"));
    QCOMPARE(document.pageString(2), QStringLiteral("Third part\nomega"));
    QCOMPARE(document.pages()[1].label, QStringLiteral("ii"));
    QCOMPARE(document.pages()[2].label, QStringLiteral("1"));
    QCOMPARE(document.pages()[0].sizePoints, QSizeF(612, 792));
    QCOMPARE(document.outline().size(), qsizetype{3});
    QCOMPARE(document.outline()[1].level, 1);
    QCOMPARE(document.outline()[1].page, 1);
    QCOMPARE(document.text({document.outline()[1].begin, document.pages()[1].end}),
             std::string_view("Second part"));
    QVERIFY(document.warnings().isEmpty());
  }

  void pdfWithEmptyAndScannedPages() {
    const ImportResult some = readDocument(m_folder.write(
        QStringLiteral("some.pdf"), rawPdf({{}, {{{72, 700, "text"}}}, {}, {}, {}})));
    QVERIFY2(some.document, qPrintable(some.sentence));
    QCOMPARE(some.document->pageCount(), 5);
    QCOMPARE(some.document->warnings(),
             QStringList{QStringLiteral("Pages 1 and 3 to 5 have no text; they may be pictures.")});
    QCOMPARE(some.document->pageAt(0), 1);
    const ImportResult none =
        readDocument(m_folder.write(QStringLiteral("scan.pdf"), scannedPdf()));
    QVERIFY(!none.document);
    QCOMPARE(none.failure, ImportFailure::Scanned);
    QVERIFY2(isSentence(none.sentence) && none.sentence.contains(QStringLiteral("scan.pdf")),
             qPrintable(none.sentence));
  }

  void protectedPdf() {
    const QString path = encrypted(threePages(), QStringLiteral("open"), QStringLiteral("owner"));
    QCOMPARE(readDocument(path).failure, ImportFailure::PasswordNeeded);
    ImportOptions options;
    options.password = QStringLiteral("wrong");
    QCOMPARE(readDocument(path, options).failure, ImportFailure::PasswordWrong);
    options.password = QStringLiteral("open");
    const ImportResult opened = readDocument(path, options);
    QVERIFY2(opened.document, qPrintable(opened.sentence));
    QCOMPARE(opened.document->pageCount(), 3);
    // Protection against changes only: opens like any other.
    QVERIFY(readDocument(encrypted(threePages(), QString(), QStringLiteral("owner"))).document);
  }

  void passwordDialogue() {
    const QString path = encrypted(threePages(), QStringLiteral("open"), QStringLiteral("owner"));
    ImportClient client;
    QSignalSpy needed(&client, &ImportClient::passwordNeeded);
    QSignalSpy finished(&client, &ImportClient::finished);
    QSignalSpy failed(&client, &ImportClient::failed);
    client.start(path);
    QTRY_COMPARE(needed.size(), 1);
    QCOMPARE(needed[0][0].toBool(), false);
    QVERIFY(client.isRunning());
    client.providePassword(QStringLiteral("wrong"));
    QTRY_COMPARE(needed.size(), 2);
    QCOMPARE(needed[1][0].toBool(), true);
    client.providePassword(QStringLiteral("open"));
    QTRY_COMPARE(finished.size(), 1);
    QCOMPARE(failed.size(), 0);
    QVERIFY(!client.isRunning());
  }

  void refusals_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<ImportFailure>("failure");
    const auto row = [](const char* name, const char* file, const QByteArray& bytes,
                        ImportFailure failure) {
      QTest::newRow(name) << QString::fromLatin1(file) << bytes << failure;
    };
    row("empty", "e.txt", {}, ImportFailure::Empty);
    row("white space", "w.txt", " \n\r\n\t", ImportFailure::Empty);
    row("html without text", "e.html", "<html><script>x</script></html>", ImportFailure::Empty);
    row("zip", "a.docx", QByteArray("PK\x03\x04"), ImportFailure::Unsupported);
    row("binary", "a.txt", QByteArray(500, '\0') + "text", ImportFailure::Unsupported);
    row("pdf head only", "a.pdf", "%PDF-1.7\n", ImportFailure::Damaged);
    row("cut pdf", "a.pdf", threePages().first(300), ImportFailure::Damaged);
    row("pdf of noise", "a.pdf", "%PDF-1.7\n" + QByteArray("\x8F\x01\xFE\xC3").repeated(5000),
        ImportFailure::Damaged);
  }
  void refusals() {
    QFETCH(QString, name);
    QFETCH(QByteArray, bytes);
    QFETCH(ImportFailure, failure);
    const ImportResult result = readDocument(m_folder.write(name, bytes));
    QVERIFY(!result.document);
    QCOMPARE(result.failure, failure);
    QVERIFY2(isSentence(result.sentence) && result.sentence.contains(name),
             qPrintable(result.sentence));
  }

  void filesThatCannotBeOpened() {
    const QString fifo = m_folder.path(QStringLiteral("fifo"));
    QCOMPARE(::mkfifo(qPrintable(fifo), 0600), 0);
    for (const QString& path : {m_folder.path(QStringLiteral("absent.pdf")), m_folder.path(), fifo,
                                QStringLiteral("/dev/zero"), QString()}) {
      const ImportResult result = readDocument(path);
      QVERIFY(!result.document);
      QCOMPARE(result.failure, ImportFailure::CannotOpen);
      QVERIFY2(isSentence(result.sentence), qPrintable(result.sentence));
    }
  }

  void tooLargeByTheFileSystemsWord() {
    // Sparse files: nothing is read or stored.
    for (const auto& [name, bytes] : {std::pair("big.txt", 64LL), std::pair("big.pdf", 1024LL)}) {
      const QString path = m_folder.write(QString::fromLatin1(name), "%PDF-1.7 or text");
      const QString text = QString::fromLatin1(name).endsWith(QStringLiteral("txt"))
                               ? m_folder.write(QString::fromLatin1(name), "text")
                               : path;
      QCOMPARE(::truncate(qPrintable(text), bytes * 1024 * 1024 + 1), 0);
      const ImportResult result = readDocument(text);
      QCOMPARE(result.failure, ImportFailure::TooLarge);
      QVERIFY2(
          result.sentence.contains(bytes == 64 ? QStringLiteral("64 MB") : QStringLiteral("GB")),
          qPrintable(result.sentence));
    }
  }

  void missingHelper() {
    ImportOptions options;
    options.helper = m_folder.path(QStringLiteral("absent"));
    const ImportResult result =
        readDocument(m_folder.write(QStringLiteral("a.txt"), "text"), options);
    QCOMPARE(result.failure, ImportFailure::HelperMissing);
    QVERIFY(isSentence(result.sentence));
  }

  void hostileHelpers_data() {
    QTest::addColumn<ImportFailure>("failure");
    for (const char* how : {"exit", "abort", "old version", "noise", "huge frame", "flood headings",
                            "bad utf-8", "control", "heading outside", "heading in a letter"}) {
      QTest::newRow(how) << ImportFailure::HelperFailed;
    }
    QTest::newRow("flood") << ImportFailure::TooLarge;
    // Nothing but restarts come of these, and no page.
    QTest::newRow("too early") << ImportFailure::HelperFailed;
    QTest::newRow("wrong order") << ImportFailure::HelperFailed;
  }
  void hostileHelpers() {
    QFETCH(ImportFailure, failure);
    const ImportResult result = readHostile(QTest::currentDataTag());
    QVERIFY(!result.document);
    QCOMPARE(result.failure, failure);
    QVERIFY2(isSentence(result.sentence), qPrintable(result.sentence));
  }

  void aHangingHelperMeetsTheDeadline() {
    QElapsedTimer clock;
    clock.start();
    const ImportResult result = readHostile("hang", 300);
    QCOMPARE(result.failure, ImportFailure::TimedOut);
    QVERIFY(isSentence(result.sentence));
    QCOMPARE_GE(clock.elapsed(), 285);     // Qt's coarse timers may be 5 % early
    QCOMPARE_LT(clock.elapsed(), 10'000);  // the deadline and a process start on a busy computer
  }

  void aPageThatKillsTheReaderIsSkipped() {
    const ImportResult dies = readHostile("dies on page 4");
    QVERIFY2(dies.document, qPrintable(dies.sentence));
    QCOMPARE(dies.document->pageCount(), 6);
    QCOMPARE(dies.document->pageString(2), QStringLiteral("text 2"));
    QCOMPARE(dies.document->pageString(3), QString());
    QCOMPARE(dies.document->pageString(5), QStringLiteral("text 5"));
    QCOMPARE(dies.document->warnings(), QStringList{QStringLiteral("Page 4 could not be read.")});
    const ImportResult hangs = readHostile("hangs on page 2", 300);
    QVERIFY2(hangs.document, qPrintable(hangs.sentence));
    QCOMPARE(hangs.document->warnings(), QStringList{QStringLiteral("Page 2 could not be read.")});
  }

  void restartsAreCounted() {
    QCOMPARE(readHostile("dies on every page").failure, ImportFailure::HelperFailed);
    const ImportResult some = readHostile("dies on every second page");
    QVERIFY2(some.document, qPrintable(some.sentence));
    QCOMPARE(some.document->pageCount(), 100);
    // 21 starts read one page each and lose one; the rest is given up.
    QCOMPARE(some.document->pageString(40), QStringLiteral("text 40"));
    QCOMPARE(some.document->pageString(39), QString());
    QCOMPARE(some.document->pageString(42), QString());
    QCOMPARE(some.document->warnings().size(), qsizetype{2});
    const ImportResult outline = readHostile("dies on the outline");
    QVERIFY2(outline.document, qPrintable(outline.sentence));
    QCOMPARE(outline.document->warnings(),
             QStringList{QStringLiteral("The table of contents could not be read.")});
  }

  void aKilledHelperIsAnOrdinaryResult() {
    QList<PdfPage> pages(400, PdfPage{{{72, 700, "words on a page"}}});
    const QString path = m_folder.write(QStringLiteral("long.pdf"), rawPdf(pages));
    ImportClient client;
    QSignalSpy finished(&client, &ImportClient::finished);
    QSignalSpy failed(&client, &ImportClient::failed);
    int kills = 0;
    connect(&client, &ImportClient::progressed, this, [&](int done, int) {
      if (kills == 0 && done > 5) {
        ++kills;
        ::kill(static_cast<pid_t>(client.helperPid()), SIGKILL);
      }
    });
    client.start(path);
    QTRY_COMPARE_WITH_TIMEOUT(finished.size() + failed.size(), 1, 60'000);
    QCOMPARE(finished.size(), 1);
    QCOMPARE(kills, 1);
    const auto document = finished[0][0].value<Document>();
    QCOMPARE(document.pageCount(), 400);
    // The kill may have come after the last page; then nothing is missing.
    QCOMPARE_LE(document.warnings().size(), qsizetype{1});
  }

  void cancelAndRestart() {
    const QString path = m_folder.write(QStringLiteral("long.pdf"),
                                        rawPdf(QList<PdfPage>(400, {{{72, 700, "words"}}})));
    ImportClient client;
    QSignalSpy finished(&client, &ImportClient::finished);
    QSignalSpy failed(&client, &ImportClient::failed);
    client.cancel();  // nothing runs: nothing happens
    client.start(path);
    client.cancel();
    QTRY_COMPARE(failed.size(), 1);
    QCOMPARE(failed[0][1].value<ImportFailure>(), ImportFailure::Cancelled);
    QCOMPARE(client.helperPid(), 0);
    client.start(path);
    client.start(m_folder.write(QStringLiteral("b.txt"), "text"));  // takes the place of the first
    QTRY_COMPARE(finished.size(), 1);
    QCOMPARE(finished[0][0].value<Document>().format(), DocumentFormat::PlainText);
    QCOMPARE(failed.size(), 1);
    QVERIFY(!client.isRunning());
  }

  void destroyedWhileReading() {
    const QString path = m_folder.write(QStringLiteral("long.pdf"),
                                        rawPdf(QList<PdfPage>(400, {{{72, 700, "words"}}})));
    for (int i = 0; i < 5; ++i) {
      ImportClient client;
      client.start(path);
      QTRY_VERIFY(client.helperPid() > 0);
    }
  }

  void anOutlineWithoutEndCostsOnlyItself() {
    PdfOptions options;
    options.outline = {{"A", 0, {}}, {"B", 0, {}}};
    options.cyclicOutline = true;
    const QString path =
        m_folder.write(QStringLiteral("cycle.pdf"), rawPdf({{{{72, 700, "text stays"}}}}, options));
    const ImportResult result = readDocument(path);
    QVERIFY2(result.document, qPrintable(result.sentence));
    QCOMPARE(result.document->pageString(0), QStringLiteral("text stays"));
  }

  void theJailHolds_data() {
    QTest::addColumn<QString>("kind");
    QTest::newRow("text") << QStringLiteral("text");
    QTest::newRow("render") << QStringLiteral("render");
  }
  void theJailHolds() {
    QFETCH(QString, kind);
    QProcess helper;
    helper.start(findImportHelper(), {QStringLiteral("--probe"), kind});
    QVERIFY(helper.waitForFinished());
    const QByteArray out = helper.readAllStandardOutput();
    const QList<QByteArray> lines = out.trimmed().split('\n');
    QCOMPARE(lines.size(), qsizetype{21});  // the state and 20 attempts
    QVERIFY2(lines[0].contains("seccomp 1"), lines[0].constData());
    for (qsizetype i = 1; i < lines.size(); ++i) {
      QVERIFY2(lines[i].endsWith(" refused"), lines[i].constData());
    }
    QCOMPARE(helper.exitCode(), 0);
  }

  void mutantsNeverHarmTheProgram() {
    const QList<std::pair<QString, QByteArray>> seeds = {
        {QStringLiteral("m.pdf"), threePages()},
        {QStringLiteral("m.pdf"), scannedPdf()},
        {QStringLiteral("m.pdf"), mappedPdf({"D835DCB3", "0041"})},
        {QStringLiteral("m.html"),
         "<!doctype html><title>t</title><ul><li>a<table><tr><td>b</table>"},
        {QStringLiteral("m.md"), "---\ntitle: x\n---\n# A\n\nB\n===\n```\nc\n```\n"},
        {QStringLiteral("m.txt"),
         "Chapter 1\n\n\xD0\x93\xD0\xBB\xE6\x96\x87 text\n\nChapter 2\n\ny\n"}};
    constexpr quint32 kSeed = 20261124;
    QRandomGenerator random(kSeed);
    int documents = 0;
    int failures = 0;
    QElapsedTimer clock;
    for (int i = 0; i < 500; ++i) {
      const auto& [name, original] = seeds[i % seeds.size()];
      QByteArray bytes = original;
      switch (random.bounded(4)) {
        case 0:
          bytes.truncate(random.bounded(bytes.size()));
          break;
        case 1:
          for (quint32 k = 0; k < 1 + random.bounded(8U); ++k) {
            const auto at = random.bounded(bytes.size());
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.bounded(8)));
          }
          break;
        case 2:
          for (quint32 k = 0; k < 1 + random.bounded(40U); ++k) {
            bytes[random.bounded(bytes.size())] = static_cast<char>(random.bounded(256));
          }
          break;
        default:
          bytes.insert(random.bounded(bytes.size()),
                       bytes.mid(random.bounded(bytes.size()), random.bounded(200)));
          break;
      }
      clock.start();
      const ImportResult result = readDocument(m_folder.write(name, bytes));
      // The helper's own limit is 60 s of CPU; a small file must stay far below it.
      QVERIFY2(clock.elapsed() < 30'000, qPrintable(QStringLiteral("mutant %1").arg(i)));
      if (result.document) {
        ++documents;
        QVERIFY(result.document->pageCount() > 0);
      } else {
        ++failures;
        QVERIFY2(isSentence(result.sentence), qPrintable(result.sentence));
      }
    }
    qInfo("seed %u: %d read, %d refused", kSeed, documents, failures);
    QCOMPARE_GT(documents, 100);  // the mutator leaves enough alive to reach the inner code
    QCOMPARE_GT(failures, 50);
  }
};

int main(int argc, char** argv) {
  if (argc == 3 && qstrcmp(argv[1], "--text") == 0) {
    // The crashes are meant: no core files.
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    return misbehave(QByteArray(argv[2]).toInt());
  }
  QCoreApplication application(argc, argv);
  ImportClientTest test;
  return QTest::qExec(&test, argc, argv);
}

#include "import_client_test.moc"
