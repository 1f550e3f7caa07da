// SPDX-License-Identifier: Apache-2.0
// Foreign text in messages: one line, valid UTF-8, of limited length.
#include "engine/model/printable.h"

#include <QTest>

#include <string>

using namespace bookwheel;
using namespace std::string_literals;

class PrintableTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void validatesUtf8_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("valid");
    QTest::newRow("empty") << QByteArray("") << true;
    QTest::newRow("zero byte") << QByteArray("a\0b", 3) << true;
    QTest::newRow("two bytes") << QByteArray("\xC2\x80\xDF\xBF") << true;
    QTest::newRow("three bytes") << QByteArray("\xE0\xA0\x80\xEF\xBF\xBF") << true;
    QTest::newRow("four bytes") << QByteArray("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF") << true;
    QTest::newRow("continuation first") << QByteArray("\x80") << false;
    QTest::newRow("overlong in two") << QByteArray("\xC1\xBF") << false;
    QTest::newRow("overlong in three") << QByteArray("\xE0\x9F\xBF") << false;
    QTest::newRow("overlong in four") << QByteArray("\xF0\x8F\xBF\xBF") << false;
    QTest::newRow("surrogate") << QByteArray("\xED\xA0\x80") << false;
    QTest::newRow("above U+10FFFF") << QByteArray("\xF4\x90\x80\x80") << false;
    QTest::newRow("five bytes") << QByteArray("\xF8\x88\x80\x80\x80") << false;
    QTest::newRow("cut after one of two") << QByteArray("a\xC3") << false;
    QTest::newRow("cut after two of three") << QByteArray("\xE2\x82") << false;
    QTest::newRow("cut after three of four") << QByteArray("\xF0\x9F\x98") << false;
    QTest::newRow("letter in place of continuation") << QByteArray("\xE2\x82z") << false;
  }
  void validatesUtf8() {
    QFETCH(QByteArray, text);
    QFETCH(bool, valid);
    QCOMPARE(isValidUtf8(text.toStdString()), valid);
  }

  void replacesWhatCannotBeShown() {
    QCOMPARE(printable("blk.0.w"), "blk.0.w"s);
    QCOMPARE(printable("Gr\u00FC\u00DFe \u65E5\u672C"), "Gr\u00FC\u00DFe \u65E5\u672C"s);
    QCOMPARE(printable("a\nb\x1B[31mc\x7F\xC2\x9B"), "a?b?[31mc??"s);
    QCOMPARE(printable("a\xFFz\xE2\x82"), "a?z??"s);
  }

  void endsLongText() {
    QCOMPARE(printable(std::string(80, 'x')), std::string(80, 'x'));
    QCOMPARE(printable(std::string(81, 'x')), std::string(80, 'x') + "...");
    QCOMPARE(printable("\u00FC\u00FC\u00FC", 5), "\u00FC\u00FC..."s);  // never half a character
  }

  void groupsDigits() {
    QCOMPARE(grouped(0), "0"s);
    QCOMPARE(grouped(999), "999"s);
    QCOMPARE(grouped(1000), "1,000"s);
    QCOMPARE(grouped(1234567), "1,234,567"s);
    QCOMPARE(grouped(18446744073709551615u), "18,446,744,073,709,551,615"s);
  }
};

QTEST_APPLESS_MAIN(PrintableTest)
#include "printable_test.moc"
