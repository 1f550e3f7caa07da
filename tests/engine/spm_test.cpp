// SPDX-License-Identifier: Apache-2.0
// SentencePiece in cut text gives exactly the ids of one call of the library over the whole text.
#include "engine/model/spm.h"

#include "tests/engine/vocabulary_draft.h"
#include "tests/support/seeded_random.h"

#include <QTest>

#include <algorithm>

using namespace bookwheel;

class SpmTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void cutsChangeNothing_data();
  void cutsChangeNothing();
};

void SpmTest::cutsChangeNothing_data() {
  QTest::addColumn<QStringList>("pieces");
  QTest::newRow("as trained") << QStringList();
  // Tokens that reach across spaces, line breaks and scripts, where a cut at spaces would be wrong.
  QTest::newRow("marks inside") << QStringList{u8"e\u2581wh", u8"of\u2581the", u8"\u2581\u2581",
                                               u8"s\u2581"};
  QTest::newRow("line breaks inside") << QStringList{"\n\n", ".\n", u8"\n\u2581"};
  QTest::newRow("other scripts") << QStringList{u8"\u4e2d\u6587", u8"e\u4e2d", u8"\u6587a"};
  QTest::newRow("chains of one letter") << QStringList{"aa", "aaaa", "aaa", "ab", "ba"};
}

void SpmTest::cutsChangeNothing() {
  QFETCH(QStringList, pieces);
  ExtraTokens extra;
  for (const QString& piece : pieces) {
    extra.emplace_back(piece.toStdString(), kNormalToken);
  }
  GgufDraft draft = sentencePieceDraft(extra);
  draft.boolean("tokenizer.ggml.add_space_prefix", false);
  const auto bytes = draft.bytes();
  const Gguf file = Gguf::parse(bytes);
  const Vocabulary vocabulary(file);
  const SpmModel model(file, vocabulary);
  const std::vector<std::string> atoms{"the",    " wheel", " of",    " ", "a",      "b",
                                       "e",      "s",      "w",      "h", "\n",     ".",
                                       "\u4e2d", "\u6587", "\u2581", "x", "\u00e9", "\U0001F600"};
  SeededRandom random(5);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::uint32_t i = 0; i <= random.below(20) + 1; ++i) {
      text += atoms[random.below(static_cast<std::uint32_t>(atoms.size()))];
    }
    std::vector<SpmModel::Part> whole;
    model.merge(text, whole);
    std::vector<TokenId> expected;
    std::transform(whole.begin(), whole.end(), std::back_inserter(expected),
                   [](const SpmModel::Part& part) { return part.id; });
    Encoding encoding;
    model.encoder()->encode(text, 0, Before::Text, encoding);
    QCOMPARE(encoding.ids, expected);
    QCOMPARE(coverageFault(encoding, text.size()), std::string());
  }
}

QTEST_APPLESS_MAIN(SpmTest)
#include "spm_test.moc"
