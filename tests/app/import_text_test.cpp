// SPDX-License-Identifier: Apache-2.0
// The parsers of text formats: encodings, cleaning, headings, HTML; and the protocol's reader.
#include "app/documents/utf8.h"
#include "app/import/clean_text.h"
#include "app/import/decode_text.h"
#include "app/import/headings.h"
#include "app/import/html_text.h"
#include "app/import/protocol.h"

#include <QFile>
#include <QRandomGenerator>
#include <QStringEncoder>
#include <QTest>

using namespace bookwheel;

Q_DECLARE_METATYPE(bookwheel::wire::Refusal)

namespace {

std::string_view view(const QByteArray& bytes) {
  return {bytes.constData(), static_cast<std::size_t>(bytes.size())};
}

/// "0:Title@12" for each heading.
QStringList shown(const QList<TextHeading>& headings) {
  QStringList result;
  for (const TextHeading& heading : headings) {
    result.append(
        QStringLiteral("%1:%2@%3").arg(heading.level).arg(heading.title).arg(heading.offset));
  }
  return result;
}

QString cleaned(const QString& text) {
  CleanCounts counts;
  return cleanFlowText(text, counts);
}

constexpr char16_t kPoem[] =
    u"\u041C\u043E\u0439 \u0434\u044F\u0434\u044F \u0441\u0430\u043C\u044B\u0445 "
    u"\u0447\u0435\u0441\u0442\u043D\u044B\u0445 \u043F\u0440\u0430\u0432\u0438\u043B, "
    u"\u041A\u043E\u0433\u0434\u0430 \u043D\u0435 \u0432 \u0448\u0443\u0442\u043A\u0443 "
    u"\u0437\u0430\u043D\u0435\u043C\u043E\u0433, \u041E\u043D \u0443\u0432\u0430\u0436\u0430"
    u"\u0442\u044C \u0441\u0435\u0431\u044F \u0437\u0430\u0441\u0442\u0430\u0432\u0438\u043B.\n";
constexpr char16_t kFrench[] =
    u"Les \u00E9l\u00E8ves ont \u00E9t\u00E9 re\u00E7us \u00E0 l'\u00E9cole o\u00F9 la "
    u"fen\u00EAtre \u00E9tait ferm\u00E9e; No\u00EBl approche d\u00E9j\u00E0.\n";
constexpr char16_t kJapanese[] =
    u"\u543E\u8F29\u306F\u732B\u3067\u3042\u308B\u3002\u540D\u524D\u306F\u307E\u3060\u7121\u3044"
    u"\u3002\u3069\u3053\u3067\u751F\u308C\u305F\u304B\u3068\u3093\u3068\u898B\u5F53\u304C\u3064"
    u"\u304B\u306C\u3002\n";

/// ICU's encoder through Qt (any name that ICU knows).
QByteArray encoded(const char* name, const QString& text) {
  QStringEncoder encoder(name, QStringConverter::Flag::Stateless);
  return encoder.isValid() ? QByteArray(encoder.encode(text)) : QByteArray();
}

QByteArray units(const QString& text, int bytes, bool bigEndian) {
  QByteArray result;
  for (const char32_t c : text.toUcs4()) {
    for (int i = 0; i < bytes; ++i) {
      const int shift = 8 * (bigEndian ? bytes - 1 - i : i);
      result.append(static_cast<char>((c >> shift) & 0xFF));
    }
  }
  return result;
}

}  // namespace

class ImportTextTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void encodings_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("expected");
    QTest::addColumn<QString>("encoding");
    QTest::addColumn<bool>("guessed");
    const QString poem = QString::fromUtf16(kPoem);
    const QString french = QString::fromUtf16(kFrench);
    const QString japanese = QString::fromUtf16(kJapanese);
    const QString ascii = QStringLiteral("Call me Ishmael. Some years ago\nnever mind.\n");
    const auto row = [](const char* name, const QByteArray& bytes, const QString& expected,
                        const char* encoding, bool guessed = false) {
      QTest::newRow(name) << bytes << expected << QString::fromLatin1(encoding) << guessed;
    };
    row("ascii", ascii.toLatin1(), ascii, "UTF-8");
    row("utf-8", poem.toUtf8(), poem, "UTF-8");
    row("utf-8 with mark", "\xEF\xBB\xBF" + poem.toUtf8(), poem, "UTF-8");
    row("utf-8 four bytes", QByteArray("\xF0\x9D\x92\xB3 x"), QStringLiteral("\U0001D4B3 x"),
        "UTF-8");
    row("utf-16le with mark", QByteArray("\xFF\xFE", 2) + units(poem, 2, false), poem, "UTF-16LE");
    row("utf-16be with mark", QByteArray("\xFE\xFF", 2) + units(poem, 2, true), poem, "UTF-16BE");
    row("utf-32le with mark", QByteArray("\xFF\xFE\0\0", 4) + units(poem, 4, false), poem,
        "UTF-32LE");
    row("utf-32be with mark", QByteArray("\0\0\xFE\xFF", 4) + units(poem, 4, true), poem,
        "UTF-32BE");
    row("utf-16le", units(ascii, 2, false), ascii, "UTF-16LE");
    row("utf-16be", units(ascii, 2, true), ascii, "UTF-16BE");
    row("utf-16le cyrillic", units(poem, 2, false), poem, "UTF-16LE");
    row("utf-16be cyrillic", units(poem, 2, true), poem, "UTF-16BE");
    row("utf-16le japanese", units(japanese, 2, false), japanese, "UTF-16LE");
    row("utf-16be japanese", units(japanese, 2, true), japanese, "UTF-16BE");
    row("utf-32le", units(poem, 4, false), poem, "UTF-32LE");
    row("utf-32be", units(poem, 4, true), poem, "UTF-32BE");
    row("windows-1252", encoded("windows-1252", french), french, "", true);
    row("latin-1 short", "caf\xE9\n", QStringLiteral("caf\u00E9\n"), "", true);
    row("windows-1251", encoded("windows-1251", poem.repeated(3)), poem.repeated(3), "", true);
    row("koi8-r", encoded("KOI8-R", poem.repeated(3)), poem.repeated(3), "", true);
    row("shift_jis", encoded("Shift_JIS", japanese.repeated(3)), japanese.repeated(3), "", true);
    row("euc-jp", encoded("EUC-JP", japanese.repeated(3)), japanese.repeated(3), "", true);
    row("empty", QByteArray(), QString(), "UTF-8");
  }
  void encodings() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, expected);
    QFETCH(QString, encoding);
    QFETCH(bool, guessed);
    QVERIFY(expected.isEmpty() || !bytes.isEmpty());
    const DecodedText decoded = decodeText(bytes);
    QCOMPARE(decoded.text, expected);
    QCOMPARE(decoded.invalidBytes, std::int64_t{0});
    QCOMPARE(decoded.guessed, guessed);
    if (!encoding.isEmpty()) {
      QCOMPARE(decoded.encoding, encoding);
    }
    QVERIFY(!recognizeForeign(bytes));
  }

  void damagedUtf8KeepsItsLettersAndCounts() {
    const QByteArray good = QString::fromUtf16(kPoem).toUtf8();
    QByteArray damaged =
        good + "\xFF" + good + "\xE2\x82" + good;  // 1 and 2 bytes that mean nothing
    const DecodedText decoded = decodeText(damaged);
    QCOMPARE(decoded.encoding, QStringLiteral("UTF-8"));
    QCOMPARE(decoded.invalidBytes, std::int64_t{3});
    QCOMPARE(decoded.text.count(QChar(0xFFFD)), qsizetype{2});
    QCOMPARE(decoded.text.count(QString::fromUtf16(kPoem)), qsizetype{3});
  }

  void declaredCharsets_data() {
    QTest::addColumn<QByteArray>("html");
    QTest::addColumn<QByteArray>("charset");
    QTest::newRow("html5") << QByteArray("<!doctype html><meta charset=koi8-r>")
                           << QByteArray("koi8-r");
    QTest::newRow("quoted") << QByteArray("<META CHARSET = \"utf-8\">") << QByteArray("utf-8");
    QTest::newRow("http-equiv")
        << QByteArray("<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>")
        << QByteArray("windows-1251");
    QTest::newRow("xml") << QByteArray("<?xml version='1.0' encoding='ISO-8859-2'?><html>")
                         << QByteArray("ISO-8859-2");
    QTest::newRow("none") << QByteArray("<html><p>charset=x</p>") << QByteArray();
  }
  void declaredCharsets() {
    QFETCH(QByteArray, html);
    QFETCH(QByteArray, charset);
    QCOMPARE(declaredCharset(html), charset);
  }

  void declaredCharsetIsUsed() {
    const QString poem = QString::fromUtf16(kPoem);
    // KOI8-R bytes are valid in other Cyrillic encodings too; only the declaration tells.
    QCOMPARE(decodeText(encoded("KOI8-R", poem), "koi8-r").text, poem);
    QCOMPARE(decodeText(encoded("windows-1251", poem), "windows-1251").text, poem);
    // A page that says UTF-8 and is not: read as what it is.
    QCOMPARE(decodeText("caf\xE9", "utf-8").text, QStringLiteral("caf\u00E9"));
    QCOMPARE(decodeText("plain", "no-such-charset").text, QStringLiteral("plain"));
    QCOMPARE(decodeText("plain", "utf-16").text, QStringLiteral("plain"));
  }

  void foreignFiles_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<wire::Refusal>("refusal");
    const auto row = [](const char* name, const QByteArray& bytes, wire::Refusal refusal) {
      QTest::newRow(name) << bytes << refusal;
    };
    row("zip", QByteArray("PK\x03\x04rest"), wire::Refusal::Archive);
    row("old office", QByteArray("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1..."), wire::Refusal::OldOffice);
    row("gzip", QByteArray("\x1F\x8B\x08\x00", 4), wire::Refusal::Compressed);
    row("png", QByteArray("\x89PNG\r\n\x1A\n"), wire::Refusal::Picture);
    row("jpeg", QByteArray("\xFF\xD8\xFF\xE0"), wire::Refusal::Picture);
    row("rtf", QByteArray("{\\rtf1 x}"), wire::Refusal::RichText);
    row("postscript", QByteArray("%!PS-Adobe-3.0"), wire::Refusal::PostScript);
    row("elf",
        QByteArray("\x7F"
                   "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0",
                   20),
        wire::Refusal::Binary);
    QRandomGenerator random(7);
    QByteArray noise;
    for (int i = 0; i < 4000; ++i) {
      noise.append(static_cast<char>(random.bounded(256)));
    }
    row("noise", noise, wire::Refusal::Binary);
    row("zeros", QByteArray(4096, '\0'), wire::Refusal::Binary);
  }
  void foreignFiles() {
    QFETCH(QByteArray, bytes);
    QFETCH(wire::Refusal, refusal);
    const auto found = recognizeForeign(bytes);
    QVERIFY(found);
    QCOMPARE(*found, refusal);
  }

  void oneZeroByteDoesNotMakeABinary() {
    QByteArray text = QByteArray("All happy families are alike. ").repeated(100);
    text[500] = '\0';
    QVERIFY(!recognizeForeign(text));
    CleanCounts counts;
    cleanFlowText(decodeText(text).text, counts);
    QCOMPARE(counts.nul, std::int64_t{1});
  }

  void flowCleaning_data() {
    QTest::addColumn<QString>("raw");
    QTest::addColumn<QString>("clean");
    const auto row = [](const char* name, const QString& raw, const QString& clean) {
      QTest::newRow(name) << raw << clean;
    };
    row("line ends", QStringLiteral("a\r\nb\rc\nd\u2028e\u0085f\fg"),
        QStringLiteral("a\nb\nc\nd\ne\nf\ng\n"));
    row("outer space", QStringLiteral("\n  \n  a\n\n \n"), QStringLiteral("  a\n"));
    row("empty", QStringLiteral(" \n\t\n"), QString());
    row("controls", QStringLiteral("a\u0001b\u001B[1mc\u0090d\te"), QStringLiteral("ab[1mcd\te\n"));
    row("bidi", QStringLiteral("a\u202Eb\u2066c\u2069\u200Fd"), QStringLiteral("abc\u200Fd\n"));
    row("tags", QStringLiteral("a\U000E0041\U000E0042b"), QStringLiteral("ab\n"));
    row("soft hyphen", QStringLiteral("in\u00ADvi\u00ADsible"), QStringLiteral("invisible\n"));
    row("inner mark", QStringLiteral("a\uFEFFb"), QStringLiteral("ab\n"));
    row("noncharacter", QStringLiteral("a\uFFFFb"), QStringLiteral("a\uFFFDb\n"));
    row("lone surrogate", QStringLiteral("a") + QChar(0xD800) + QStringLiteral("b"),
        QStringLiteral("a\uFFFDb\n"));
    row("letters stay", QStringLiteral("\uFB01 \u2F42 \u00BD e\u0301"),
        QStringLiteral("\uFB01 \u2F42 \u00BD e\u0301\n"));
  }
  void flowCleaning() {
    QFETCH(QString, raw);
    QFETCH(QString, clean);
    QCOMPARE(cleaned(raw), clean);
    QVERIFY(isCleanText(view(cleaned(raw).toUtf8())));
  }

  void pdfCleaning_data() {
    QTest::addColumn<QString>("raw");
    QTest::addColumn<QString>("clean");
    const QString mark = QChar(0xFFFE);
    const auto row = [](const char* name, const QString& raw, const QString& clean) {
      QTest::newRow(name) << raw << clean;
    };
    row("hyphen join", QStringLiteral("respec") + mark + QStringLiteral("\r\ntively"),
        QStringLiteral("respectively"));
    row("hyphen join without line end", QStringLiteral("respec") + mark + QStringLiteral("tively"),
        QStringLiteral("respectively"));
    row("newer mark", QStringLiteral("respec\u0002\r\ntively"), QStringLiteral("respectively"));
    row("soft hyphen join", QStringLiteral("respec\u00AD\r\ntively"),
        QStringLiteral("respectively"));
    row("compound with digit", QStringLiteral("COVID") + mark + QStringLiteral("\r\n19"),
        QStringLiteral("COVID-19"));
    row("compound with name", QStringLiteral("Anglo") + mark + QStringLiteral("\r\nSaxon"),
        QStringLiteral("Anglo-Saxon"));
    row("capitals join", QStringLiteral("INFORMA") + mark + QStringLiteral("\r\nTION"),
        QStringLiteral("INFORMATION"));
    row("mark at the end", QStringLiteral("half") + mark, QStringLiteral("half-"));
    row("mark and line at the end", QStringLiteral("half") + mark + QStringLiteral("\r\n"),
        QStringLiteral("half-"));
    row("mark at the start", mark + QStringLiteral("\r\nbegin"), QStringLiteral("begin"));
    row("line ends", QStringLiteral("a  \r\nb\r\n\r\nc\r\n"), QStringLiteral("a\nb\n\nc"));
    row("leading lines", QStringLiteral("\r\n \r\na"), QStringLiteral("a"));
    row("kangxi", QStringLiteral("\u2F42\u2F47\u5B57"), QStringLiteral("\u6587\u65E5\u5B57"));
    row("ligatures", QStringLiteral("\uFB01nd a\uFB04ict"), QStringLiteral("find afflict"));
    row("compatibility", QStringLiteral("\uF900"), QStringLiteral("\u8C48"));
    row("arabic forms", QStringLiteral("\uFEB3\uFEFC"), QStringLiteral("\u0633\u0644\u0627"));
    row("not all of NFKC", QStringLiteral("\u00BD \u2122 \u2460 \uFF21"),
        QStringLiteral("\u00BD \u2122 \u2460 \uFF21"));
    row("nul", QStringLiteral("a") + QChar(0) + QStringLiteral("b"), QStringLiteral("ab"));
    row("empty", QStringLiteral("\r\n  "), QString());
    row("above U+FFFF", QStringLiteral("\U0001D4B3 x"), QStringLiteral("\U0001D4B3 x"));
  }
  void pdfCleaning() {
    QFETCH(QString, raw);
    QFETCH(QString, clean);
    const CleanPage page = cleanPdfPage(raw);
    QCOMPARE(page.text, clean);
    QVERIFY(isCleanText(view(page.text.toUtf8())));
    QCOMPARE(page.rawIndex.size(), page.text.size() + 1);
    QVERIFY(std::is_sorted(page.rawIndex.begin(), page.rawIndex.end()));
    for (qsizetype i = 0; i < page.text.size(); ++i) {
      const QChar origin = raw[page.rawIndex[i]];
      const QChar shown = page.text[i];
      const bool sameOrForm = origin == shown || shown == u'-' || shown == u'\n' ||
                              origin.unicode() >= 0x2E80 || shown.isLowSurrogate();
      QVERIFY2(sameOrForm, qPrintable(QString(shown)));
    }
  }

  void garbledFontsAreCounted() {
    const CleanPage page = cleanPdfPage(QStringLiteral("\uE001\uE002 ab"));
    QCOMPARE(page.letters, 4);
    QCOMPARE(page.garbled, 2);
  }

  void markdown_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QStringList>("headings");
    const auto row = [](const char* name, const char* text, const QStringList& headings) {
      QTest::newRow(name) << QByteArray(text) << headings;
    };
    row("atx", "# One\n\ntext\n## Two ##\n",
        {QStringLiteral("0:One@0"), QStringLiteral("1:Two@12")});
    row("c sharp", "# C#\n", {QStringLiteral("0:C#@0")});
    row("not headings", "#hash\n####### seven\n    # code\n#\n", {});
    row("marks", "# A *b* `c` [d](http://e) **f** snake_case\n",
        {QStringLiteral("0:A b c d f snake_case@0")});
    row("setext", "One\n===\n\nTwo\n---\n", {QStringLiteral("0:One@0"), QStringLiteral("1:Two@9")});
    row("rule and list", "a\nb\n---\n\n- x\n---\n\n| a |\n---\n", {});
    row("fence", "```\n# no\n```\n# yes\n~~~ x\n# no\n```\n# no\n~~~\n",
        {QStringLiteral("0:yes@13")});
    row("unclosed fence", "```\n# no\n", {});
    row("front matter", "---\ntitle: T\n# no\n---\n# yes\n", {QStringLiteral("0:yes@22")});
  }
  void markdown() {
    QFETCH(QByteArray, text);
    QFETCH(QStringList, headings);
    QCOMPARE(shown(markdownHeadings(view(text))), headings);
  }

  void titles() {
    const QByteArray front = "---\nauthor: a\ntitle: \"The Book\"\n---\n# Other\n";
    QCOMPARE(markdownTitle(view(front), markdownHeadings(view(front))), QStringLiteral("The Book"));
    const QByteArray heading = "## Small\n\n# Big\n";
    QCOMPARE(markdownTitle(view(heading), markdownHeadings(view(heading))), QStringLiteral("Big"));
    QCOMPARE(plainTitle("MOBY DICK\n\nCall me Ishmael.\n"), QStringLiteral("MOBY DICK"));
    QCOMPARE(plainTitle("Call me Ishmael.\n\nMore.\n"), QString());
    QCOMPARE(plainTitle("A line\nand another\n"), QString());
    QCOMPARE(plainTitle(""), QString());
    QVERIFY(titleLine(QString(10'000, u'x')).size() <= 500);
  }

  void chapters_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QStringList>("titles");  // "level:title"
    const auto row = [](const char* name, const char* text, const char* titles) {
      QTest::newRow(name) << QByteArray(text)
                          << QString::fromUtf8(titles).split(u'|', Qt::SkipEmptyParts);
    };
    row("arabic", "Chapter 1\n\nx\n\nChapter 2\n\ny\n", "0:Chapter 1|0:Chapter 2");
    row("roman", "CHAPTER I.\n\nx\n\nCHAPTER XII.\n\ny\n", "0:CHAPTER I.|0:CHAPTER XII.");
    row("title on the line", "Chapter 1: Loomings\n\nx\n\nChapter 2. The Bag\n\ny\n",
        "0:Chapter 1: Loomings|0:Chapter 2. The Bag");
    row("title below", "CHAPTER I.\nDown the Rabbit-Hole\n\nx\n",
        "0:CHAPTER I. Down the Rabbit-Hole");
    row("parts", "PART ONE\n\nChapter 1\n\nx\n\nPART TWO\n\nChapter 1\n\ny\n",
        "0:PART ONE|1:Chapter 1|0:PART TWO|1:Chapter 1");
    row("sentence", "Chapter 12 was long and dull.\n\nx\n", "");
    row("inside a paragraph", "as I said in\nChapter 3\nof this book\n", "");
    row("contents left out",
        "Chapter 1\n\nChapter 2\n\nTitle page\n\nChapter 1\n\nx\n\nChapter 2\n\ny\n",
        "0:Chapter 1|0:Chapter 2");
    row("german", "Kapitel 4\n\nx\n", "0:Kapitel 4");
    row("russian", "\xD0\x93\xD0\xBB\xD0\xB0\xD0\xB2\xD0\xB0 5\n\nx\n",
        "0:\xD0\x93\xD0\xBB\xD0\xB0\xD0\xB2\xD0\xB0 5");
    row("chinese", "\xE7\xAC\xAC\xE5\x8D\x81\xE4\xBA\x8C\xE7\xAB\xA0 x\n\ny\n",
        "0:\xE7\xAC\xAC\xE5\x8D\x81\xE4\xBA\x8C\xE7\xAB\xA0 x");
    row("bare numerals", "I\n\nx\n\nII\n\ny\n\nIII.\n\nz\n", "0:I|0:II|0:III.");
    row("no bare numerals", "I\n\nx\n\nV\n\ny\n", "");
    row("epilogue", "Chapter 1\n\nx\n\nEPILOGUE\n\ny\n", "0:Chapter 1|0:EPILOGUE");
  }
  void chapters() {
    QFETCH(QByteArray, text);
    QFETCH(QStringList, titles);
    const QList<TextHeading> found = chapterHeadings(view(text));
    QStringList shownTitles;
    for (const TextHeading& heading : found) {
      shownTitles.append(QStringLiteral("%1:%2").arg(heading.level).arg(heading.title));
      QVERIFY(heading.offset == 0 || text.at(heading.offset - 1) == '\n');
    }
    QCOMPARE(shownTitles, titles);
  }

  void theNovelHasItsChapters() {
    QFile file(QStringLiteral(BOOKWHEEL_RESOURCES "/sample/pride-and-prejudice.txt"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QList<TextHeading> chapters = chapterHeadings(view(file.readAll()));
    QCOMPARE(chapters.size(), qsizetype{61});
    QCOMPARE(chapters.last().title, QStringLiteral("Chapter 61"));
  }

  void html_data() {
    QTest::addColumn<QByteArray>("html");
    QTest::addColumn<QByteArray>("text");
    const auto row = [](const char* name, const char* html, const char* text) {
      QTest::newRow(name) << QByteArray(html) << QByteArray(text);
    };
    row("paragraphs", "<p>a\n b</p><p>c</p>", "a b\n\nc\n");
    row("inline", "<p>a<b>b</b> <i>c</i><br>d", "ab c\nd\n");
    row("headings", "<h1>One</h1><p>x</p><h3> Three <i>i</i> </h3>y",
        "# One\n\nx\n\n### Three i\n\ny\n");
    row("list", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "- a\n- b\n  - c\n");
    row("ordered", "<ol start=3><li>a<li><p>b</p></ol>", "3. a\n4. b\n");
    row("quote", "<blockquote><p>a</p><p>b</p></blockquote>", "> a\n\n> b\n");
    row("table",
        "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td><p>2</p><p>3</p></td></tr></table>",
        "A | B\n1 | 2 3\n");
    row("layout table", "<table><tr><td><h2>H</h2><p>x</p></td><td>y</td></tr></table>",
        "## H\n\nx\n\ny\n");
    row("pre", "<pre>a\n\n  b  c\n</pre>d", "a\n\n  b  c\n\nd\n");
    row("links", "<p><a href='http://x'>text</a></p>", "text\n");
    row("script and style", "<style>p{}</style><script>1</script><p>a</p><template>t</template>",
        "a\n");
    row("comment", "a<!-- b -->c", "ac\n");
    row("entities", "&lt;p&gt; &amp;amp; &eacute; &#8212; &nbsp;x",
        "<p> &amp; \xC3\xA9 \xE2\x80\x94 \xC2\xA0x\n");
    row("entity controls", "a&#x202E;b&#xE0041;c&#1;d", "abcd\n");
    row("hidden",
        "<p>a</p><p hidden>b</p><p style='display: none'>c</p><span style='font-size:0'>d</span>e",
        "a\n\ne\n");
    row("not hidden", "<p style='font-size:0.9em'>a</p>", "a\n");
    row("picture", "<img alt='A cat'><img alt=''>", "[Image: A cat]\n");
    row("definitions", "<dl><dt>t</dt><dd>d</dd></dl>", "t\n  d\n");
    row("broken", "<p>a<p>b<div>c</table></b>", "a\n\nb\n\nc\n");
    row("empty", "<html><body></body></html>", "");
    row("q", "<q>a</q>",
        "\xE2\x80\x9C"
        "a\xE2\x80\x9D\n");
  }
  void html() {
    QFETCH(QByteArray, html);
    QFETCH(QByteArray, text);
    const HtmlText result = htmlToText(html);
    QByteArray trimmedLines = result.text;
    QCOMPARE(trimmedLines, text);
    QVERIFY(isCleanText(view(result.text)));
  }

  void htmlHeadingsAndTitle() {
    const HtmlText page = htmlToText(
        "<title> The\n Page </title><h1>A</h1><p>x<h2>B "
        "<em>b</em></h2><table><tr><td><h3>C</h3></table>");
    QCOMPARE(page.title, QStringLiteral("The Page"));
    QCOMPARE(page.headings.size(), qsizetype{3});
    for (const TextHeading& heading : page.headings) {
      const QByteArray line = page.text.mid(heading.offset).split('\n').first();
      QCOMPARE(line, QByteArray(heading.level + 1, '#') + ' ' + heading.title.toUtf8());
    }
    QCOMPARE(htmlToText("<p>x<h2>Only</h2>").title, QStringLiteral("Only"));
    QCOMPARE(htmlToText("<p hidden>x<div style='visibility:hidden'>y").hidden, std::int64_t{2});
  }

  void deepHtmlNeedsNoStack() {
    for (const char* tag : {"<div>", "<ul><li>", "<b>", "<blockquote>", "<table><tr><td>"}) {
      // The parser's time grows with the square of the depth (0.2 s for 5,000 levels).
      const HtmlText page = htmlToText(QByteArray(tag).repeated(3'000) + "deep");
      QVERIFY(page.text.endsWith("deep\n"));
      // Prefixes stop growing with depth 16: the text stays within a small multiple of the page.
      QCOMPARE_LT(page.text.size(), qsizetype{3'000 * 40});
    }
  }

  void protocolRefusesWhatItDoesNotKnow() {
    const QByteArray page =
        wire::PageText{7, QStringLiteral("vii"), 612, 792, "text"}.toFrame().mid(5);
    QVERIFY(wire::PageText::parse(page));
    for (qsizetype cut = 0; cut < page.size(); ++cut) {
      QVERIFY(!wire::PageText::parse(page.first(cut)));
    }
    QVERIFY(!wire::PageText::parse(page + 'x'));
    QVERIFY(!wire::PageText::parse(
        wire::PageText{7, QStringLiteral("v"), 1, 1, "\xFF"}.toFrame().mid(5)));
    QVERIFY(!wire::PageText::parse(
        wire::PageText{7, QStringLiteral("v"), 1, 1, QByteArray("a\0b", 3)}.toFrame().mid(5)));
    QVERIFY(!wire::PageText::parse(
        wire::PageText{7, QStringLiteral("v\n"), 1, 1, "a"}.toFrame().mid(5)));
    QVERIFY(!wire::PageText::parse(
        wire::PageText{7, QStringLiteral("v"), qQNaN(), 1, "a"}.toFrame().mid(5)));
    QVERIFY(
        !wire::PageText::parse(wire::PageText{7, QString(100, u'v'), 1, 1, "a"}.toFrame().mid(5)));
    QVERIFY(!wire::Bitmap::parse(wire::Bitmap{1, 65'537, 65'536}.toFrame().mid(5)));
    QVERIFY(!wire::Bitmap::parse(wire::Bitmap{1, 0, 5}.toFrame().mid(5)));
    QVERIFY(!wire::Opened::parse(wire::Opened{DocumentFormat::Pdf, {}, 0}.toFrame().mid(5)));
    QVERIFY(!wire::Opened::parse(wire::Opened{DocumentFormat::Html, {}, 3}.toFrame().mid(5)));
    QVERIFY(!wire::Heading::parse(wire::Heading{{}, 0, 0, 0}.toFrame().mid(5)));
    wire::Rectangles many;
    many.rectangles = QList<QRectF>(20'001, QRectF(1, 1, 1, 1));
    QVERIFY(!wire::Rectangles::parse(many.toFrame().mid(5)));
  }

  void frameReaderSurvivesAnyStream() {
    QRandomGenerator random(11);
    for (int round = 0; round < 2'000; ++round) {
      wire::FrameReader reader;
      QByteArray stream;
      for (int i = 0; i < 5; ++i) {
        stream += wire::Heading{QStringLiteral("title"), 1, 2, 3}.toFrame();
      }
      const auto hits = random.bounded(4);
      for (int i = 0; i < hits; ++i) {
        stream[random.bounded(stream.size())] = static_cast<char>(random.bounded(256));
      }
      int frames = 0;
      for (qsizetype at = 0; at < stream.size();) {
        const qsizetype piece = 1 + random.bounded(40);
        reader.feed(QByteArrayView(stream).sliced(at, std::min(piece, stream.size() - at)));
        at += piece;
        while (const auto frame = reader.next()) {
          wire::Heading::parse(frame->payload);
          ++frames;
        }
      }
      if (hits == 0) {
        QCOMPARE(frames, 5);
        QCOMPARE(reader.pending(), qsizetype{0});
      }
    }
    wire::FrameReader reader;
    reader.feed(QByteArrayView("\xFF\xFF\xFF\xFF\x10", 5));
    QVERIFY(!reader.next());
    QVERIFY(reader.isBroken());
  }
};

QTEST_GUILESS_MAIN(ImportTextTest)
#include "import_text_test.moc"
