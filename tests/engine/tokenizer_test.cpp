// SPDX-License-Identifier: Apache-2.0
// Tokenizer: pieces, special tokens, byte ranges, streaming, and vocabularies that lie.
#include "engine/model/tokenizer.h"

#include "engine/error.h"
#include "tests/engine/vocabulary_draft.h"
#include "tests/support/seeded_random.h"

#include <QTest>

#include <algorithm>
#include <functional>
#include <limits>

using namespace bookwheel;

namespace {

PromptPiece markup(std::string text) { return {std::move(text), PieceKind::Markup}; }
PromptPiece text(std::string text) { return {std::move(text), PieceKind::Text}; }
PromptPiece document(std::string text) { return {std::move(text), PieceKind::Document}; }

std::vector<std::string> spelled(const Tokenizer& tokenizer, const Encoding& encoding) {
  std::vector<std::string> result;
  for (const TokenId id : encoding.ids) {
    result.emplace_back(tokenizer.bytes(id));
  }
  return result;
}

Encoding encode(const Tokenizer& tokenizer, const std::vector<PromptPiece>& pieces) {
  return tokenizer.encode(pieces, Tokenizer::Bos::None);
}

using Change = std::function<void(GgufDraft&)>;

const char* const kTokens = "tokenizer.ggml.tokens";
const char* const kTypes = "tokenizer.ggml.token_type";
const char* const kScores = "tokenizer.ggml.scores";
const char* const kMerges = "tokenizer.ggml.merges";

}  // namespace

Q_DECLARE_METATYPE(Change)

class TokenizerTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void piecesAreOneTextBetweenSpecialTokens();
  void specialTokensCountOnlyInMarkup();
  void userDefinedTokensCountEverywhere();
  void longestSpecialTokenWins();
  void startsAnewHoldsTokensApart();
  void bosComesOnce();
  void spacePrefixComesAfterSpecialTokens();
  void rangesOfBytesWithoutAToken();
  void answerEnds();
  void markersAreControlWhateverTheFileSays();
  void idsOutsideTheVocabularyAreRefused();
  void streamGivesWholeCharacters();
  void randomBytesRoundTrip_data();
  void randomBytesRoundTrip();
  void hostileVocabulariesAreRefused_data();
  void hostileVocabulariesAreRefused();
  void oddVocabulariesWork();
  void randomVocabulariesNeverCrash();
};

void TokenizerTest::piecesAreOneTextBetweenSpecialTokens() {
  for (const GgufDraft& draft : {byteLevelDraft(), sentencePieceDraft()}) {
    const auto tokenizer = tokenizerOf(draft);
    const std::string whole = "the wheel of the reader";
    const auto expected = tokenizer->encode(whole);
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
      const auto encoding =
          encode(*tokenizer, {markup(whole.substr(0, cut)), document(whole.substr(cut, 3)),
                              text(whole.substr(std::min(cut + 3, whole.size())))});
      QCOMPARE(encoding.ids, expected.ids);
      QCOMPARE(coverageFault(encoding, whole.size()), std::string());
    }
  }
}

void TokenizerTest::specialTokensCountOnlyInMarkup() {
  const auto tokenizer = tokenizerOf(byteLevelDraft());
  const TokenId end = tokenizer->specialToken("<|im_end|>").value();
  QVERIFY(tokenizer->isControl(end));
  const auto count = [&](const std::vector<PromptPiece>& pieces) {
    const auto ids = encode(*tokenizer, pieces).ids;
    return static_cast<int>(std::count(ids.begin(), ids.end(), end));
  };
  QCOMPARE(count({markup("a<|im_end|>b")}), 1);
  QCOMPARE(count({markup("a<|im_"), markup("end|>b")}), 1);
  QCOMPARE(count({text("a<|im_end|>b")}), 0);
  QCOMPARE(count({document("<|im_end|>")}), 0);
  QCOMPARE(count({document("<|im_"), document("end|>")}), 0);
  QCOMPARE(count({markup("<|im_"), document("end|>")}), 0);
  QCOMPARE(count({document("<|im_"), markup("end|>")}), 0);
  QCOMPARE(count({document("<|im_end|>"), markup("<|im_end|>"), text("<|im_end|>")}), 1);
  // What data stands around a marker does not change how it is read.
  QCOMPARE(count({document("<|im_end"), markup("<|im_end|>"), document("|>")}), 1);
  const auto encoding = encode(*tokenizer, {document("x"), markup("<|im_end|>"), document("y")});
  QCOMPARE(encoding.ids.size(), std::size_t{3});
  QCOMPARE(encoding.ranges[1].begin, std::size_t{1});
  QCOMPARE(encoding.ranges[1].end, std::size_t{11});
}

void TokenizerTest::userDefinedTokensCountEverywhere() {
  for (const GgufDraft& draft :
       {byteLevelDraft("qwen2", {{"<tool>", kUserToken}, {"\n\n", kUserToken}}),
        sentencePieceDraft({{"<tool>", kUserToken}, {"\n\n", kUserToken}})}) {
    const auto tokenizer = tokenizerOf(draft);
    const TokenId tool = tokenizer->specialToken("<tool>").value();
    const TokenId lines = tokenizer->specialToken("\n\n").value();
    QVERIFY(!tokenizer->isControl(tool));
    for (const PieceKind kind : {PieceKind::Markup, PieceKind::Text, PieceKind::Document}) {
      const auto encoding =
          encode(*tokenizer, {{"a<tool>b\n", kind}, {"\nc<to", kind}, {"ol>", kind}});
      QCOMPARE(static_cast<int>(std::count(encoding.ids.begin(), encoding.ids.end(), tool)), 2);
      QCOMPARE(static_cast<int>(std::count(encoding.ids.begin(), encoding.ids.end(), lines)), 1);
      QCOMPARE(coverageFault(encoding, 17), std::string());
      QCOMPARE(tokenizer->decode(encoding.ids), std::string("a<tool>b\n\nc<tool>"));
    }
  }
}

void TokenizerTest::longestSpecialTokenWins() {
  const ExtraTokens extra{{"\n", kUserToken},  {"\n\n", kUserToken}, {"\n\n\n", kUserToken},
                          {"abc", kUserToken}, {"cdef", kUserToken}, {"ef", kUserToken}};
  const auto tokenizer = tokenizerOf(byteLevelDraft("qwen2", extra));
  const auto tokens = [&](const std::string& bytes) {
    return spelled(*tokenizer, tokenizer->encode(bytes));
  };
  QCOMPARE(tokens("\n\n\n\n\n\n\n"), (std::vector<std::string>{"\n\n\n", "\n\n\n", "\n"}));
  QCOMPARE(tokens("\n\n\n\n\n"), (std::vector<std::string>{"\n\n\n", "\n\n"}));
  // The longer one takes its letters first though the shorter one begins before it.
  QCOMPARE(tokens("abcdef"), (std::vector<std::string>{"a", "b", "cdef"}));
  QCOMPARE(tokens("abcef"), (std::vector<std::string>{"abc", "ef"}));
}

void TokenizerTest::startsAnewHoldsTokensApart() {
  for (const GgufDraft& draft : {byteLevelDraft("qwen2", {{"\n\n", kUserToken}}),
                                 sentencePieceDraft({{"\n\n", kUserToken}})}) {
    const auto tokenizer = tokenizerOf(draft);
    for (const std::string& whole : {std::string("the wheel"), std::string("a\n\nb")}) {
      for (std::size_t cut = 1; cut < whole.size(); ++cut) {
        const PromptPiece first = text(whole.substr(0, cut));
        PromptPiece second = text(whole.substr(cut));
        second.startsAnew = true;
        const auto alone = encode(*tokenizer, {first});
        const auto both = encode(*tokenizer, {first, second});
        QVERIFY(std::equal(alone.ids.begin(), alone.ids.end(), both.ids.begin()));
        QCOMPARE(tokenizer->decode(both.ids), whole);
        QCOMPARE(coverageFault(both, whole.size()), std::string());
      }
    }
  }
}

void TokenizerTest::bosComesOnce() {
  GgufDraft draft = sentencePieceDraft();
  const auto tokenizer = tokenizerOf(draft);
  const TokenId bos = tokenizer->bos().value();
  const std::vector<PromptPiece> plain{text("the")};
  const auto encoding = tokenizer->encode(plain, Tokenizer::Bos::AsModel);
  QCOMPARE(encoding.ids.front(), bos);
  QCOMPARE(encoding.ranges.front().end, std::size_t{0});
  QCOMPARE(coverageFault(encoding, 3), std::string());
  const std::vector<PromptPiece> marked{markup("<s>the")};
  const auto ids = tokenizer->encode(marked, Tokenizer::Bos::AsModel).ids;
  QCOMPARE(static_cast<int>(std::count(ids.begin(), ids.end(), bos)), 1);
  QCOMPARE(tokenizer->encode({}, Tokenizer::Bos::AsModel).ids, std::vector<TokenId>{bos});

  draft.boolean("tokenizer.ggml.add_bos_token", false);
  QVERIFY(tokenizerOf(draft)->encode(plain, Tokenizer::Bos::AsModel).ids.front() != bos);
  // llama-bpe files begin with BOS even if they do not say so.
  GgufDraft llama3 = byteLevelDraft("llama-bpe");
  llama3.uint32("tokenizer.ggml.bos_token_id", 5);
  QCOMPARE(tokenizerOf(llama3)->encode(plain, Tokenizer::Bos::AsModel).ids.front(), TokenId{5});
  GgufDraft qwen = byteLevelDraft("qwen2");
  qwen.uint32("tokenizer.ggml.bos_token_id", 5);
  QVERIFY(tokenizerOf(qwen)->encode(plain, Tokenizer::Bos::AsModel).ids.front() != 5);
}

void TokenizerTest::spacePrefixComesAfterSpecialTokens() {
  GgufDraft draft = sentencePieceDraft();
  const auto tokenizer = tokenizerOf(draft);
  const auto encoding = encode(*tokenizer, {markup("<s>the</s>the"), text("the")});
  const auto tokens = spelled(*tokenizer, encoding);
  QCOMPARE(tokens[0], std::string("<s>"));
  QVERIFY(tokens[1].starts_with(" "));
  const auto close = std::find(tokens.begin(), tokens.end(), "</s>");
  QVERIFY((close + 1)->starts_with(" "));
  QCOMPARE(coverageFault(encoding, 16), std::string());
  QCOMPARE(tokenizer->decode(encoding.ids, Tokenizer::Control::Show),
           std::string("<s>the</s>thethe"));
  QCOMPARE(tokenizer->decode(encoding.ids), std::string("thethethe"));
  QCOMPARE(tokenizer->decode(tokenizer->encode(" the").ids), std::string(" the"));
  QCOMPARE(tokenizer->decode(tokenizer->encode("  ").ids), std::string("  "));

  draft.boolean("tokenizer.ggml.add_space_prefix", false);
  const auto bare = tokenizerOf(draft);
  QVERIFY(!spelled(*bare, bare->encode("the"))[0].starts_with(" "));
  QCOMPARE(bare->decode(bare->encode(" the").ids), std::string(" the"));
}

void TokenizerTest::rangesOfBytesWithoutAToken() {
  // A byte-level vocabulary without the bytes \x04 and \x05.
  TinyTokens tiny = tinyByteLevelTokens();
  GgufDraft draft = byteLevelDraft();
  draft.remove(kTokens);
  tiny.tokens[4] = "[none 4]";
  tiny.tokens[5] = "[none 5]";
  draft.texts(kTokens, tiny.tokens);
  const auto tokenizer = tokenizerOf(draft);
  for (const std::string& bytes : {std::string("a\x04z"), std::string("\x04\x05 q"),
                                   std::string("q\x05"), std::string("\x04\x05\n\x04")}) {
    const auto encoding = tokenizer->encode(bytes);
    QCOMPARE(coverageFault(encoding, bytes.size()), std::string());
  }
  QVERIFY(tokenizer->encode("\x04").ids.empty());
}

void TokenizerTest::answerEnds() {
  GgufDraft draft =
      byteLevelDraft("qwen2", {{"<|eot_id|>", kControlToken}, {"stop", kControlToken}});
  const auto size = static_cast<std::uint32_t>(tinyByteLevelTokens().tokens.size()) + 2;
  draft.uint32("tokenizer.ggml.eos_token_id", size - 1);  // "stop"
  draft.uint32("tokenizer.ggml.eot_token_id", 7);
  const auto tokenizer = tokenizerOf(draft);
  for (const char* name : {"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "stop"}) {
    QVERIFY2(tokenizer->endsAnswer(tokenizer->specialToken(name).value()), name);
  }
  QVERIFY(tokenizer->endsAnswer(7));
  QVERIFY(!tokenizer->endsAnswer(tokenizer->specialToken("<|im_start|>").value()));
  QVERIFY(!tokenizer->endsAnswer(8));
}

void TokenizerTest::markersAreControlWhateverTheFileSays() {
  for (const std::int32_t type : {kNormalToken, kUserToken}) {
    const auto tokenizer =
        tokenizerOf(byteLevelDraft("qwen2", {{"<|eot_id|>", type}, {"<|start_header_id|>", type}}));
    const auto id = tokenizer->specialToken("<|eot_id|>").value();
    QVERIFY(tokenizer->isControl(id));
    QVERIFY(tokenizer->endsAnswer(id));
    const auto ids = tokenizer->encode("x<|eot_id|><|start_header_id|>").ids;
    QVERIFY(
        std::none_of(ids.begin(), ids.end(), [&](TokenId t) { return tokenizer->isControl(t); }));
  }
}

void TokenizerTest::idsOutsideTheVocabularyAreRefused() {
  const auto tokenizer = tokenizerOf(byteLevelDraft());
  StreamDecoder stream(*tokenizer);
  for (const TokenId id : {-1, tokenizer->vocabularySize(), std::numeric_limits<TokenId>::max()}) {
    const TokenId ids[] = {0, id};
    QVERIFY_THROWS_EXCEPTION(Error, tokenizer->decode(ids));
    QVERIFY_THROWS_EXCEPTION(Error, stream.push(id));
  }
}

void TokenizerTest::streamGivesWholeCharacters() {
  for (const GgufDraft& draft : {byteLevelDraft(), sentencePieceDraft()}) {
    const auto tokenizer = tokenizerOf(draft);
    const std::string whole = "the \u00e9\u4e2d\U0001F600 wheel\n\xE4\xB8";  // cut at its end
    StreamDecoder stream(*tokenizer);
    std::string streamed;
    for (int round = 0; round < 2; ++round) {
      streamed.clear();
      for (const TokenId id : tokenizer->encode(whole).ids) {
        const std::string part = stream.push(id);
        QVERIFY(QString::fromUtf8(part.data(), static_cast<qsizetype>(part.size())).toStdString() ==
                part);
        streamed += part;
      }
      streamed += stream.finish();
      QCOMPARE(streamed, std::string("the \u00e9\u4e2d\U0001F600 wheel\n\uFFFD"));
    }
  }
}

void TokenizerTest::randomBytesRoundTrip_data() {
  QTest::addColumn<QString>("rule");
  for (const char* rule :
       {"gpt-2", "smollm", "llama-bpe", "qwen2", "SentencePiece", "SentencePiece, no prefix"}) {
    QTest::newRow(rule) << rule;
  }
}

void TokenizerTest::randomBytesRoundTrip() {
  QFETCH(QString, rule);
  const ExtraTokens extra{{"\n\n", kUserToken}, {"<t>", kUserToken}, {"\xE4\xB8", kUserToken}};
  GgufDraft draft = rule.startsWith("Sentence") ? sentencePieceDraft(extra)
                                                : byteLevelDraft(rule.toStdString(), extra);
  if (rule.endsWith("no prefix")) {
    draft.boolean("tokenizer.ggml.add_space_prefix", false);
  }
  const auto tokenizer = tokenizerOf(draft);
  // Words of the training text, so that merges happen, between any bytes.
  const std::vector<std::string> words{"the", " wheel",     " book", "reader",  "\n\n",
                                       "<t>", "<|im_end|>", "</s>",  "\u4e2d",  "\u00e9",
                                       " ",   "'s",         "12",    "\xE4\xB8"};
  SeededRandom random(20);
  for (int round = 0; round < 100'000; ++round) {
    std::string bytes;
    for (std::uint32_t i = 0; i < random.below(10); ++i) {
      if (random.below(2) == 0) {
        bytes += words[random.below(static_cast<std::uint32_t>(words.size()))];
      } else {
        bytes.push_back(static_cast<char>(random.below(256)));
      }
    }
    const auto encoding = tokenizer->encode(bytes);
    const std::string fault = coverageFault(encoding, bytes.size());
    // U+2581 is a space to SentencePiece; random bytes do not spell it here.
    if (!fault.empty() || tokenizer->decode(encoding.ids) != bytes) {
      const QByteArray hex = QByteArray::fromStdString(bytes).toHex(' ');
      QFAIL(qPrintable(hex + ": " + QByteArray::fromStdString(fault)));
    }
    QVERIFY(std::none_of(encoding.ids.begin(), encoding.ids.end(),
                         [&](TokenId id) { return tokenizer->isControl(id); }));
  }
}

void TokenizerTest::hostileVocabulariesAreRefused_data() {
  QTest::addColumn<bool>("sentencePiece");
  QTest::addColumn<Change>("change");
  QTest::addColumn<int>("code");
  QTest::addColumn<QString>("says");
  const int bad = static_cast<int>(ErrorCode::BadModelFile);
  const int unsupported = static_cast<int>(ErrorCode::UnsupportedModel);
  const auto row = [](const char* label, bool sentencePiece, int code, const char* says,
                      Change change) {
    QTest::newRow(label) << sentencePiece << change << code << says;
  };
  const auto replaceTexts = [](const char* key, auto edit) {
    return [key, edit](GgufDraft& draft) {
      TinyTokens tiny = draft.entries.size() == 6 && draft.entries[1].key == "tokenizer.ggml.model"
                            ? tinyByteLevelTokens()
                            : tinySentencePieceTokens();
      std::vector<std::string> values =
          std::string_view(key) == kMerges ? tiny.merges : tiny.tokens;
      edit(values);
      draft.remove(key);
      draft.texts(key, values);
    };
  };
  for (const bool spm : {false, true}) {
    row(spm ? "spm: no model" : "bpe: no model", spm, bad, "tokenizer.ggml.model",
        [](GgufDraft& d) { d.remove("tokenizer.ggml.model"); });
    row(spm ? "spm: no tokens" : "bpe: no tokens", spm, bad, kTokens,
        [](GgufDraft& d) { d.remove(kTokens); });
    row(spm ? "spm: empty tokens" : "bpe: empty tokens", spm, bad, kTokens, [](GgufDraft& d) {
      d.remove(kTokens);
      d.texts(kTokens, {});
    });
    row(spm ? "spm: tokens are numbers" : "bpe: tokens are numbers", spm, bad, kTokens,
        [](GgufDraft& d) {
          d.remove(kTokens);
          d.ints(kTokens, {1, 2, 3});
        });
    row(spm ? "spm: types too few" : "bpe: types too few", spm, bad, "3 values for",
        [](GgufDraft& d) {
          d.remove(kTypes);
          d.ints(kTypes, {1, 1, 1});
        });
    row(spm ? "spm: types too many" : "bpe: types too many", spm, bad, "values for",
        [](GgufDraft& d) {
          d.remove(kTypes);
          d.ints(kTypes, std::vector<std::int32_t>(100'000, 1));
        });
    for (const std::int32_t type : {-1, 7, std::numeric_limits<std::int32_t>::min()}) {
      QTest::addRow("%s: type %d", spm ? "spm" : "bpe", type)
          << spm << Change([type, spm](GgufDraft& d) {
               std::vector<std::int32_t> types =
                   spm ? tinySentencePieceTokens().types : tinyByteLevelTokens().types;
               types[5] = type;
               d.remove(kTypes);
               d.ints(kTypes, types);
             })
          << bad << QString("token_type[5] is %1").arg(type);
    }
    row(spm ? "spm: types are floats" : "bpe: types are floats", spm, bad, kTypes,
        [](GgufDraft& d) {
          d.remove(kTypes);
          d.floats(kTypes, {1.0f});
        });
    row(spm ? "spm: long piece" : "bpe: long piece", spm, bad, "1,025 bytes",
        replaceTexts(kTokens, [](auto& v) { v.back() = std::string(1025, 'a'); }));
    for (const char* key : {"bos", "eos", "unknown", "eot", "eom"}) {
      const std::string name = "tokenizer.ggml." + std::string(key) + "_token_id";
      for (const std::uint32_t id : {1'000'000u, 0x7FFFFFFFu, 0xFFFFFFFEu}) {
        QTest::addRow("%s: %s is %u", spm ? "spm" : "bpe", key, id)
            << spm << Change([name, id](GgufDraft& d) { d.uint32(name, id); }) << bad
            << QString::fromStdString(name + " is " + std::to_string(id));
      }
      QTest::addRow("%s: %s is -2", spm ? "spm" : "bpe", key)
          << spm << Change([name](GgufDraft& d) { d.int32(name, -2); }) << bad
          << QString::fromStdString(name + " is -2");
    }
  }
  row("unknown kind", false, unsupported, "\"bert\"", [](GgufDraft& d) {
    d.remove("tokenizer.ggml.model");
    d.text("tokenizer.ggml.model", "bert");
  });
  row("unknown pre-tokenizer", false, unsupported, "\"gpt-5\"", [](GgufDraft& d) {
    d.remove("tokenizer.ggml.pre");
    d.text("tokenizer.ggml.pre", "gpt-5");
  });
  row("no pre-tokenizer", false, unsupported, "\"default\"",
      [](GgufDraft& d) { d.remove("tokenizer.ggml.pre"); });
  row("no merges", false, bad, kMerges, [](GgufDraft& d) { d.remove(kMerges); });
  row("merge without space", false, bad, "merges[0] is \"ab\"",
      replaceTexts(kMerges, [](auto& v) { v[0] = "ab"; }));
  row("empty merge", false, bad, "merges[1] is \"\"",
      replaceTexts(kMerges, [](auto& v) { v[1].clear(); }));
  row("merge of one", false, bad, "merges[0]", replaceTexts(kMerges, [](auto& v) { v[0] = "a "; }));
  row("merge of unknown tokens", false, bad, "merges[2]",
      replaceTexts(kMerges, [](auto& v) { v[2] = "zzq zzq"; }));
  row("merge to no token", false, bad, "merges[2]",
      replaceTexts(kMerges, [](auto& v) { v[2] = "Z Q"; }));
  row("merge of 5,000 bytes", false, bad, "merges[2]", replaceTexts(kMerges, [](auto& v) {
        v[2] = std::string(2500, 'a') + " " + std::string(2500, 'b');
      }));
  row("no scores", true, bad, kScores, [](GgufDraft& d) { d.remove(kScores); });
  row("scores too few", true, bad, "1 values for", [](GgufDraft& d) {
    d.remove(kScores);
    d.floats(kScores, {1.0f});
  });
  row("scores as bytes", true, bad, kScores, [](GgufDraft& d) {
    d.remove(kScores);
    d.ints(kScores, {1});
  });
  row("score is not a number", true, bad, "scores[9]", [](GgufDraft& d) {
    std::vector<float> scores = tinySentencePieceTokens().scores;
    scores[9] = std::numeric_limits<float>::quiet_NaN();
    d.remove(kScores);
    d.floats(kScores, scores);
  });
  row("byte that is none", true, bad, "\"<0xZZ>\"",
      replaceTexts(kTokens, [](auto& v) { v[10] = "<0xZZ>"; }));
  row("byte cut short", true, bad, "\"<0x\"",
      replaceTexts(kTokens, [](auto& v) { v[10] = "<0x"; }));
}

void TokenizerTest::hostileVocabulariesAreRefused() {
  QFETCH(bool, sentencePiece);
  QFETCH(Change, change);
  QFETCH(int, code);
  QFETCH(QString, says);
  GgufDraft draft = sentencePiece ? sentencePieceDraft() : byteLevelDraft();
  QVERIFY(tokenizerOf(draft) != nullptr);
  change(draft);
  try {
    tokenizerOf(draft);
    QFAIL("The vocabulary was taken.");
  } catch (const Error& error) {
    QCOMPARE(static_cast<int>(error.code()), code);
    QVERIFY2(QString(error.what()).contains(says), error.what());
    QVERIFY2(QString(error.what()).endsWith('.'), error.what());
  }
}

void TokenizerTest::oddVocabulariesWork() {
  // Twins, empty pieces, pieces that are no UTF-8, and a file without types: strange, but harmless.
  GgufDraft spm = sentencePieceDraft({{"the", kNormalToken},
                                      {"the", kNormalToken},
                                      {"", kNormalToken},
                                      {"", kControlToken},
                                      {"\xFF\xFE", kNormalToken},
                                      {"", kUserToken}});
  QCOMPARE(tokenizerOf(spm)->decode(tokenizerOf(spm)->encode("the wheel").ids),
           std::string("the wheel"));
  GgufDraft bpe =
      byteLevelDraft("qwen2", {{"", kNormalToken}, {"the", kNormalToken}, {"\xFF", kNormalToken}});
  bpe.remove(kTypes);
  QCOMPARE(tokenizerOf(bpe)->decode(tokenizerOf(bpe)->encode("the wheel").ids),
           std::string("the wheel"));
  // One token, no ids: nothing can be encoded, nothing is read out of range.
  GgufDraft one;
  one.text("general.architecture", "llama");
  one.text("tokenizer.ggml.model", "llama");
  one.texts(kTokens, {"x"});
  one.floats(kScores, {0.0f});
  const auto tokenizer = tokenizerOf(one);
  QVERIFY(!tokenizer->bos() && !tokenizer->eos());
  QCOMPARE(coverageFault(tokenizer->encode("axb"), 3), std::string());
}

void TokenizerTest::randomVocabulariesNeverCrash() {
  SeededRandom random(4);
  const std::vector<std::string> atoms{"a",   "b",          "\u2581", "<0x41>", "<0x",
                                       " ",   "\n",         "\u4e2d", "\xFF",   "",
                                       "<s>", "<|im_end|>", "\u0120", "ab"};
  const auto piece = [&] {
    std::string made;
    for (std::uint32_t i = 0; i < random.below(4); ++i) {
      made += atoms[random.below(static_cast<std::uint32_t>(atoms.size()))];
    }
    return made;
  };
  int taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    GgufDraft draft;
    const bool isSpm = random.below(2) == 0;
    draft.text("tokenizer.ggml.model", isSpm ? "llama" : "gpt2");
    draft.text("tokenizer.ggml.pre", "gpt-2");
    const std::uint32_t count = random.below(12);
    std::vector<std::string> tokens;
    std::vector<std::int32_t> types;
    std::vector<float> scores;
    std::vector<std::string> merges;
    for (std::uint32_t i = 0; i < count; ++i) {
      tokens.push_back(piece());
      types.push_back(static_cast<std::int32_t>(random.below(random.below(8) == 0 ? 8 : 6)));
      scores.push_back(static_cast<float>(random.below(5)));
    }
    if (count > 2 && random.below(2) == 0) {
      const std::size_t left = random.below(count);
      const std::size_t right = random.below(count);
      merges.push_back(tokens[left] + " " + tokens[right]);
      tokens.push_back(tokens[left] + tokens[right]);
      types.push_back(kNormalToken);
      scores.push_back(1.0f);
    }
    draft.texts(kTokens, tokens);
    draft.ints(kTypes, types);
    draft.floats(kScores, scores);
    draft.texts(kMerges, merges);
    if (random.below(3) == 0) {
      draft.uint32("tokenizer.ggml.bos_token_id", random.below(14));
    }
    try {
      const auto tokenizer = tokenizerOf(draft);
      ++taken;
      std::string text;
      for (int i = 0; i < 6; ++i) {
        text += piece();
      }
      const auto encoding = tokenizer->encode(
          std::vector<PromptPiece>{markup(text), document(text)}, Tokenizer::Bos::AsModel);
      // Only if no byte of the text has a token does nothing cover it.
      QVERIFY(encoding.ids.empty() || coverageFault(encoding, 2 * text.size()).empty());
      tokenizer->decode(encoding.ids, Tokenizer::Control::Show);
    } catch (const Error& error) {
      QVERIFY(error.code() == ErrorCode::BadModelFile ||
              error.code() == ErrorCode::UnsupportedModel);
    }
  }
  QVERIFY2(taken > 1000, qPrintable(QString::number(taken)));
}

QTEST_APPLESS_MAIN(TokenizerTest)
#include "tokenizer_test.moc"
