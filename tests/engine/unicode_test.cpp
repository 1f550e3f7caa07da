// SPDX-License-Identifier: Apache-2.0
// UTF-8 at its edges and the character classes.
#include "engine/model/unicode.h"

#include "tests/support/seeded_random.h"

#include <QString>
#include <QStringDecoder>
#include <QTest>

using namespace bookwheel;

class UnicodeTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void everyCodePointRoundTrips();
  void invalidBytesCountOneByOne_data();
  void invalidBytesCountOneByOne();
  void incompleteEndIsHeldBack_data();
  void incompleteEndIsHeldBack();
  void repairAgreesWithQtOnRandomBytes();
  void classes_data();
  void classes();
};

void UnicodeTest::everyCodePointRoundTrips() {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) {
      continue;
    }
    std::string text;
    appendUtf8(text, c);
    const Utf8Char read = utf8At(text, 0);
    QVERIFY(read.valid);
    QCOMPARE(static_cast<std::uint32_t>(read.codePoint), static_cast<std::uint32_t>(c));
    QCOMPARE(read.bytes, text.size());
    QCOMPARE(completeUtf8Prefix(text), text.size());
    // Without its last byte it is unfinished, whatever stands before.
    if (text.size() > 1) {
      text.insert(0, "\u00e9x");
      text.pop_back();
      QCOMPARE(completeUtf8Prefix(text), std::size_t{3});
    }
  }
}

void UnicodeTest::invalidBytesCountOneByOne_data() {
  QTest::addColumn<QByteArray>("bytes");
  QTest::newRow("lone continuation") << QByteArray("\x80");
  QTest::newRow("overlong slash") << QByteArray("\xC0\xAF");
  QTest::newRow("overlong in three") << QByteArray("\xE0\x80\xAF");
  QTest::newRow("overlong in four") << QByteArray("\xF0\x80\x80\xAF");
  QTest::newRow("surrogate") << QByteArray("\xED\xA0\x80");
  QTest::newRow("above U+10FFFF") << QByteArray("\xF4\x90\x80\x80");
  QTest::newRow("five bytes") << QByteArray("\xF8\x88\x80\x80\x80");
  QTest::newRow("cut") << QByteArray("\xE4\xB8");
  QTest::newRow("FE FF") << QByteArray("\xFE\xFF");
}

void UnicodeTest::invalidBytesCountOneByOne() {
  QFETCH(QByteArray, bytes);
  const std::string text = bytes.toStdString();
  for (std::size_t at = 0; at < text.size(); ++at) {
    QVERIFY(!utf8At(text, at).valid);
    QCOMPARE(utf8At(text, at).bytes, std::size_t{1});
  }
  std::string repaired;
  appendRepaired(repaired, "a" + text + "b");
  std::string expected = "a";
  for (std::size_t i = 0; i < text.size(); ++i) {
    expected += "\uFFFD";
  }
  QCOMPARE(repaired, expected + "b");
}

void UnicodeTest::incompleteEndIsHeldBack_data() {
  QTest::addColumn<QByteArray>("bytes");
  QTest::addColumn<int>("complete");
  QTest::newRow("empty") << QByteArray("") << 0;
  QTest::newRow("one of two") << QByteArray("a\xC3") << 1;
  QTest::newRow("one of three") << QByteArray("a\xE4") << 1;
  QTest::newRow("two of three") << QByteArray("a\xE4\xB8") << 1;
  QTest::newRow("three of four") << QByteArray("\xF0\x9F\x98") << 0;
  QTest::newRow("can never become valid") << QByteArray("a\xE0\x80") << 3;
  QTest::newRow("surrogate begun") << QByteArray("\xED\xA0") << 2;
  QTest::newRow("no lead") << QByteArray("a\x80\x80\x80\x80") << 5;
  QTest::newRow("impossible lead") << QByteArray("\xFF") << 1;
}

void UnicodeTest::incompleteEndIsHeldBack() {
  QFETCH(QByteArray, bytes);
  QFETCH(int, complete);
  QCOMPARE(static_cast<int>(completeUtf8Prefix(bytes.toStdString())), complete);
}

void UnicodeTest::repairAgreesWithQtOnRandomBytes() {
  SeededRandom random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (std::uint32_t i = 0; i < random.below(12); ++i) {
      constexpr unsigned char kInteresting[] = {0x41, 0x80, 0xBF, 0xC2, 0xE0, 0xA0, 0xED,
                                                0x9F, 0xF0, 0x90, 0xF4, 0x8F, 0xEF, 0xFF};
      bytes.push_back(static_cast<char>(kInteresting[random.below(sizeof kInteresting)]));
    }
    std::string repaired;
    appendRepaired(repaired, bytes);
    // Qt makes one U+FFFD of several bytes where a character is cut, so compare without them.
    const QString ours = QString::fromStdString(repaired).remove(QChar(0xFFFD));
    const QString theirs =
        QString::fromUtf8(bytes.data(), static_cast<qsizetype>(bytes.size())).remove(QChar(0xFFFD));
    QCOMPARE(ours, theirs);
    QVERIFY(QString::fromStdString(repaired).toStdString() == repaired);
  }
}

void UnicodeTest::classes_data() {
  QTest::addColumn<uint>("codePoint");
  QTest::addColumn<int>("expected");
  const auto row = [](char32_t c, CharClass expected) {
    QTest::addRow("U+%04X", static_cast<unsigned>(c))
        << static_cast<uint>(c) << static_cast<int>(expected);
  };
  for (const char32_t c : {U'a', U'Z', U'\u00aa', U'\u01c5', U'\u02b0', U'\u05d0', U'\u4e2d',
                           U'\U00020000', U'\U0002EBF0', U'\U0002EE5D'}) {
    row(c, CharClass::Letter);
  }
  for (const char32_t c :
       {U'0', U'\u00b2', U'\u00bd', U'\u0663', U'\u2160', U'\u3007', U'\U0001D7D8'}) {
    row(c, CharClass::Number);
  }
  for (const char32_t c : {U'\t', U'\v', U'\u0085', U'\u00a0', U'\u1680', U'\u2000', U'\u2028',
                           U'\u202f', U'\u3000'}) {
    row(c, CharClass::Space);
  }
  for (const char32_t c : {U'\0', U'\x1c', U'.', U'\u0301', U'\u200b', U'\u180e', U'\ufeff',
                           U'\u20ac', U'\U0001F600', U'\u0378', U'\ue000', U'\U0002EE5E'}) {
    row(c, CharClass::Other);
  }
}

void UnicodeTest::classes() {
  QFETCH(uint, codePoint);
  QFETCH(int, expected);
  QCOMPARE(static_cast<int>(charClass(static_cast<char32_t>(codePoint))), expected);
}

QTEST_APPLESS_MAIN(UnicodeTest)
#include "unicode_test.moc"
