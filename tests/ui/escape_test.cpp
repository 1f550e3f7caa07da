// SPDX-License-Identifier: Apache-2.0
// Esc in the window: it closes what is open first, and else stops the answer, wherever the focus
// is. The model's answers cannot end by themselves, so nothing here is a race against them.
#include "tests/app/endless_model.h"
#include "tests/ui/tiny_window.h"
#include "ui/conversation/conversation_view.h"
#include "ui/conversation/message_list.h"
#include "ui/reader/document_view.h"

#include <QAction>
#include <QApplication>
#include <QLineEdit>
#include <QMenu>
#include <QPlainTextEdit>
#include <QPointer>
#include <QPushButton>
#include <QTest>
#include <QTextBrowser>
#include <QTimer>
#include <QTreeView>

using namespace bookwheel;
using namespace Qt::StringLiterals;
using State = ChatController::State;

namespace {

/// At 100,000 tokens the tiny model writes some hundred a second and has needed minutes: no answer
/// reaches its end, neither this context nor the longest answer that is set, before the patience
/// of a wait (30 s) is over.
constexpr int kContextTokens = 1 << 18;

GgufDraft model() {
  TinyModelOptions options;
  options.contextTokens = kContextTokens;
  return endlessModel(options);
}

}  // namespace

class EscapeTest : public QObject {
  Q_OBJECT

 private:
  TinyWindow m_desk{model()};

  ChatController& controller() { return m_desk.controller(); }
  MainWindow& window() { return m_desk.window(); }

  /// Asks in a chat of its own; the answer has begun, its first text has not come.
  void ask() {
    controller().newChat();
    controller().ask(u"Tell me everything."_s);
  }

  bool waitForText() {
    return WindowDriver::waitFor([this] { return !m_desk.lastText().isEmpty(); });
  }

  /// "" if Esc, with the focus where it is, stops the answer that is being written and keeps it.
  QString faultOfStopping() {
    if (controller().state() != State::Answering) {
      return u"no answer is being written"_s;
    }
    m_desk.press(Qt::Key_Escape);
    if (!m_desk.driver().waitForState(State::Ready)) {
      controller().stop();
      m_desk.driver().waitForState(State::Ready);
      return u"the answer goes on"_s;
    }
    const MessageRecord answer = controller().messages()->path().last();
    if (answer.role != MessageRole::Answer || answer.state != MessageState::Stopped) {
      return u"the answer ended by itself"_s;
    }
    return {};
  }

 private Q_SLOTS:
  void init() {
    QVERIFY(m_desk.open([](Settings& settings) {
      settings.set(Setting::Theme, u"light"_s);
      settings.set(Setting::Temperature, 0.0);
      settings.set(Setting::MaxAnswerTokens, kContextTokens);
    }));
    QVERIFY(m_desk.openAndRead(m_desk.writeBook(u"mill.md"_s, 12)));
    QTRY_VERIFY(m_desk.questionField()->isEnabled());
  }

  void cleanup() { m_desk.close(); }

  void stopsAndKeepsTheText() {
    QTest::keyClicks(m_desk.questionField(), u"Tell me everything."_s);
    QTest::keyClick(m_desk.questionField(), Qt::Key_Return);
    QVERIFY(waitForText());
    const QString shown = m_desk.lastText();
    QCOMPARE(faultOfStopping(), QString());
    QVERIFY(m_desk.lastText().startsWith(shown));
    QVERIFY(controller().composer().canSend);
  }

  void stopsBeforeTheFirstText_data() {
    QTest::addColumn<bool>("inDocument");
    QTest::newRow("from the question field") << false;
    QTest::newRow("from the document") << true;
  }
  void stopsBeforeTheFirstText() {
    QFETCH(bool, inDocument);
    QWidget* from = inDocument ? window().document()->reader() : m_desk.questionField();
    from->setFocus();
    QTRY_COMPARE(QApplication::focusWidget(), from);
    ask();
    QVERIFY(
        m_desk.lastText().isEmpty());  // it comes by a queued signal, in a later turn of the loop
    QCOMPARE(faultOfStopping(), QString());
    // And the next question is answered as if nothing had been.
    ask();
    QVERIFY(waitForText());
    QCOMPARE(faultOfStopping(), QString());
  }

  void stopsWhereverTheFocusIs() {
    // Every stop of the Tab key that there is while an answer is being written.
    ask();
    QVERIFY(waitForText());
    m_desk.questionField()->setFocus();
    QTRY_VERIFY(m_desk.questionField()->hasFocus());
    QList<QPointer<QWidget>> stops;
    constexpr int kMostStops = 120;
    do {
      stops.append(QApplication::focusWidget());
      m_desk.press(Qt::Key_Tab);
      QVERIFY(QApplication::focusWidget() != nullptr);
    } while (!stops.contains(QApplication::focusWidget()) && stops.size() < kMostStops);
    QCOMPARE(faultOfStopping(), QString());
    QVERIFY(stops.contains(window().document()->reader()));
    QVERIFY(stops.contains(window().conversation()->messages()));

    for (const QPointer<QWidget>& stop : std::as_const(stops)) {
      ask();
      QVERIFY(waitForText());
      QVERIFY(stop != nullptr);
      stop->setFocus(Qt::TabFocusReason);
      QTRY_COMPARE(QApplication::focusWidget(), stop.data());
      const QString fault = faultOfStopping();
      QVERIFY2(fault.isEmpty(),
               qPrintable(u"%1 \"%2\": %3"_s.arg(QLatin1StringView(stop->metaObject()->className()),
                                                 stop->accessibleName(), fault)));
    }
  }

  /// A click into a message opens its text for selection; Esc has nothing to close there.
  void stopsFromAnOpenMessage() {
    ask();
    QVERIFY(waitForText());
    MessageList* list = window().conversation()->messages();
    list->setCurrentIndex(list->model()->index(0, 0));
    QTextBrowser* open = nullptr;
    QTRY_VERIFY((open = list->viewport()->findChild<QTextBrowser*>()) != nullptr);
    open->setFocus(Qt::MouseFocusReason);
    QTRY_COMPARE(QApplication::focusWidget(), open);
    QCOMPARE(faultOfStopping(), QString());
  }

  void closesWhatIsOpenFirst_data() {
    QTest::addColumn<Command>("command");
    QTest::addColumn<QByteArray>("focused");
    QTest::newRow("find bar") << Command::Find << QByteArray("QLineEdit");
    QTest::newRow("contents") << Command::ToggleContents << QByteArray("QTreeView");
    QTest::newRow("search") << Command::Search << QByteArray("bookwheel::SearchField");
  }
  void closesWhatIsOpenFirst() {
    QFETCH(Command, command);
    QFETCH(QByteArray, focused);
    ask();
    QVERIFY(waitForText());
    window().actions()[command]->trigger();
    QTRY_COMPARE(QByteArray(QApplication::focusWidget()->metaObject()->className()), focused);
    QPointer<QWidget> inside = QApplication::focusWidget();
    if (command == Command::Search) {
      QTest::keyClicks(inside, u"mill"_s);  // the hits open under the field
    }
    m_desk.press(Qt::Key_Escape);
    if (command == Command::Search) {
      QCOMPARE(static_cast<QLineEdit*>(inside.data())->text(), QString());
    } else {
      QTRY_VERIFY(!inside->isVisible());
    }
    QCOMPARE(controller().state(), State::Answering);
    QCOMPARE(faultOfStopping(), QString());
  }

  void closesAMenuFirst() {
    ask();
    QVERIFY(waitForText());
    QTimer::singleShot(0, this, [] {
      QWidget* menu = QApplication::activePopupWidget();
      QVERIFY(menu != nullptr);
      QTest::keyClick(menu->windowHandle(), Qt::Key_Escape);
    });
    window().actions()[Command::ShowMenu]->trigger();  // returns when the menu is closed
    QCOMPARE(QApplication::activePopupWidget(), nullptr);
    // The offscreen platform makes a menu the active window and nothing when it closes; others
    // leave the window active.
    window().activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(&window()));
    QCOMPARE(controller().state(), State::Answering);
    QCOMPARE(faultOfStopping(), QString());
  }
};

QTEST_MAIN(EscapeTest)
#include "escape_test.moc"
