// SPDX-License-Identifier: Apache-2.0
// WindowDriver: the whole program over folders of its own, for tests and for the screenshots.
#include "tests/ui/window_driver.h"

#include "ui/style/type.h"

#include <QCoreApplication>
#include <QEventLoop>
#include <QTimer>

#include <utility>

namespace bookwheel {

using namespace Qt::StringLiterals;

WindowDriver::WindowDriver(const QString& modelFolder,
                           const std::function<void(Settings&)>& prepare,
                           std::shared_ptr<QTemporaryDir> folder)
    : m_folder(folder ? std::move(folder) : std::make_shared<QTemporaryDir>()),
      m_settings(m_folder->filePath(u"settings.json"_s)),
      m_library(m_folder->filePath(u"library.sqlite"_s)),
      m_catalog(modelFolder, m_settings) {
  loadFonts();
  if (prepare) {
    prepare(m_settings);
  }
  m_appearance = std::make_unique<Appearance>(m_settings);
  m_controller = std::make_unique<ChatController>(m_library, m_settings, m_catalog,
                                                  m_folder->filePath(u"texts"_s));
  m_window = std::make_unique<MainWindow>(*m_controller, m_library, m_settings, m_catalog,
                                          m_folder->path());
}

bool WindowDriver::waitFor(const std::function<bool()>& condition,
                           std::chrono::milliseconds limit) {
  const QDeadlineTimer deadline(limit);
  while (!condition()) {
    if (deadline.hasExpired()) {
      return false;
    }
    QCoreApplication::processEvents(QEventLoop::AllEvents, 20);
    QEventLoop turn;
    QTimer::singleShot(5, &turn, &QEventLoop::quit);
    turn.exec();
  }
  return true;
}

bool WindowDriver::waitForState(ChatController::State state, std::chrono::milliseconds limit) {
  return waitFor([this, state] { return m_controller->state() == state; }, limit);
}

}  // namespace bookwheel
