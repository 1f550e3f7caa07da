// SPDX-License-Identifier: Apache-2.0
// The window without a mouse: every stop has a name, Tab and F6 reach all and are never caught, and
// the event loop is never held up.
#include "tests/ui/tiny_window.h"
#include "ui/conversation/conversation_view.h"
#include "ui/conversation/message_list.h"
#include "ui/dialogs/models_dialog.h"
#include "ui/dialogs/page_range_dialog.h"
#include "ui/dialogs/settings_dialog.h"
#include "ui/dialogs/shortcuts_dialog.h"
#include "ui/reader/document_view.h"

#include <QAbstractEventDispatcher>
#include <QAccessible>
#include <QAction>
#include <QApplication>
#include <QElapsedTimer>
#include <QJsonObject>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QSet>
#include <QTest>

#include <ctime>

using namespace bookwheel;
using namespace Qt::StringLiterals;
using State = ChatController::State;

namespace {

/// "" if every visible widget that takes the focus has a name, else the first without.
QString unnamed(const QWidget& root) {
  const auto widgets = root.findChildren<QWidget*>();
  for (QWidget* widget : widgets) {
    if (!widget->isVisible() || widget->focusPolicy() == Qt::NoFocus || widget->isWindow()) {
      continue;
    }
    QAccessibleInterface* face = QAccessible::queryAccessibleInterface(widget);
    if (face == nullptr || face->text(QAccessible::Name).trimmed().isEmpty()) {
      return u"%1 \"%2\" in %3"_s.arg(
          QLatin1StringView(widget->metaObject()->className()), widget->objectName(),
          QLatin1StringView(widget->parentWidget()->metaObject()->className()));
    }
  }
  return {};
}

/// The longest time, in milliseconds, that one turn of this thread's event loop worked.
class TurnWatch {
 public:
  TurnWatch() {
    auto* dispatcher = QAbstractEventDispatcher::instance();
    m_awake = QObject::connect(dispatcher, &QAbstractEventDispatcher::awake, [this] {
      m_start = now();
      m_running = true;
    });
    m_block = QObject::connect(dispatcher, &QAbstractEventDispatcher::aboutToBlock, [this] {
      if (m_running) {
        m_longest = std::max(m_longest, now() - m_start);
        m_running = false;
      }
    });
  }
  ~TurnWatch() {
    QObject::disconnect(m_awake);
    QObject::disconnect(m_block);
  }
  double longest() const { return m_longest; }

 private:
  /// Processor time of this thread: the neighbours on a shared machine do not count.
  static double now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) * 1e3 + double(time.tv_nsec) / 1e6;
  }

  QMetaObject::Connection m_awake;
  QMetaObject::Connection m_block;
  bool m_running = false;
  double m_start = 0;
  double m_longest = 0;
};

}  // namespace

class KeyboardTest : public QObject {
  Q_OBJECT

 private:
  TinyWindow m_desk;

  ChatController& controller() { return m_desk.controller(); }
  MainWindow& window() { return m_desk.window(); }
  QPlainTextEdit* field() { return m_desk.questionField(); }
  QString writeBook(int paragraphs) { return m_desk.writeBook(u"book.md"_s, paragraphs); }

 private Q_SLOTS:
  void init() {
    QVERIFY(m_desk.open([](Settings& settings) { settings.set(Setting::MaxAnswerTokens, 32); }));
  }

  void cleanup() { m_desk.close(); }

  void everyStopHasAName() {
    QCOMPARE(unnamed(window()), QString());
    window().openFiles({m_desk.write(u"empty.txt"_s, {})});
    QVERIFY(WindowDriver::waitFor([this] { return !controller().notices().isEmpty(); }));
    QCOMPARE(unnamed(window()), QString());
    window().openFiles({writeBook(20)});
    QVERIFY(WindowDriver::waitFor([this] {
      return controller().state() == State::Reading || controller().state() == State::Ready;
    }));
    QCOMPARE(unnamed(window()), QString());
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    controller().ask(u"What is there?"_s);
    QCOMPARE(unnamed(window()), QString());
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    window().conversation()->messages()->setFocus();
    window().actions()[Command::ToggleContents]->setChecked(true);
    window().actions()[Command::Find]->trigger();
    QCOMPARE(unnamed(window()), QString());
    for (const QSize& size : {QSize(1100, 800), QSize(760, 600)}) {
      window().resize(size);
      QCoreApplication::processEvents();
      QCOMPARE(unnamed(window()), QString());
    }
    SettingsDialog settings(m_desk.driver().settings(), &window());
    ShortcutsDialog shortcuts(window().actions(), &window());
    PageRangeDialog pages(controller(), &window());
    for (QWidget* dialog : {static_cast<QWidget*>(&settings), static_cast<QWidget*>(&shortcuts),
                            static_cast<QWidget*>(&pages)}) {
      dialog->show();
      QCOMPARE(unnamed(*dialog), QString());
      dialog->close();
    }
  }

  void anUnnamedFieldIsFound() {
    QWidget root;
    auto* field = new QLineEdit(&root);
    root.show();
    QVERIFY(!unnamed(root).isEmpty());
    field->setAccessibleName(u"Named"_s);
    QCOMPARE(unnamed(root), QString());
  }

  void focusStartsWhereTheWorkIs() {
    QTRY_VERIFY(QApplication::focusWidget() != nullptr);
    window().openFiles({writeBook(6)});
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    QTRY_VERIFY(field()->isEnabled());
    QTRY_COMPARE(QApplication::focusWidget(), field());
    QTest::keyClicks(field(), u"Who?"_s);
    QTest::keyClick(field(), Qt::Key_Return);
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    QCOMPARE(QApplication::focusWidget(), field());
  }

  void f6GoesAround() {
    window().openFiles({writeBook(6)});
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    controller().ask(u"What?"_s);
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    field()->setFocus();
    QTRY_VERIFY(field()->hasFocus());
    for (const int step : {1, -1}) {
      QList<QWidget*> stops;
      for (int i = 0; i < 4; ++i) {
        QTest::keyClick(QApplication::focusWidget(), Qt::Key_F6,
                        step > 0 ? Qt::NoModifier : Qt::ShiftModifier);
        QWidget* stop = QApplication::focusWidget();
        QVERIFY(stop != nullptr);
        QVERIFY2(!stops.contains(stop), stop->metaObject()->className());
        stops.append(stop);
      }
      QCOMPARE(stops.last(), field());
      QVERIFY(stops.contains(window().document()->reader()));
      QVERIFY(stops.contains(window().conversation()->messages()));
    }
  }

  void tabReachesEverythingAndReturns() {
    window().openFiles({writeBook(6)});
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    field()->setFocus();
    QTRY_VERIFY(field()->hasFocus());
    QSet<QWidget*> reached;
    constexpr int kMostStops = 120;
    int steps = 0;
    do {
      QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
      QVERIFY(QApplication::focusWidget() != nullptr);
      reached.insert(QApplication::focusWidget());
    } while (QApplication::focusWidget() != field() && ++steps < kMostStops);
    QVERIFY2(steps < kMostStops, "Tab is caught somewhere");
    const auto widgets = window().findChildren<QWidget*>();
    for (QWidget* widget : widgets) {
      if (widget->isVisible() && widget->isEnabled() && widget->focusProxy() == nullptr &&
          (widget->focusPolicy() & Qt::TabFocus) == Qt::TabFocus) {
        QVERIFY2(reached.contains(widget),
                 qPrintable(widget->accessibleName() +
                            QLatin1StringView(widget->metaObject()->className())));
      }
    }
  }

  void keysCanBeChanged() {
    Actions& actions = window().actions();
    const QKeySequence keys(Qt::CTRL | Qt::ALT | Qt::Key_J);
    QVERIFY(!actions.holder(keys, Command::Find).has_value());
    actions.rebind(Command::Find, keys);
    QCOMPARE(actions[Command::Find]->shortcut(), keys);
    QCOMPARE(actions.holder(keys, Command::Search).value(), Command::Find);
    actions.reset(Command::Find);
    QCOMPARE(actions[Command::Find]->shortcut(), QKeySequence(Qt::CTRL | Qt::Key_F));
  }

  void noTwoCommandsShareAKey() {
    QList<QKeySequence> seen;
    for (const CommandRow& row : Actions::table()) {
      for (const QKeySequence& keys : row.keys) {
        QVERIFY2(!seen.contains(keys), row.name);
        seen.append(keys);
      }
    }
  }

  void theEventLoopIsNeverHeldUp() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    QSKIP("the bound is for a build without sanitizers");
#endif
    // 50 ms is three frames: what a person begins to feel. Building the first frame of a pane is
    // part of it.
    constexpr double kMostMs = 50;
    window().openFiles({writeBook(40)});
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    const TurnWatch watch;
    controller().ask(u"What is there?"_s);
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    window().openFiles(
        {m_desk.write(u"second.md"_s, QByteArray("Another one.\n\n").repeated(400))});
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    window().actions()[Command::Find]->trigger();
    QTest::keyClicks(window().findChild<QLineEdit*>(u"find"_s), u"one"_s);
    WindowDriver::waitFor([] { return false; }, std::chrono::milliseconds(300));
    QVERIFY2(watch.longest() < kMostMs, qPrintable(u"%1 ms"_s.arg(watch.longest())));
  }
};

QTEST_MAIN(KeyboardTest)
#include "keyboard_test.moc"
