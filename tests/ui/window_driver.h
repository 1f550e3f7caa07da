// SPDX-License-Identifier: Apache-2.0
// WindowDriver: the whole program over folders of its own, for tests and for the screenshots.
#pragma once

#include "app/chat/chat_controller.h"
#include "app/library/library.h"
#include "app/library/model_catalog.h"
#include "app/library/settings.h"
#include "ui/main_window.h"
#include "ui/style/appearance.h"
#include "ui/style/focus_ring.h"

#include <QDeadlineTimer>
#include <QString>
#include <QTemporaryDir>

#include <chrono>
#include <functional>
#include <memory>

namespace bookwheel {

/// Owns everything main() owns. Nothing of the person's own data is touched.
class WindowDriver {
 public:
  /// `modelFolder`: where the catalog looks. `settings` changes settings before anything is built.
  /// `folder`: of the driver before this one, for a second start of the program; null: a new one.
  explicit WindowDriver(const QString& modelFolder,
                        const std::function<void(Settings&)>& prepare = {},
                        std::shared_ptr<QTemporaryDir> folder = nullptr);

  MainWindow& window() { return *m_window; }
  ChatController& controller() { return *m_controller; }
  Settings& settings() { return m_settings; }
  QString folder() const { return m_folder->path(); }
  std::shared_ptr<QTemporaryDir> sharedFolder() const { return m_folder; }

  /// Runs the event loop until `condition` holds; false if it does not within `limit`.
  static bool waitFor(const std::function<bool()>& condition,
                      std::chrono::milliseconds limit = std::chrono::seconds(30));
  bool waitForState(ChatController::State state,
                    std::chrono::milliseconds limit = std::chrono::seconds(30));

 private:
  std::shared_ptr<QTemporaryDir> m_folder;  // owners: the driver and the one that follows it
  Settings m_settings;
  std::unique_ptr<Appearance> m_appearance;
  FocusRing m_focusRing;
  Library m_library;
  ModelCatalog m_catalog;
  std::unique_ptr<ChatController> m_controller;
  std::unique_ptr<MainWindow> m_window;
};

}  // namespace bookwheel
