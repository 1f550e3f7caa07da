// SPDX-License-Identifier: Apache-2.0
// The installed program's own check: can it draw, keep and parse here?
#include "ui/self_test.h"

#include "app/chat/chat_controller.h"
#include "app/documents/import_client.h"
#include "app/library/data_folders.h"
#include "app/library/library.h"
#include "app/library/model_catalog.h"
#include "app/library/settings.h"
#include "ui/main_window.h"
#include "ui/style/appearance.h"
#include "ui/style/theme.h"
#include "ui/style/type.h"

#include <QFontInfo>
#include <QImage>

#include <cstdio>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

bool report(const char* what, bool good, const QString& detail = {}) {
  std::printf("%-4s %s%s%s\n", good ? "ok" : "FAIL", what, detail.isEmpty() ? "" : ": ",
              qPrintable(detail));
  return good;
}

}  // namespace

int runSelfTest() {
  bool good = true;
  good = report("fonts", loadFonts() && QFontInfo(font(Type::Row)).family() == u"Bookwheel UI"_s) &&
         good;
  const QString helper = findImportHelper();
  good = report("import helper", !helper.isEmpty(), helper) && good;
  Settings settings{QString()};
  Library library(u":memory:"_s);
  good = report("SQLite", library.saveProblem().isEmpty(), library.saveProblem()) && good;
  Appearance appearance(settings);
  const DataFolders folders = DataFolders::fromEnvironment();
  ModelCatalog catalog(folders.models, settings);
  ChatController controller(library, settings, catalog, QString());
  MainWindow window(controller, library, settings, catalog, folders.data);
  window.setAttribute(Qt::WA_DontShowOnScreen);
  window.show();
  for (const QString& choice : {u"light"_s, u"dark"_s}) {
    settings.set(Setting::Theme, choice);
    const QImage picture = window.grab().toImage();
    const bool drawn =
        !picture.isNull() && picture.pixelColor(2, picture.height() / 2) == theme().window;
    good = report(choice == u"light"_s ? "light window" : "dark window", drawn) && good;
  }
  return good ? 0 : 1;
}

}  // namespace bookwheel
