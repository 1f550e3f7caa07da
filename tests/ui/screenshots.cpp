// SPDX-License-Identifier: Apache-2.0
// bookwheel-screenshots: drives the real window with a real document and model and writes
// docs/screenshots.
//
// usage: bookwheel-screenshots PDF MODEL_FILE OUT_FOLDER [panel]
// panel: only the pictures of memory and speed, of the same pages.
// PDF: one that MODEL cannot read whole, so that the picture of that notice is real too;
// docs/screenshots were made with Debian's policy.pdf (package debian-policy) and qwen-0.5b.
#include "app/documents/document.h"
#include "tests/ui/window_driver.h"
#include "ui/conversation/composer.h"
#include "ui/conversation/conversation_view.h"
#include "ui/dialogs/models_dialog.h"
#include "ui/dialogs/page_range_dialog.h"
#include "ui/dialogs/settings_dialog.h"
#include "ui/dialogs/shortcuts_dialog.h"
#include "ui/panel/budget_bar.h"
#include "ui/panel/cache_panel.h"
#include "ui/reader/document_view.h"

#include <QAction>
#include <QApplication>
#include <QDir>
#include <QFileInfo>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTimer>

#include <cstdio>

namespace {

using namespace bookwheel;
using namespace Qt::StringLiterals;
using State = ChatController::State;
using std::chrono::minutes;

constexpr QSize kWide(1440, 900);
constexpr QSize kNarrow(900, 900);
constexpr int kFirstPage = 13;  // of the range that is read: a chapter short enough to wait for
constexpr int kLastPage = 19;

class Camera {
 public:
  Camera(WindowDriver& driver, QDir out) : m_driver(driver), m_out(std::move(out)) {}

  /// In the theme now.
  bool shoot(const QString& name) {
    DocumentView* document = m_driver.window().document();
    if (!WindowDriver::waitFor(
            [document] { return !document->isVisible() || document->isDrawn(); })) {
      std::fprintf(stderr, "%s: the page was not drawn\n", qPrintable(name));
      return false;
    }
    settle();
    const QString path = m_out.filePath(name + u".png"_s);
    const bool written = m_driver.window().grab().save(path);
    std::printf("%s %s\n", written ? "wrote" : "could not write", qPrintable(path));
    return written;
  }

  bool shootBoth(const QString& name) {
    bool good = shoot(name);
    look(u"dark"_s, true);
    good = shoot(name + u"-dark"_s) && good;
    look(u"light"_s, false);
    return good;
  }

  bool shootWidget(QWidget& widget, const QString& name) {
    settle();
    return widget.grab().save(m_out.filePath(name + u".png"_s));
  }

  /// Layouts and repaints that were put off are done.
  static void settle() {
    WindowDriver::waitFor([] { return false; }, std::chrono::milliseconds(60));
  }

  /// What models tell a few times a second has been told.
  static void pauseFor(int milliseconds) {
    WindowDriver::waitFor([] { return false; }, std::chrono::milliseconds(milliseconds));
  }

  void look(const QString& theme, bool darkPages) {
    m_driver.settings().set(Setting::Theme, theme);
    m_driver.settings().set(Setting::DarkPages, darkPages);
  }

 private:
  WindowDriver& m_driver;
  QDir m_out;
};

bool expect(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "did not happen: %s\n", what);
  }
  return condition;
}

/// Memory and speed in each state: reading, idle, answering, held, changed, dark, narrow.
bool runPanel(WindowDriver& driver, const QString& pdf, const QString& model, const QDir& out) {
  Camera camera(driver, out);
  ChatController& controller = driver.controller();
  MainWindow& window = driver.window();
  window.resize(kWide);
  window.show();
  controller.start();
  controller.openModel(model);
  window.actions()[Command::TogglePanel]->trigger();
  if (!expect(driver.waitForState(State::NoDocument, minutes(2)), "the model is loaded")) {
    return false;
  }
  bool good = camera.shoot(u"panel-empty"_s);
  window.openFiles({pdf});
  const auto counted = [&controller] { return controller.readFacts().tokens > 0; };
  if (!expect(WindowDriver::waitFor(counted, minutes(2)), "the document is counted")) {
    return false;
  }
  controller.readPages(kFirstPage, kLastPage);
  window.document()->openAtPage(kFirstPage + 1);
  const auto halfRead = [&controller] {
    return controller.state() == State::Reading && controller.reading().share > 0.35;
  };
  if (!expect(WindowDriver::waitFor(halfRead, minutes(5)), "a third is read")) {
    return false;
  }
  good = camera.shoot(u"panel-reading"_s) && good;
  if (!expect(driver.waitForState(State::Ready, minutes(10)), "the pages are read")) {
    return false;
  }
  camera.pauseFor(300);
  good = camera.shoot(u"panel-ready"_s) && good;
  QPlainTextEdit* question = window.conversation()->composer()->field();
  question->setPlainText(u"List all that this text says about archive areas, in detail."_s);
  QKeyEvent enter(QEvent::KeyPress, Qt::Key_Return, Qt::NoModifier);
  QCoreApplication::sendEvent(question, &enter);
  const auto answering = [&controller] {
    return controller.state() == State::Answering && controller.stats()->hitRates().size() > 80;
  };
  if (!expect(WindowDriver::waitFor(answering, minutes(5)), "an answer streams")) {
    return false;
  }
  good = camera.shootBoth(u"panel-answering"_s) && good;
  BudgetModel& budget = *controller.budget();
  const QList<BudgetStop> stops = budget.table().stops();
  const qsizetype other = std::max<qsizetype>(budget.currentRow() - 1, 0);
  budget.preview(stops.at(other).bytes);
  window.panel()->bar()->setSliderDown(true);
  window.panel()->bar()->setValue(
      static_cast<int>(stops.at(other).bytes / budget.table().unitBytes()) + 1);
  good = camera.shootBoth(u"panel-budget-moving"_s) && good;
  window.panel()->bar()->setSliderDown(false);
  budget.choose(stops.at(other).bytes);
  WindowDriver::waitFor([&] { return !budget.changing(); }, minutes(1));
  camera.pauseFor(600);
  good = camera.shoot(u"panel-budget-changed"_s) && good;
  budget.undo();
  window.resize(kNarrow);
  camera.pauseFor(600);
  window.actions()[Command::TogglePanel]->setChecked(false);
  window.actions()[Command::TogglePanel]->trigger();
  camera.pauseFor(600);
  good = camera.shoot(u"panel-narrow"_s) && good;
  for (QPushButton* tab : window.panel()->findChildren<QPushButton*>()) {
    if (tab->text() == u"Speed"_s) {
      tab->click();
    }
  }
  camera.pauseFor(300);
  good = camera.shoot(u"panel-narrow-speed"_s) && good;
  window.actions()[Command::TogglePanel]->trigger();
  window.resize(kWide);
  window.actions()[Command::TogglePanel]->trigger();
  good = camera.shoot(u"strip"_s) && good;
  window.resize(1100, 800);
  return camera.shoot(u"panel-medium"_s) && good;
}

bool run(WindowDriver& driver, const QString& pdf, const QString& model, const QDir& out) {
  Camera camera(driver, out);
  ChatController& controller = driver.controller();
  MainWindow& window = driver.window();
  window.resize(kWide);
  window.show();
  controller.start();
  controller.openModel(model);
  if (!expect(driver.waitForState(State::NoDocument, minutes(2)), "the model is loaded")) {
    return false;
  }
  bool good = camera.shootBoth(u"empty"_s);
  window.resize(kNarrow);
  good = camera.shoot(u"empty-narrow"_s) && good;
  window.resize(kWide);

  window.openFiles({pdf});
  const auto tooLong = [&controller] {
    return controller.readFacts().tokens > 0 && controller.readFacts().tooLong() &&
           !controller.notices().isEmpty();
  };
  if (!expect(WindowDriver::waitFor(tooLong, minutes(2)), "the document is too long")) {
    return false;
  }
  good = camera.shootBoth(u"too-long"_s) && good;
  {
    PageRangeDialog dialog(controller, &window);
    dialog.show();
    good = camera.shootWidget(dialog, u"choose-pages"_s) && good;
    dialog.close();
  }

  controller.readPages(kFirstPage, kLastPage);
  window.document()->openAtPage(kFirstPage + 1);
  const auto halfRead = [&controller] {
    return controller.state() == State::Reading && controller.reading().share > 0.35 &&
           !controller.reading().speed.isEmpty();
  };
  if (!expect(WindowDriver::waitFor(halfRead, minutes(5)), "a third is read")) {
    return false;
  }
  good = camera.shootBoth(u"reading"_s) && good;
  if (!expect(driver.waitForState(State::Ready, minutes(10)), "the pages are read")) {
    return false;
  }
  good = camera.shoot(u"ready"_s) && good;

  QPlainTextEdit* question = window.conversation()->composer()->field();
  question->setPlainText(
      u"Explain the archive areas main, contrib and non-free: a list with two sentences for each."_s);
  QKeyEvent enter(QEvent::KeyPress, Qt::Key_Return, Qt::NoModifier);
  QCoreApplication::sendEvent(question, &enter);
  const auto lastText = [&controller] {
    const ChatModel* messages = controller.messages();
    return messages->data(messages->index(messages->rowCount() - 1, 0), ChatModel::TextRole)
        .toString();
  };
  const auto answering = [&] {
    return controller.state() == State::Answering && controller.messages()->rowCount() == 2 &&
           lastText().size() > 260;
  };
  if (!expect(WindowDriver::waitFor(answering, minutes(5)), "an answer streams")) {
    return false;
  }
  good = camera.shootBoth(u"answering"_s) && good;
  window.resize(kNarrow);
  good = camera.shoot(u"narrow"_s) && good;
  window.resize(kWide);
  if (!expect(driver.waitForState(State::Ready, minutes(10)), "the answer ends")) {
    return false;
  }
  window.actions()[Command::ToggleContents]->setChecked(true);
  window.actions()[Command::Find]->trigger();
  window.document()->findChild<QLineEdit*>(u"find"_s)->setText(u"archive area"_s);
  WindowDriver::waitFor([] { return false; }, std::chrono::milliseconds(1500));
  good = camera.shootBoth(u"find-and-contents"_s) && good;
  window.resize(1100, 800);
  good = camera.shoot(u"medium"_s) && good;
  window.resize(kWide);
  {
    SettingsDialog dialog(driver.settings(), &window);
    dialog.show();
    good = camera.shootWidget(dialog, u"settings"_s) && good;
    camera.look(u"dark"_s, true);
    good = camera.shootWidget(dialog, u"settings-dark"_s) && good;
    camera.look(u"light"_s, false);
    dialog.close();
  }
  {
    ShortcutsDialog dialog(window.actions(), &window);
    dialog.show();
    good = camera.shootWidget(dialog, u"shortcuts"_s) && good;
    dialog.close();
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  const QStringList arguments = QApplication::arguments();
  const bool onlyPanel = arguments.size() == 5 && arguments.at(4) == u"panel"_s;
  if (arguments.size() != 4 && !onlyPanel) {
    std::fprintf(stderr, "usage: %s PDF MODEL_FILE OUT_FOLDER [panel]\n", argv[0]);
    return 2;
  }
  const QString model = QFileInfo(arguments.at(2)).absoluteFilePath();
  QDir out(arguments.at(3));
  if (!out.mkpath(u"."_s)) {
    std::fprintf(stderr, "%s cannot be made\n", qPrintable(out.path()));
    return 1;
  }
  WindowDriver driver(QFileInfo(model).path(), [](Settings& settings) {
    settings.set(Setting::Theme, u"light"_s);
    settings.set(Setting::Seed, 7);
  });
  const QString pdf = QFileInfo(arguments.at(1)).absoluteFilePath();
  return (onlyPanel ? runPanel : run)(driver, pdf, model, out) ? 0 : 1;
}
