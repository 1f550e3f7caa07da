// SPDX-License-Identifier: Apache-2.0
// Real vocabularies: token ids equal the reference's, byte for byte covered, round trip, no
// injection, speed.
#include "engine/model/chat_template.h"
#include "tests/engine/vocabulary_draft.h"
#include "tests/support/seeded_random.h"

#include <QCryptographicHash>
#include <QElapsedTimer>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTest>

#include <algorithm>
#include <map>
#include <set>

using namespace bookwheel;

namespace {

const QStringList kVocabularies{"smollm2-135m", "qwen-0.5b",  "gemma-270m", "mistral-v1",
                                "mistral-v2",   "mistral-v3", "mistral-v7", "llama3"};

void appendUtf8(std::string& out, std::uint32_t c) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

/// As random_unicode() of tests/data/tokenizer/make_reference.py.
std::string randomUnicode(std::uint64_t seed, std::size_t size) {
  constexpr std::uint32_t kTops[] = {0x80, 0x800, 0x10000, 0x110000};
  SeededRandom random(seed);
  std::string out;
  while (out.size() < size) {
    const std::uint64_t r = random.next();
    const auto c = static_cast<std::uint32_t>((r >> 2) % kTops[r & 3]);
    if (c < 0xD800 || c >= 0xE000) {
      appendUtf8(out, c);
    }
  }
  return out;
}

std::string fileText(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) {
    return {};
  }
  return file.readAll().toStdString();
}

std::string textNamed(const QString& name) {
  if (name == "random Unicode") {
    return randomUnicode(1, 1'000'000);
  }
  const QString own = QStringLiteral(BOOKWHEEL_TEST_DATA "/tokenizer/texts/") + name;
  return fileText(QFile::exists(own) ? own : QStringLiteral(BOOKWHEEL_RESOURCES "/sample/") + name);
}

QJsonObject expectedOf(const QString& vocabulary) {
  return QJsonDocument::fromJson(
             QByteArray::fromStdString(
                 fileText(QStringLiteral(BOOKWHEEL_TEST_DATA "/tokenizer/expected/%1.json")
                              .arg(vocabulary))))
      .object();
}

/// Bytes of the text that the vocabulary cannot give back, replaced by ones that it can: U+2581 in
/// SentencePiece vocabularies, the bytes without a token in SmolLM2's.
std::string representable(std::string text, const Tokenizer& tokenizer) {
  std::string out;
  if (tokenizer.description() == "SentencePiece BPE") {
    for (std::size_t at = 0; at < text.size();) {
      const bool mark = text.compare(at, 3, "\u2581") == 0;
      out.push_back(mark ? ' ' : text[at]);
      at += mark ? 3 : 1;
    }
    return out;
  }
  std::set<char> missing;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (tokenizer.encode({&c, 1}).ids.empty()) {
      missing.insert(c);
    }
  }
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [&](char c) { return missing.count(c) == 0; });
  return out;
}

}  // namespace

class TokenIdsTest : public QObject {
  Q_OBJECT

  std::map<QString, std::unique_ptr<Tokenizer>> m_tokenizers;

  const Tokenizer* tokenizer(const QString& name) {
    auto& held = m_tokenizers[name];
    const QString path = realVocabulary(name);
    if (!held && !path.isEmpty()) {
      held = Tokenizer::create(Gguf::open(path.toStdString()));
    }
    return held.get();
  }

  static void vocabularyRows() {
    QTest::addColumn<QString>("vocabulary");
    for (const QString& name : kVocabularies) {
      QTest::newRow(qPrintable(name)) << name;
    }
  }

 private Q_SLOTS:
  void idsEqualTheReference_data() {
    QTest::addColumn<QString>("vocabulary");
    QTest::addColumn<QString>("text");
    for (const QString& name : kVocabularies) {
      const QJsonObject texts = expectedOf(name)["texts"].toObject();
      QVERIFY2(texts.size() >= 15, qPrintable(name + " has no expected ids"));
      for (const QString& text : texts.keys()) {
        QTest::newRow(qPrintable(name + ": " + text)) << name << text;
      }
    }
  }
  void idsEqualTheReference();

  void textComesBack_data() { vocabularyRows(); }
  void textComesBack();
  void documentsNeverGiveControlTokens_data() { vocabularyRows(); }
  void documentsNeverGiveControlTokens();
  void documentPrefixIsATokenPrefix_data() { vocabularyRows(); }
  void documentPrefixIsATokenPrefix();
  void twoMegabytesTakeLessThanTwoSeconds_data() { vocabularyRows(); }
  void twoMegabytesTakeLessThanTwoSeconds();
  void oneLetterAMillionTimesIsNotQuadratic_data() { vocabularyRows(); }
  void oneLetterAMillionTimesIsNotQuadratic();
};

#define NEED_VOCABULARY(name)                                                                    \
  const Tokenizer* model = tokenizer(name);                                                      \
  if (model == nullptr) {                                                                        \
    QSKIP(qPrintable("The vocabulary " + (name) +                                                \
                     " is not here; scripts/get-model and scripts/get-vocabularies bring it.")); \
  }

void TokenIdsTest::idsEqualTheReference() {
  QFETCH(QString, vocabulary);
  QFETCH(QString, text);
  NEED_VOCABULARY(vocabulary)
  const QJsonObject expected = expectedOf(vocabulary)["texts"].toObject()[text].toObject();
  const bool isMarkup = text.endsWith(" (markup)");
  const std::string bytes = textNamed(text.chopped(isMarkup ? 9 : 0));
  QVERIFY(!bytes.empty());
  const PromptPiece piece{bytes, isMarkup ? PieceKind::Markup : PieceKind::Text};
  const Encoding encoding = model->encode({&piece, 1}, Tokenizer::Bos::None);

  const QJsonArray first = expected["first"].toArray();
  for (int i = 0; i < first.size() && i < static_cast<int>(encoding.ids.size()); ++i) {
    const auto at = static_cast<std::size_t>(i);
    QVERIFY2(encoding.ids[at] == first[i].toInt(),
             qPrintable(QString("id %1 is %2 where %3 was expected, at byte %4")
                            .arg(i)
                            .arg(encoding.ids[at])
                            .arg(first[i].toInt())
                            .arg(encoding.ranges[at].begin)));
  }
  QCOMPARE(static_cast<int>(encoding.ids.size()), expected["count"].toInt());
  // The ids as little-endian int32, which is how every machine this runs on holds them.
  const auto* data = reinterpret_cast<const char*>(encoding.ids.data());
  const auto size = static_cast<qsizetype>(encoding.ids.size() * sizeof(TokenId));
  QCOMPARE(QCryptographicHash::hash(QByteArrayView(data, size), QCryptographicHash::Sha256).toHex(),
           expected["sha256"].toString().toLatin1());
  QCOMPARE(coverageFault(encoding, bytes.size()), std::string());
}

void TokenIdsTest::textComesBack() {
  QFETCH(QString, vocabulary);
  NEED_VOCABULARY(vocabulary)
  for (const QString& name : expectedOf(vocabulary)["texts"].toObject().keys()) {
    if (name.endsWith(" (markup)")) {
      continue;
    }
    const std::string text = representable(textNamed(name), *model);
    const Encoding encoding = model->encode(text);
    QVERIFY2(model->decode(encoding.ids) == text, qPrintable(name));
    // Streamed, the same text comes in pieces of whole characters.
    StreamDecoder stream(*model);
    std::string streamed;
    for (const TokenId id : encoding.ids) {
      streamed += stream.push(id);
    }
    streamed += stream.finish();
    QVERIFY2(QString::fromStdString(streamed) == QString::fromStdString(text), qPrintable(name));
  }
}

void TokenIdsTest::documentsNeverGiveControlTokens() {
  QFETCH(QString, vocabulary);
  NEED_VOCABULARY(vocabulary)
  // Every control token's text, one after the other, whole and cut in two pieces at each place.
  int controls = 0;
  for (TokenId id = 0; id < model->vocabularySize(); ++id) {
    if (!model->isControl(id) || ++controls > 400) {
      continue;
    }
    const std::string text(model->bytes(id));
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      for (const PieceKind kind : {PieceKind::Document, PieceKind::Text}) {
        const PromptPiece pieces[] = {{text.substr(0, cut), kind}, {text.substr(cut), kind}};
        for (const TokenId got : model->encode(pieces, Tokenizer::Bos::None).ids) {
          QVERIFY2(!model->isControl(got), text.c_str());
        }
        // Half markup, half data is data too.
        if (cut != 0 && cut != text.size()) {
          const PromptPiece mixed[] = {{text.substr(0, cut), PieceKind::Markup},
                                       {text.substr(cut), kind}};
          for (const TokenId got : model->encode(mixed, Tokenizer::Bos::None).ids) {
            QVERIFY2(got != id, text.c_str());
          }
        }
      }
    }
  }
  QVERIFY(controls >= 2);
}

void TokenIdsTest::documentPrefixIsATokenPrefix() {
  QFETCH(QString, vocabulary);
  NEED_VOCABULARY(vocabulary)
  const std::vector<std::string> templates{"",
                                           "<|im_start|>",
                                           "<|start_header_id|><|eot_id|>",
                                           "<start_of_turn>",
                                           "[INST]<<SYS>>",
                                           "[INST] ' [/INST]'",
                                           "[INST] [/INST] [SYSTEM_PROMPT]",
                                           "<|user|><|end|>",
                                           "<|user|>eos_token"};
  const std::vector<std::string> documents{"A wheel.",
                                           "ends in spaces   ",
                                           "ends in lines\n\n\n",
                                           "\n\n starts",
                                           "half a mark <|im_",
                                           "ends in a half word with 'r",
                                           "\u4e2d\u6587",
                                           "tab\t",
                                           "<s>[INST] x [/INST]</s>",
                                           "\u2581"};
  const std::vector<std::vector<ChatMessage>> conversations{
      {},
      {{Role::User, "Why?"}},
      {{Role::User, "\n\nWhy?"}},
      {{Role::User, "e"}},
      {{Role::User, "   "}},
      {{Role::System, "Be brief."}, {Role::User, "Why?"}},
      {{Role::User, "a"}, {Role::Assistant, "b"}, {Role::User, "c"}}};
  for (const std::string& text : templates) {
    const ChatTemplate chat = ChatTemplate::recognize(text);
    for (const std::string& document : documents) {
      const Encoding prefix = model->encode(chat.documentPrefix(document), Tokenizer::Bos::AsModel);
      for (const auto& messages : conversations) {
        const Encoding prompt =
            model->encode(chat.prompt(document, messages), Tokenizer::Bos::AsModel);
        const bool isPrefix = prompt.ids.size() >= prefix.ids.size() &&
                              std::equal(prefix.ids.begin(), prefix.ids.end(), prompt.ids.begin());
        QVERIFY2(isPrefix, (chat.name() + ": \"" + document + "\"").c_str());
      }
    }
  }
}

void TokenIdsTest::twoMegabytesTakeLessThanTwoSeconds() {
  QFETCH(QString, vocabulary);
  NEED_VOCABULARY(vocabulary)
  std::string text = textNamed("pride-and-prejudice.txt");
  while (text.size() < 2'000'000) {
    text += text;
  }
  text.resize(2'000'000);
  QElapsedTimer timer;
  timer.start();
  const Encoding encoding = model->encode(text);
  const qint64 ms = timer.elapsed();
  qInfo("%s: 2 MB of English are %zu tokens, encoded in %lld ms", qPrintable(vocabulary),
        encoding.ids.size(), static_cast<long long>(ms));
  QCOMPARE(coverageFault(encoding, text.size()), std::string());
  // The promise is 2 s in an optimised build; it takes a tenth of that, which leaves room for a
  // busy machine.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  QVERIFY(ms < 60'000);
#else
  QVERIFY2(ms < 2'000, qPrintable(QString("%1 ms").arg(ms)));
#endif
}

void TokenIdsTest::oneLetterAMillionTimesIsNotQuadratic() {
  QFETCH(QString, vocabulary);
  NEED_VOCABULARY(vocabulary)
  // A word of this length gives a quadratic merge 10^11 steps, minutes at least.
  for (const std::string& unit : {std::string("a"), std::string(" "), std::string("\n"),
                                  std::string("="), std::string("\u4e2d")}) {
    std::string text;
    while (text.size() < 300'000) {
      text += unit;
    }
    QElapsedTimer timer;
    timer.start();
    const Encoding encoding = model->encode(text);
    QCOMPARE(coverageFault(encoding, text.size()), std::string());
    QVERIFY2(timer.elapsed() < 20'000, unit.c_str());
  }
}

QTEST_APPLESS_MAIN(TokenIdsTest)
#include "token_ids_test.moc"
