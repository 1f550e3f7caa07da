// SPDX-License-Identifier: Apache-2.0
// An answer is not trusted: no letter of it is lost, and nothing is loaded because it says so.
#include "ui/conversation/message_document.h"

#include "ui/style/type.h"

#include <QTemporaryDir>
#include <QTest>
#include <QTextBlock>
#include <QUrl>

using bookwheel::makeMessageDocument;
using bookwheel::mayOpen;
using bookwheel::MessageForm;

using namespace Qt::StringLiterals;

class MessageDocumentTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() { QVERIFY(bookwheel::loadFonts()); }

  // Each of these loses text with Qt's default Markdown flags.
  void keepsEveryLetter_data() {
    QTest::addColumn<QString>("markdown");
    QTest::addColumn<QStringList>("words");
    const auto row = [](const char* name, const QString& markdown, const QStringList& words) {
      QTest::newRow(name) << markdown << words;
    };
    row("template", u"std::vector<int> v; after"_s, {u"std::vector<int> v; after"_s});
    row("generic", u"a List<String> of names, then more"_s,
        {u"List<String> of names, then more"_s});
    row("include", u"#include <vector>\nint main() {}"_s, {u"<vector>"_s, u"int main() {}"_s});
    row("line break tag", u"one<br>two"_s, {u"one<br>two"_s});
    row("unclosed image tag", u"before <img src=\"x\"> after"_s, {u"<img src=\"x\"> after"_s});
    row("think", u"<think>first this</think>then that"_s,
        {u"<think>first this</think>then that"_s});
    row("script", u"<script>alert(1)</script> rest"_s, {u"<script>alert(1)</script> rest"_s});
    row("comment", u"a <!-- hidden --> b"_s, {u"<!-- hidden -->"_s, u"b"_s});
    row("block tag", u"<div>\ninside\n</div>\n\nbehind"_s, {u"<div>"_s, u"inside"_s, u"behind"_s});
    row("entity", u"5 &lt; 6 and R&D"_s, {u"5 < 6"_s, u"R&D"_s});
    row("comparison", u"if a<b and c>d then e"_s, {u"if a<b and c>d then e"_s});
    row("code", u"```cpp\nstd::map<int, int> m;\n```\nend"_s,
        {u"std::map<int, int> m;"_s, u"end"_s});
    row("inline code", u"call `f<T>()` now"_s, {u"f<T>()"_s, u"now"_s});
    row("picture", u"see ![the plan](plan.png) here"_s, {u"the plan"_s, u"plan.png"_s, u"here"_s});
    row("table", u"| a | b |\n|---|---|\n| x<y | z |\n\nend"_s, {u"x<y"_s, u"z"_s, u"end"_s});
  }
  void keepsEveryLetter() {
    QFETCH(QString, markdown);
    QFETCH(QStringList, words);
    const auto document = makeMessageDocument(markdown, MessageForm::Answer, 400);
    const QString shown = document->toPlainText();
    for (const QString& word : std::as_const(words)) {
      QVERIFY2(shown.contains(word), qPrintable(u"“%1” lacks “%2”"_s.arg(shown, word)));
    }
    QVERIFY(!shown.contains(QChar::ObjectReplacementCharacter));
  }

  void questionIsPlainText() {
    const QString text = u"# what is **this** <b>?"_s;
    QCOMPARE(makeMessageDocument(text, MessageForm::Question, 400)->toPlainText(), text);
  }

  void rendersMarkdown() {
    const auto document = makeMessageDocument(u"## Title\n\nA **strong** word.\n\n- one\n- two"_s,
                                              MessageForm::Answer, 400);
    QCOMPARE(document->toPlainText(), u"Title\nA strong word.\none\ntwo"_s);
    QCOMPARE(document->begin().blockFormat().headingLevel(), 2);
    QVERIFY(document->lastBlock().textList() != nullptr);
    const QTextBlock sentence = document->begin().next();
    auto strong = sentence.begin();
    ++strong;
    QCOMPARE(strong.fragment().text(), u"strong"_s);
    QCOMPARE(strong.fragment().charFormat().fontWeight(), int(QFont::DemiBold));
  }

  void loadsNothing() {
    QTemporaryDir folder;
    const QString path = folder.filePath(u"secret.txt"_s);
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write("secret") == 6);
    file.close();
    const QUrl url = QUrl::fromLocalFile(path);
    // The plain class does read it: the check below can fail.
    QTextDocument plain;
    QVERIFY(plain.resource(QTextDocument::HtmlResource, url).toByteArray().contains("secret"));
    const auto document =
        makeMessageDocument(u"![x](%1) [y](%1)"_s.arg(url.toString()), MessageForm::Answer, 400);
    for (const int type : {QTextDocument::HtmlResource, QTextDocument::ImageResource,
                           QTextDocument::StyleSheetResource, QTextDocument::MarkdownResource}) {
      QVERIFY(!document->resource(type, url).isValid());
    }
    QVERIFY(!document->toPlainText().contains(u"secret\n"_s));
  }

  void opensOnlyTheWeb_data() {
    QTest::addColumn<QString>("link");
    QTest::addColumn<bool>("opens");
    QTest::newRow("https") << u"https://example.org/a"_s << true;
    QTest::newRow("http") << u"http://example.org"_s << true;
    QTest::newRow("script") << u"javascript:alert(1)"_s << false;
    QTest::newRow("file") << u"file:///etc/passwd"_s << false;
    QTest::newRow("data") << u"data:text/html,x"_s << false;
    QTest::newRow("no host") << u"https:"_s << false;
    QTest::newRow("relative") << u"../../x"_s << false;
    QTest::newRow("program") << u"ssh://host"_s << false;
  }
  void opensOnlyTheWeb() {
    QFETCH(QString, link);
    QFETCH(bool, opens);
    QCOMPARE(mayOpen(QUrl(link)), opens);
  }

  void streamingCursorIsNotInTheText() {
    const auto with = makeMessageDocument(u"half an answ"_s, MessageForm::Answer, 400, true);
    const auto without = makeMessageDocument(u"half an answ"_s, MessageForm::Answer, 400, false);
    QVERIFY(with->toPlainText().startsWith(without->toPlainText()));
    QVERIFY(with->toPlainText().size() > without->toPlainText().size());
  }

  // A table or a fence that is only half there while it streams must not be lost or loop.
  void everyPrefixCanBeShown() {
    const QString text =
        u"# T\n\n| a | b |\n|---|---|\n| `c` | **d** |\n\n```py\nx = [1]\n```\n> q\n1. one\n   - two\n"_s;
    for (int length = 0; length <= text.size(); ++length) {
      const auto document = makeMessageDocument(text.left(length), MessageForm::Answer, 300, true);
      QVERIFY(document->size().height() > 0);
    }
  }
};

QTEST_MAIN(MessageDocumentTest)
#include "message_document_test.moc"
