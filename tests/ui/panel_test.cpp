// SPDX-License-Identifier: Apache-2.0
// The panel of the real window: numbers, keys of the slider, what screen readers hear, widths,
// themes, and what painting it costs.
#include "app/chat/panel_report.h"
#include "tests/app/endless_model.h"
#include "tests/ui/tiny_window.h"
#include "ui/panel/budget_bar.h"
#include "ui/panel/budget_view.h"
#include "ui/panel/cache_panel.h"
#include "ui/panel/figure.h"
#include "ui/panel/hit_chart.h"
#include "ui/panel/memory_legend.h"
#include "ui/panel/speed_chart.h"
#include "ui/panel/status_strip.h"
#include "ui/reader/document_view.h"
#include "ui/style/theme.h"

#include <QAccessible>
#include <QAction>
#include <QClipboard>
#include <QElapsedTimer>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTest>

#include <algorithm>
#include <ctime>

using namespace bookwheel;
using namespace Qt::StringLiterals;
using State = ChatController::State;

namespace {

GgufDraft panelModel() {
  TinyModelOptions options;
  options.contextTokens = 16384;
  return endlessModel(options);
}

QString said(QWidget* widget, QAccessible::Text kind) {
  return QAccessible::queryAccessibleInterface(widget)->text(kind);
}

double threadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// Counts what painting a widget and all that is inside costs, in time of this thread.
class PaintMeter : public QObject {
 public:
  bool eventFilter(QObject* watched, QEvent* event) override {
    if (event->type() == QEvent::Paint && !m_inside) {
      m_inside = true;
      const double start = threadSeconds();
      QCoreApplication::sendEvent(watched, event);
      m_seconds += threadSeconds() - start;
      ++m_paints;
      m_inside = false;
      return true;
    }
    return false;
  }
  double seconds() const { return m_seconds; }
  int paints() const { return m_paints; }

 private:
  bool m_inside = false;
  double m_seconds = 0;
  int m_paints = 0;
};

}  // namespace

class PanelTest : public QObject {
  Q_OBJECT

 private:
  TinyWindow m_desk{panelModel()};

  ChatController& controller() { return m_desk.controller(); }
  MainWindow& window() { return m_desk.window(); }
  CachePanel& panel() { return *window().panel(); }
  BudgetModel& budget() { return *controller().budget(); }
  BudgetBar& bar() { return *panel().bar(); }

  bool readBook() {
    // Enough tokens for the copies of 1 and 2 bits to take different budgets.
    return m_desk.openAndRead(m_desk.writeBook(u"mill.md"_s, 350));
  }
  void toggle() { window().actions()[Command::TogglePanel]->trigger(); }
  bool answer() {
    controller().ask(u"Who is at the mill?"_s);
    return WindowDriver::waitFor(
        [this] { return controller().stats()->hitRates().size() > CacheStatsModel::kNow; });
  }

 private Q_SLOTS:
  void init() {
    QVERIFY(m_desk.open([](Settings& settings) {
      settings.set(Setting::Theme, u"light"_s);
      settings.set(Setting::Temperature, 0.0);
      settings.set(Setting::Threads, 1);
      settings.set(Setting::MaxAnswerTokens, 4000);
    }));
  }
  void cleanup() { m_desk.close(); }

  void opensByKeyAndIsRemembered() {
    QVERIFY(!panel().isVisible());
    m_desk.press(Qt::Key_F8);
    QVERIFY(panel().isVisible());
    QVERIFY(!window().findChild<StatusStrip*>()->isVisible());
    QVERIFY(!bar().isEnabled());
    QCOMPARE(bar().toolTip(), u"Open a document to see what a budget buys for it."_s);
    QVERIFY(m_desk.reopen());
    QVERIFY(panel().isVisible());
    m_desk.press(Qt::Key_F8);
    QVERIFY(!panel().isVisible());
    QVERIFY(window().findChild<StatusStrip*>()->isVisible());
  }

  void keysChooseABudget() {
    toggle();
    QVERIFY(readBook());
    const QList<BudgetStop> stops = budget().table().stops();
    QVERIFY(stops.size() >= 3);
    const int current = budget().currentRow();
    QCOMPARE(current, stops.size() - 1);  // K2V2 in memory, the default
    bar().setFocus(Qt::TabFocusReason);
    QTest::keyClick(&bar(), Qt::Key_PageDown);
    QCOMPARE(budget().previewRow(), current - 1);
    QCOMPARE(budget().currentRow(), current);
    QVERIFY(budget().sentence().contains(u"Release to change"_s));
    // Esc takes it back and stops nothing else.
    QTest::keyClick(&bar(), Qt::Key_Escape);
    QCOMPARE(budget().previewRow(), -1);
    QCOMPARE(budget().currentRow(), current);
    // Applied a while after the last key.
    QTest::keyClick(&bar(), Qt::Key_PageDown);
    QVERIFY(WindowDriver::waitFor([&] { return budget().currentRow() == current - 1; }));
    QVERIFY(budget().isChosen());
    QVERIFY(WindowDriver::waitFor([&] { return !budget().changing(); }));
    // And back by the button.
    QPushButton* back = nullptr;
    QVERIFY(WindowDriver::waitFor([&] {
      for (QPushButton* button : panel().findChildren<QPushButton*>()) {
        if (button->isVisible() && button->text().startsWith(u"Back to "_s)) {
          back = button;
        }
      }
      return back != nullptr;
    }));
    back->click();
    QVERIFY(WindowDriver::waitFor([&] { return budget().currentRow() == current; }));
    // Home and End are the first and the last stop, arrows a small step.
    QTest::keyClick(&bar(), Qt::Key_Home);
    QCOMPARE(budget().previewRow(), 0);
    QTest::keyClick(&bar(), Qt::Key_End);
    QCOMPARE(budget().previewRow(), stops.size() - 1);
    const int end = bar().value();
    QTest::keyClick(&bar(), Qt::Key_Left);
    QCOMPARE(end - bar().value(), budget().table().grainBytes() / budget().table().unitBytes());
    QTest::keyClick(&bar(), Qt::Key_Escape);
  }

  void aChosenBudgetSurvivesARestart() {
    toggle();
    QVERIFY(readBook());
    const int row = budget().currentRow() - 1;
    budget().choose(budget().table().stops().at(row).bytes);
    QVERIFY(WindowDriver::waitFor([&] { return budget().currentRow() == row; }));
    const std::int64_t bytes = budget().bytes();
    QVERIFY(m_desk.reopen());
    controller().openBook(controller().shelf()->index(0).data(LibraryModel::BookRole).toLongLong());
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    QCOMPARE(budget().bytes(), bytes);
    QCOMPARE(budget().currentRow(), row);
  }

  void heldHandlePreviews() {
    toggle();
    QVERIFY(readBook());
    const int current = budget().currentRow();
    const QPoint at(bar().width() / 3, 26);
    QTest::mousePress(&bar(), Qt::LeftButton, {}, at);
    QVERIFY(bar().isSliderDown());
    QVERIFY(budget().previewRow() >= 0);
    QVERIFY(!budget().changing());
    QTest::keyClick(&bar(), Qt::Key_Escape);
    QVERIFY(!bar().isSliderDown());
    QTest::mouseRelease(&bar(), Qt::LeftButton, {}, at);
    QCOMPARE(budget().currentRow(), current);
    QVERIFY(!budget().isChosen());
  }

  void showsTheEnginesNumbers() {
    toggle();
    QVERIFY(readBook());
    QVERIFY(answer());
    window().actions()[Command::Stop]->trigger();
    QVERIFY(m_desk.driver().waitForState(State::Ready));
    const CacheStatsModel& stats = *controller().stats();
    QVERIFY(WindowDriver::waitFor([&] {
      return said(panel().findChild<MemoryLegend*>(), QAccessible::Value) == stats.memorySentence();
    }));
    const MemoryUse use = stats.engine().memory;
    QCOMPARE(stats.usedBytes(), use.totalBytes());
    // The plan counts the room for questions and answers as well, the engine what is there.
    QVERIFY(stats.plannedBytes() >= stats.usedBytes());
    QVERIFY(WindowDriver::waitFor([&] {
      return said(panel().findChild<SpeedChart*>(), QAccessible::Value) == stats.speedSentence() &&
             said(panel().findChild<HitRateChart*>(), QAccessible::Value) ==
                 stats.hitRateSentence() &&
             said(panel().findChild<LayerChart*>(), QAccessible::Value) == stats.layersSentence();
    }));
    QVERIFY(stats.speedSentence().contains(u"weights"_s));
    QVERIFY(stats.layersSentence().startsWith(u"Hit rate by layer: lowest layer"_s));
    window().actions()[Command::CopyFigures]->trigger();
    QCOMPARE(QApplication::clipboard()->text(), panelAsText(stats, budget()));
  }

  void everyPaintedPartSaysItsValue() {
    toggle();
    QVERIFY(readBook());
    for (QWidget* chart :
         QList<QWidget*>{panel().findChild<HitRateChart*>(), panel().findChild<LayerChart*>(),
                         panel().findChild<SpeedChart*>(), panel().findChild<MemoryLegend*>(),
                         panel().findChild<Figure*>()}) {
      QAccessibleInterface* face = QAccessible::queryAccessibleInterface(chart);
      QCOMPARE(face->role(), QAccessible::Chart);
      QVERIFY(!face->text(QAccessible::Name).isEmpty());
      QVERIFY2(face->text(QAccessible::Value).size() > 10, chart->metaObject()->className());
    }
    QAccessibleInterface* slider = QAccessible::queryAccessibleInterface(&bar());
    QCOMPARE(slider->role(), QAccessible::Slider);
    QCOMPARE(slider->text(QAccessible::Name), u"Main memory budget"_s);
    const QString value = slider->text(QAccessible::Value);
    QVERIFY2(value.startsWith(budgetText(budget().bytes())) && value.contains(u"tokens fit"_s),
             qPrintable(value));
    QCOMPARE(slider->valueInterface()->currentValue().toString(), value);
    // Rows of the table are said whole.
    const QModelIndex cell = panel().table()->model()->index(budget().currentRow(), 2);
    QVERIFY(cell.data(Qt::AccessibleTextRole).toString().endsWith(u", in use"_s));
  }

  void takesTheDocumentsPlaceWhereItIsNarrow() {
    QVERIFY(readBook());
    window().resize(900, 900);
    toggle();
    QVERIFY(panel().isVisible() && panel().isCompact());
    QVERIFY(!window().document()->isVisible());
    QVERIFY(window().findChild<StatusStrip*>()->isVisible());
    QVERIFY(bar().isVisible());
    for (QPushButton* tab : panel().findChildren<QPushButton*>()) {
      if (tab->text() == u"Speed"_s) {
        tab->click();
      }
    }
    QVERIFY(!bar().isVisible());
    QVERIFY(panel().findChild<SpeedChart*>()->isVisible());
    toggle();
    QVERIFY(window().document()->isVisible());
    QVERIFY(!panel().isVisible());
    window().resize(1440, 900);
    toggle();
    QVERIFY(!panel().isCompact());
    QVERIFY(bar().isVisible() && panel().findChild<SpeedChart*>()->isVisible());
    QVERIFY(window().document()->isVisible());
  }

  void followsTheTheme() {
    toggle();
    QVERIFY(readBook());
    const auto corner = [this] { return panel().grab().toImage().pixelColor(4, 60); };
    QCOMPARE(corner(), lightTheme().pane);
    m_desk.driver().settings().set(Setting::Theme, u"dark"_s);
    QVERIFY(WindowDriver::waitFor([&] { return corner() == darkTheme().pane; }));
  }

  /// Under 2 % of one core while answering (issue 5): the time of this thread that goes into
  /// painting the panel, over what passes meanwhile.
  void paintingIsCheap() {
    toggle();
    QVERIFY(readBook());
    // What other programs do to this one's caches and clock only adds: the least of some answers is
    // what painting costs.
    double least = 1;
    for (int attempt = 0; attempt < 4 && least >= 0.02; ++attempt) {
      QVERIFY(answer());
      PaintMeter meter;
      for (QWidget* part : panel().findChildren<QWidget*>()) {
        part->installEventFilter(&meter);
      }
      QElapsedTimer wall;
      wall.start();
      WindowDriver::waitFor([&] { return controller().state() != State::Answering; },
                            std::chrono::milliseconds(2500));
      const double seconds = static_cast<double>(wall.nsecsElapsed()) / 1e9;
      least = std::min(least, meter.seconds() / seconds);
      qInfo("painted %d parts, %.1f ms in %.1f s: %.2f %% of a core", meter.paints(),
            meter.seconds() * 1000, seconds, meter.seconds() / seconds * 100);
      QVERIFY(seconds > 0.5);
      QVERIFY(meter.paints() > 0);
      for (QWidget* part : panel().findChildren<QWidget*>()) {
        part->removeEventFilter(&meter);
      }
      QVERIFY(WindowDriver::waitFor([&] { return controller().state() == State::Ready; }));
    }
    QVERIFY(least < 0.02);
    // Hidden, nothing of it is painted or told.
    toggle();
    PaintMeter hidden;
    for (QWidget* part : panel().findChildren<QWidget*>()) {
      part->installEventFilter(&hidden);
    }
    WindowDriver::waitFor([] { return false; }, std::chrono::milliseconds(600));
    QCOMPARE(hidden.paints(), 0);
    for (QWidget* part : panel().findChildren<QWidget*>()) {
      part->removeEventFilter(&hidden);
    }
  }
};

QTEST_MAIN(PanelTest)
#include "panel_test.moc"
