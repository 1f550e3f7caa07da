// SPDX-License-Identifier: Apache-2.0
// The whole window with a tiny model: open, read, ask, stop, errors, themes, widths and the way
// back.
#include "app/documents/document.h"
#include "tests/ui/tiny_window.h"
#include "ui/conversation/conversation_view.h"
#include "ui/conversation/message_list.h"
#include "ui/conversation/notice_list.h"
#include "ui/reader/document_view.h"
#include "ui/reader/page_view.h"
#include "ui/reader/text_view.h"
#include "ui/style/controls.h"
#include "ui/style/theme.h"

#include <QAction>
#include <QApplication>
#include <QLineEdit>
#include <QPainter>
#include <QPdfWriter>
#include <QPlainTextEdit>
#include <QProcess>
#include <QPushButton>
#include <QScrollBar>
#include <QStandardPaths>
#include <QTest>
#include <QTextBrowser>

using namespace bookwheel;
using namespace Qt::StringLiterals;
using State = ChatController::State;

class WindowTest : public QObject {
  Q_OBJECT

 private:
  TinyWindow m_desk;

  QString writePdf(const QString& name, int pages) {
    const QString path = m_desk.path(name);
    QPdfWriter writer(path);
    writer.setResolution(72);
    QPainter painter(&writer);
    QFont face(u"DejaVu Serif"_s);
    face.setPixelSize(14);
    painter.setFont(face);
    for (int page = 1; page <= pages; ++page) {
      for (int line = 0; line < 12; ++line) {
        painter.drawText(QPointF(20, 60 + 30 * line),
                         u"Page %1, line %2: the heron by the mill."_s.arg(page).arg(line));
      }
      if (page < pages) {
        writer.newPage();
      }
    }
    painter.end();
    return path;
  }

  ChatController& controller() { return m_desk.controller(); }
  MainWindow& window() { return m_desk.window(); }
  QPlainTextEdit* field() { return m_desk.questionField(); }
  QString lastText() { return m_desk.lastText(); }

  void trigger(Command command) { window().actions()[command]->trigger(); }

  QStringList shownNotices() {
    QStringList titles;
    const auto cards = window().findChildren<NoticeCard*>();
    for (const NoticeCard* card : cards) {
      if (card->isVisible()) {
        titles.append(card->notice().title);
      }
    }
    return titles;
  }

 private Q_SLOTS:
  void init() {
    QVERIFY(m_desk.open([](Settings& settings) {
      settings.set(Setting::Theme, u"light"_s);
      settings.set(Setting::Seed, 3);
      settings.set(Setting::MaxAnswerTokens, 48);
    }));
  }

  void cleanup() { m_desk.close(); }

  void opensReadsAndAnswers() {
    QVERIFY(m_desk.openAndRead(m_desk.writeBook(u"mill.md"_s, 20)));
    QVERIFY(window().windowTitle().contains(u"Bookwheel"_s));
    auto* text = window().findChild<TextView*>();
    QVERIFY(text->isVisible());
    QVERIFY(text->toPlainText().contains(u"Paragraph 7 tells of the heron"_s));

    QTRY_VERIFY(field()->isEnabled());
    QTest::keyClicks(field(), u"Who is at the mill?"_s);
    QTest::keyClick(field(), Qt::Key_Return);
    QVERIFY(field()->toPlainText().isEmpty());
    QCOMPARE(controller().messages()->rowCount(), 2);
    // Words arrive while the answer is being written, not only at its end.
    QVERIFY(WindowDriver::waitFor(
        [this] { return controller().state() != State::Answering || !lastText().isEmpty(); }));
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    QVERIFY(!lastText().isEmpty());
    MessageList* list = window().conversation()->messages();
    QVERIFY(list->visualRect(list->model()->index(1, 0)).height() > 40);
  }

  void enterWithShiftBreaksTheLine() {
    QVERIFY(m_desk.openAndRead(m_desk.writeBook(u"mill.md"_s, 4)));
    const int oneLine = field()->height();
    QTest::keyClicks(field(), u"one"_s);
    QTest::keyClick(field(), Qt::Key_Return, Qt::ShiftModifier);
    QTest::keyClicks(field(), u"two"_s);
    QCOMPARE(field()->toPlainText(), u"one\ntwo"_s);
    QCOMPARE(controller().messages()->rowCount(), 0);
    QVERIFY(field()->height() > oneLine);
    for (int i = 0; i < 20; ++i) {
      QTest::keyClick(field(), Qt::Key_Return, Qt::ShiftModifier);
    }
    QVERIFY(field()->height() < 10 * oneLine);  // eight lines at most
  }

  void messageOpensForSelection() {
    QVERIFY(m_desk.openAndRead(m_desk.writeBook(u"mill.md"_s, 4)));
    controller().ask(u"What?"_s);
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    MessageList* list = window().conversation()->messages();
    list->setFocus();
    list->setCurrentIndex(list->model()->index(1, 0));
    QTextBrowser* open = nullptr;
    QTRY_VERIFY((open = list->viewport()->findChild<QTextBrowser*>()) != nullptr);
    QVERIFY(!open->accessibleName().isEmpty());
    // Exactly over the painted text: the row keeps its height.
    QCOMPARE_LE(open->height(), list->visualRect(list->model()->index(1, 0)).height());
    QCOMPARE_LE(std::abs(open->document()->size().height() - open->height()), 1.0);
  }

  /// Another width lays a message out anew while the old layout is shown in the open one.
  void openMessageOutlivesItsLayout() {
    QVERIFY(m_desk.openAndRead(m_desk.writeBook(u"mill.md"_s, 4)));
    controller().ask(u"What?"_s);
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    MessageList* list = window().conversation()->messages();
    list->setFocus();
    list->setCurrentIndex(list->model()->index(0, 0));
    QTextBrowser* open = nullptr;
    QTRY_VERIFY((open = list->viewport()->findChild<QTextBrowser*>()) != nullptr);
    for (const int width : {1100, 900, 1440}) {
      window().resize(width, 900);
      QTRY_COMPARE(window().width(), width);
      controller().ask(u"And at this width?"_s);  // its rows tell the list of changes
      QVERIFY(m_desk.driver().waitForState(State::Ready));
      open->grab();
    }
    QCOMPARE(open->toPlainText(), u"What?"_s);
  }

  void saysWhatCannotBeOpened_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("empty") << u"empty.txt"_s << QByteArray();
    QTest::newRow("binary") << u"noise.txt"_s
                            << QByteArray(
                                   "\x7f"
                                   "ELF\0\1\2\3\0\0\0\0",
                                   12);
    QTest::newRow("broken PDF") << u"broken.pdf"_s << QByteArray("%PDF-1.7\nnothing here");
  }
  void saysWhatCannotBeOpened() {
    QFETCH(QString, name);
    QFETCH(QByteArray, bytes);
    window().openFiles({m_desk.write(name, bytes)});
    QVERIFY(WindowDriver::waitFor([this] { return !shownNotices().isEmpty(); }));
    for (const QString& title : shownNotices()) {
      QVERIFY(!title.trimmed().isEmpty());
    }
    QVERIFY(window().isEnabled());
    QVERIFY(m_desk.openAndRead(m_desk.writeBook(u"after.md"_s, 3)));  // and the program goes on
  }

  void themeFollowsTheSetting() {
    QVERIFY(m_desk.openAndRead(m_desk.writeBook(u"mill.md"_s, 6)));
    controller().ask(u"What?"_s);
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    const auto corner = [this] {
      return window().grab().toImage().pixelColor(3, window().height() / 2);
    };
    QCOMPARE(corner(), lightTheme().window);
    m_desk.driver().settings().set(Setting::Theme, u"dark"_s);
    QCOMPARE(corner(), darkTheme().window);
    m_desk.driver().settings().set(Setting::Theme, u"light"_s);
    QCOMPARE(corner(), lightTheme().window);
  }

  void pagesFitTheWindow_data() {
    QTest::addColumn<QSize>("size");
    QTest::addColumn<bool>("beside");
    QTest::newRow("wide") << QSize(1440, 900) << true;
    QTest::newRow("medium") << QSize(1100, 800) << true;
    QTest::newRow("narrow") << QSize(900, 900) << false;
    QTest::newRow("smallest") << QSize(720, 560) << false;
  }
  void pagesFitTheWindow() {
    QFETCH(QSize, size);
    QFETCH(bool, beside);
    QVERIFY(m_desk.openAndRead(m_desk.writeBook(u"mill.md"_s, 6)));
    window().resize(size);
    QTRY_COMPARE(window().size(), size);
    const QWidget* document = window().document();
    const QWidget* talk = window().conversation();
    const QRect left(document->mapTo(&window(), QPoint()), document->size());
    const QRect right(talk->mapTo(&window(), QPoint()), talk->size());
    QVERIFY(window().rect().contains(left));
    QVERIFY(window().rect().contains(right));
    QCOMPARE(right.left() > left.right(), beside);
    QCOMPARE(right.top() > left.bottom(), !beside);
    QVERIFY(field()->isVisible());
    QVERIFY(left.height() > 120);
    QVERIFY(window().rect().contains(QRect(field()->mapTo(&window(), QPoint()), field()->size())));
  }

  void jumpsAndComesBack() {
    QVERIFY(m_desk.openAndRead(m_desk.writeBook(u"long.md"_s, 220)));
    QVERIFY(controller().document()->pageCount() >= 3);
    DocumentView* document = window().document();
    auto* page = document->findChild<QLineEdit*>(u"page"_s);
    trigger(Command::GoToPage);
    QCOMPARE(QApplication::focusWidget(), page);
    QTest::keyClicks(page, u"3"_s);
    QTest::keyClick(page, Qt::Key_Return);
    QTRY_COMPARE(int(document->position()), 2);
    QVERIFY(window().actions()[Command::GoBack]->isEnabled());
    QTest::keyClick(&window(), Qt::Key_Left, Qt::AltModifier);
    QTRY_COMPARE(int(document->position()), 0);
    QTest::keyClick(&window(), Qt::Key_Right, Qt::AltModifier);
    QTRY_COMPARE(int(document->position()), 2);
  }

  void findsWords() {
    QVERIFY(m_desk.openAndRead(m_desk.writeBook(u"long.md"_s, 120)));
    QTest::keyClick(&window(), Qt::Key_F, Qt::ControlModifier);
    auto* words = window().findChild<QLineEdit*>(u"find"_s);
    QTRY_VERIFY(words->hasFocus());
    QTest::keyClicks(words, u"PARAGRAPH 117 tells"_s);
    auto* result = window().findChild<QWidget*>(u"find-result"_s);
    QTRY_COMPARE(result->property("text").toString(), u"1 of 1"_s);
    auto* text = window().findChild<TextView*>();
    QTRY_VERIFY(text->extraSelections().size() == 1);
    QCOMPARE(text->extraSelections().first().cursor.selectedText(), u"Paragraph 117 tells"_s);
    QTest::keyClick(words, Qt::Key_Escape);
    QTRY_VERIFY(!words->isVisible());
    QVERIFY(text->extraSelections().isEmpty());
  }

  void showsPagesOfAPdf() {
    window().openFiles({writePdf(u"pages.pdf"_s, 12)});
    QVERIFY(WindowDriver::waitFor([this] { return controller().document() != nullptr; }));
    DocumentView* document = window().document();
    QVERIFY(document->showsPages());
    QVERIFY(WindowDriver::waitFor([document] { return document->isDrawn(); }));
    auto* pages = document->findChild<PageView*>();
    // Ink is on the page, and a found line is marked under it.
    const auto darkPixels = [pages] {
      const QImage image = pages->viewport()->grab().toImage();
      int count = 0;
      for (int y = 0; y < image.height(); y += 2) {
        for (int x = 0; x < image.width(); x += 2) {
          count += qGray(image.pixel(x, y)) < 100 ? 1 : 0;
        }
      }
      return count;
    };
    QVERIFY(darkPixels() > 100);
    trigger(Command::Find);
    auto* words = window().findChild<QLineEdit*>(u"find"_s);
    QTest::keyClicks(words, u"Page 9, line 5"_s);
    QTRY_COMPARE(int(document->position()) >= 7 && int(document->position()) <= 8, true);
    const auto marked = [pages] {
      const QImage image = pages->viewport()->grab().toImage();
      const QColor wanted = lightTheme().accent;
      for (int y = 0; y < image.height(); ++y) {
        for (int x = 0; x < image.width(); ++x) {
          if (image.pixelColor(x, y) == wanted) {
            return true;
          }
        }
      }
      return false;
    };
    QVERIFY(WindowDriver::waitFor(marked, std::chrono::seconds(10)));
  }

  void asksForThePassword() {
    const QString qpdf = QStandardPaths::findExecutable(u"qpdf"_s);
    if (qpdf.isEmpty()) {
      QSKIP("qpdf is not installed: no protected PDF can be made");
    }
    const QString plain = writePdf(u"plain.pdf"_s, 2);
    const QString locked = m_desk.path(u"locked.pdf"_s);
    QCOMPARE(QProcess::execute(
                 qpdf, {u"--encrypt"_s, u"heron"_s, u"heron"_s, u"256"_s, u"--"_s, plain, locked}),
             0);
    window().openFiles({locked});
    const auto passwordField = [this]() -> QLineEdit* {
      const auto cards = window().findChildren<NoticeCard*>();
      for (const NoticeCard* card : cards) {
        const auto fields = card->findChildren<QLineEdit*>();
        if (card->isVisible() && !fields.isEmpty()) {
          return fields.first();
        }
      }
      return nullptr;
    };
    QVERIFY(WindowDriver::waitFor([&] { return passwordField() != nullptr; }));
    QCOMPARE(passwordField()->echoMode(), QLineEdit::Password);
    passwordField()->setText(u"wrong"_s);
    QTest::keyClick(passwordField(), Qt::Key_Return);
    QVERIFY(WindowDriver::waitFor(
        [&] { return passwordField() != nullptr && passwordField()->text().isEmpty(); }));
    passwordField()->setText(u"heron"_s);
    QTest::keyClick(passwordField(), Qt::Key_Return);
    QVERIFY(WindowDriver::waitFor([this] { return controller().document() != nullptr; }));
    DocumentView* document = window().document();
    QVERIFY(WindowDriver::waitFor([document] { return document->isDrawn(); }));
  }

  void scrollsOnlyWhileAtTheEnd() {
    m_desk.driver().settings().set(Setting::MaxAnswerTokens, 400);
    QVERIFY(m_desk.openAndRead(m_desk.writeBook(u"mill.md"_s, 4)));
    window().resize(1440, 600);
    controller().ask(u"First?"_s);
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    controller().ask(u"Second?"_s);
    QScrollBar* bar = window().conversation()->messages()->verticalScrollBar();
    QVERIFY(WindowDriver::waitFor([&] { return bar->maximum() > 200 && lastText().size() > 20; }));
    QTRY_COMPARE(bar->value(), bar->maximum());
    bar->setValue(0);  // the reader scrolls away while the answer is being written
    const qsizetype before = lastText().size();
    WindowDriver::waitFor([&] {
      return controller().state() != State::Answering || lastText().size() > before + 40;
    });
    QCOMPARE(bar->value(), 0);
  }
};

QTEST_MAIN(WindowTest)
#include "window_test.moc"
