// SPDX-License-Identifier: Apache-2.0
// The word splitters against the regular expressions they stand for, run by PCRE2.
#include "engine/model/pre_tokenizer.h"

#include "engine/model/unicode.h"
#include "tests/support/seeded_random.h"

#include <QElapsedTimer>
#include <QRegularExpression>
#include <QTest>

#include <string>

using namespace bookwheel;

namespace {

QRegularExpression unicodePattern(const char* pattern) {
  return QRegularExpression(QString::fromLatin1(pattern),
                            QRegularExpression::UseUnicodePropertiesOption);
}

const QRegularExpression kGpt2 =
    unicodePattern(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)");
const QRegularExpression kLlama = unicodePattern(
    R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
const QRegularExpression kQwen = unicodePattern(
    R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");

QStringList matches(const QRegularExpression& pattern, const QString& text) {
  QStringList words;
  for (auto it = pattern.globalMatch(text); it.hasNext();) {
    words += it.next().captured();
  }
  return words;
}

/// What the rule's definition gives, by PCRE2.
QStringList expectedWords(PreTokenizer rule, const QString& text) {
  switch (rule) {
    case PreTokenizer::Gpt2:
      return matches(kGpt2, text);
    case PreTokenizer::LlamaBpe:
      return matches(kLlama, text);
    case PreTokenizer::Qwen2:
      return matches(kQwen, text);
    case PreTokenizer::SmolLm: {
      static const QRegularExpression kStretch = unicodePattern(R"(\p{N}|\P{N}+)");
      static const QRegularExpression kNumber = unicodePattern(R"(^\p{N})");
      QStringList words;
      for (const QString& stretch : matches(kStretch, text)) {
        words += kNumber.match(stretch).hasMatch() ? QStringList(stretch) : matches(kGpt2, stretch);
      }
      return words;
    }
  }
  return {};
}

QStringList words(PreTokenizer rule, const std::string& text) {
  QStringList found;
  WordSplitter splitter(rule, text);
  while (const auto word = splitter.next()) {
    found += QString::fromUtf8(word->data(), static_cast<qsizetype>(word->size()));
  }
  return found;
}

}  // namespace

class PreTokenizerTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void knownSplits_data();
  void knownSplits();
  void agreesWithTheRegularExpressions_data();
  void agreesWithTheRegularExpressions();
  void invalidUtf8IsCoveredByteForByte();
  void longRunsAreLinear();
  void namesOfModelFiles();
};

void PreTokenizerTest::knownSplits_data() {
  QTest::addColumn<int>("rule");
  QTest::addColumn<QString>("text");
  QTest::addColumn<QStringList>("expected");
  const auto row = [](PreTokenizer rule, const char* label, const QString& text,
                      const QStringList& expected) {
    QTest::addRow("%s: %s", name(rule).data(), label) << static_cast<int>(rule) << text << expected;
  };
  row(PreTokenizer::Gpt2, "words", "Hello world's 123  x",
      {"Hello", " world", "'s", " 123", " ", " x"});
  row(PreTokenizer::Gpt2, "capital contraction", "IT'S", {"IT", "'", "S"});
  row(PreTokenizer::SmolLm, "digits one by one", "a 12.5", {"a", " ", "1", "2", ".", "5"});
  row(PreTokenizer::LlamaBpe, "digits by three", "x 12345", {"x", " ", "123", "45"});
  row(PreTokenizer::LlamaBpe, "capital contraction", "IT'S", {"IT", "'S"});
  row(PreTokenizer::LlamaBpe, "long s is no s", u8"it'\u017f", {"it", u8"'\u017f"});
  row(PreTokenizer::Qwen2, "one digit", "12", {"1", "2"});
  row(PreTokenizer::Qwen2, "line breaks stay with symbols", "a!\n\n b", {"a", "!\n\n", " b"});
  row(PreTokenizer::Qwen2, "white space before line breaks", "a \n \n  b",
      {"a", " \n \n", " ", " b"});
  row(PreTokenizer::Qwen2, "any character before letters", "(word\tword", {"(word", "\tword"});
}

void PreTokenizerTest::knownSplits() {
  QFETCH(int, rule);
  QFETCH(QString, text);
  QFETCH(QStringList, expected);
  QCOMPARE(words(static_cast<PreTokenizer>(rule), text.toStdString()), expected);
  QCOMPARE(expectedWords(static_cast<PreTokenizer>(rule), text), expected);
}

void PreTokenizerTest::agreesWithTheRegularExpressions_data() {
  QTest::addColumn<int>("rule");
  for (const PreTokenizer rule :
       {PreTokenizer::Gpt2, PreTokenizer::SmolLm, PreTokenizer::LlamaBpe, PreTokenizer::Qwen2}) {
    QTest::newRow(name(rule).data()) << static_cast<int>(rule);
  }
}

void PreTokenizerTest::agreesWithTheRegularExpressions() {
  QFETCH(int, rule);
  // Characters of each class, of which the rules treat differently: short, so that all
  // neighbourhoods come up.
  const QString alphabet = QString::fromUtf8(
                               "aS'tTmdDrReEvVlLZ\u00e9\u4e2d019\u00bd\u0663 "
                               "\t\n\r\u00a0\u3000\u2028.-(\u0301\u20ac\u200b") +
                           QString::fromUcs4(U"\U0001F600\U00020000\U0001D7D8");
  const QList<uint> points = alphabet.toUcs4();
  SeededRandom random(11);
  for (int round = 0; round < 20'000; ++round) {
    QString text;
    for (std::uint32_t i = 0; i <= random.below(14); ++i) {
      const char32_t c =
          points[static_cast<qsizetype>(random.below(static_cast<std::uint32_t>(points.size())))];
      text += QString::fromUcs4(&c, 1);
    }
    const auto expected = expectedWords(static_cast<PreTokenizer>(rule), text);
    const auto found = words(static_cast<PreTokenizer>(rule), text.toStdString());
    if (found != expected) {
      QVERIFY2(found == expected,
               qPrintable(text + " gave " + found.join("|") + " and not " + expected.join("|")));
    }
  }
}

void PreTokenizerTest::invalidUtf8IsCoveredByteForByte() {
  SeededRandom random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (std::uint32_t i = 0; i < random.below(24); ++i) {
      bytes.push_back(static_cast<char>(random.below(256)));
    }
    for (const PreTokenizer rule :
         {PreTokenizer::Gpt2, PreTokenizer::SmolLm, PreTokenizer::LlamaBpe, PreTokenizer::Qwen2}) {
      WordSplitter splitter(rule, bytes);
      std::string joined;
      while (const auto word = splitter.next()) {
        QVERIFY(!word->empty());
        joined += *word;
      }
      QVERIFY(joined == bytes);
    }
  }
}

void PreTokenizerTest::longRunsAreLinear() {
  // A rule that looked back or ahead over the run for each of its characters would take 10^12
  // steps.
  for (const std::string& unit :
       {std::string(" "), std::string("\n"), std::string(" \n"), std::string("'"), std::string("1"),
        std::string("a 1 "), std::string("\t\r")}) {
    std::string text;
    while (text.size() < 1'000'000) {
      text += unit;
    }
    text += "x";
    QElapsedTimer timer;
    timer.start();
    for (const PreTokenizer rule :
         {PreTokenizer::Gpt2, PreTokenizer::SmolLm, PreTokenizer::LlamaBpe, PreTokenizer::Qwen2}) {
      WordSplitter splitter(rule, text);
      std::size_t covered = 0;
      while (const auto word = splitter.next()) {
        covered += word->size();
      }
      QCOMPARE(covered, text.size());
    }
    QVERIFY(timer.elapsed() < 10'000);
  }
}

void PreTokenizerTest::namesOfModelFiles() {
  for (const char* known : {"gpt-2", "smollm", "llama-bpe", "qwen2"}) {
    const auto rule = preTokenizer(known);
    QVERIFY(rule.has_value());
    QCOMPARE(name(*rule), std::string_view(known));
  }
  QVERIFY(preTokenizer("llama3") == PreTokenizer::LlamaBpe);
  QVERIFY(preTokenizer("deepseek-r1-qwen") == PreTokenizer::Qwen2);
  QVERIFY(!preTokenizer("default"));
  QVERIFY(!preTokenizer(""));
  QVERIFY(!preTokenizer("gpt-4o"));
}

QTEST_APPLESS_MAIN(PreTokenizerTest)
#include "pre_tokenizer_test.moc"
