// SPDX-License-Identifier: Apache-2.0
// bookwheel: builds the objects of the program and the window, and runs it.
#include "app/chat/chat_controller.h"
#include "app/library/data_folders.h"
#include "app/library/library.h"
#include "app/library/model_catalog.h"
#include "app/library/settings.h"
#include "app/library/single_instance.h"
#include "app/library/size_text.h"
#include "ui/main_window.h"
#include "ui/self_test.h"
#include "ui/style/appearance.h"
#include "ui/style/focus_ring.h"
#include "ui/style/type.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QFileInfo>

#include <cstdio>
#include <optional>

namespace {

using namespace Qt::StringLiterals;

struct CommandLine {
  QStringList files;  // absolute
  std::optional<int> page;
  QString model;
  std::optional<std::int64_t> budget;  // bytes
  bool selfTest = false;
};

/// Ends the program for --help, --version and wrong usage (exit code 2).
CommandLine parse(const QApplication& application) {
  QCommandLineParser parser;
  parser.setApplicationDescription(QApplication::translate(
      "main",
      "Reads a whole document into a local language model and answers questions about it.\n"
      "Example: bookwheel report.pdf --page 12 --model qwen-1.5b"));
  const auto help = parser.addHelpOption();
  const auto version = parser.addVersionOption();
  parser.addPositionalArgument(u"FILE"_s, QApplication::translate("main", "Documents to open."),
                               u"[FILE...]"_s);
  const QCommandLineOption page(u"page"_s,
                                QApplication::translate("main", "Show this page, from 1."), u"N"_s);
  const QCommandLineOption model(
      u"model"_s,
      QApplication::translate("main", "Use this model: a file, or a name in the model folder."),
      u"M"_s);
  const QCommandLineOption budget(
      u"budget"_s,
      QApplication::translate("main",
                              "Memory that model and book may take, such as 6G; remembered."),
      u"SIZE"_s);
  const QCommandLineOption selfTest(
      u"self-test"_s,
      QApplication::translate("main", "Build the window, check its parts, say what was found."));
  parser.addOptions({page, model, budget, selfTest});
  const auto fail = [](const QString& sentence) {
    std::fputs(qPrintable(sentence + u'\n'), stderr);
    std::exit(2);
  };
  if (!parser.parse(application.arguments())) {
    fail(parser.errorText());
  }
  if (parser.isSet(help)) {
    parser.showHelp(0);
  }
  if (parser.isSet(version)) {
    parser.showVersion();
  }
  CommandLine line;
  const QStringList files = parser.positionalArguments();
  for (const QString& file : files) {
    line.files.append(QFileInfo(file).absoluteFilePath());
  }
  if (parser.isSet(page)) {
    bool isNumber = false;
    const int number = parser.value(page).toInt(&isNumber);
    if (!isNumber || number < 1) {
      fail(QApplication::translate("main", "--page takes a number from 1, not \"%1\".")
               .arg(parser.value(page)));
    }
    line.page = number;
  }
  line.model = parser.value(model);
  if (parser.isSet(budget)) {
    line.budget = bookwheel::sizeFromText(parser.value(budget).toStdString());
    if (!line.budget || *line.budget == 0) {
      fail(QApplication::translate("main", "--budget takes a size such as 6G, not \"%1\".")
               .arg(parser.value(budget)));
    }
  }
  line.selfTest = parser.isSet(selfTest);
  return line;
}

/// A file as given, or NAME or NAME.gguf in the model folder; nothing if there is none.
std::optional<QString> findModel(const QString& model, const bookwheel::DataFolders& folders) {
  for (const QString& candidate :
       {model, folders.models + u'/' + model, folders.models + u'/' + model + u".gguf"_s}) {
    if (QFileInfo(candidate).isFile()) {
      return QFileInfo(candidate).absoluteFilePath();
    }
  }
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  QApplication::setApplicationName(u"bookwheel"_s);
  QApplication::setApplicationDisplayName(u"Bookwheel"_s);
  QApplication::setApplicationVersion(QStringLiteral(BOOKWHEEL_VERSION));
  QApplication::setDesktopFileName(u"bookwheel"_s);
  QApplication application(argc, argv);
  const CommandLine line = parse(application);
  if (line.selfTest) {
    return bookwheel::runSelfTest();
  }

  const auto folders = bookwheel::DataFolders::fromEnvironment();
  std::optional<QString> model;
  if (!line.model.isEmpty()) {
    model = findModel(line.model, folders);
    if (!model) {
      std::fputs(qPrintable(QApplication::translate("main",
                                                    "There is no model file \"%1\", neither here "
                                                    "nor in %2.\n")
                                .arg(line.model, folders.models)),
                 stderr);
      return 1;
    }
  }
  bookwheel::makeFolder(folders.data);
  bookwheel::SingleInstance instance(folders);
  if (instance.place() == bookwheel::SingleInstance::Place::Second &&
      instance.handOver(line.files)) {
    return 0;
  }

  bookwheel::makeFolder(folders.config);
  bookwheel::Settings settings(folders.settings());
  bookwheel::loadFonts();
  bookwheel::Appearance appearance(settings);
  bookwheel::FocusRing focusRing;
  bookwheel::Library library(folders.database());
  bookwheel::ModelCatalog catalog(folders.models, settings);
  if (model) {
    settings.set(bookwheel::Setting::ModelPath, *model);
  }
  if (line.budget) {
    settings.set(bookwheel::Setting::MemoryBudget, static_cast<double>(*line.budget));
  }
  bookwheel::ChatController controller(library, settings, catalog, folders.texts());
  bookwheel::MainWindow window(controller, library, settings, catalog, folders.data);
  QObject::connect(&instance, &bookwheel::SingleInstance::filesReceived, &window,
                   [&window](const QStringList& files) {
                     window.comeForward();
                     window.openFiles(files);
                   });
  window.show();
  controller.start();
  window.openFiles(line.files);
  if (line.page) {
    window.showPageWhenOpen(*line.page);
  }
  return QApplication::exec();
}
