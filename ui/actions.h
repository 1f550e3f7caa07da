// SPDX-License-Identifier: Apache-2.0
// Actions: every command of the window: its text, its key (rebindable) and what it belongs to.
#pragma once

#include "app/library/settings.h"

#include <QHash>
#include <QKeySequence>
#include <QList>
#include <QObject>
#include <QString>

#include <optional>

class QAction;
class QWidget;

namespace bookwheel {

enum class Command {
  OpenDocument,
  NewChat,
  CloseBook,
  ExportChat,
  OpenSettings,
  ShowModels,
  ShowShortcuts,
  About,
  Quit,
  Find,
  FindNext,
  FindPrevious,
  Search,
  GoBack,
  GoForward,
  GoToPage,
  ToggleShelf,
  ToggleContents,
  ToggleDarkPages,
  TogglePanel,
  CopyFigures,
  SaveFigures,
  ZoomIn,
  ZoomOut,
  ZoomReset,
  FullScreen,
  NextPane,
  PreviousPane,
  Stop,
  PauseReading,
  ShowMenu,
};

/// One command as the shortcut dialog lists it.
struct CommandRow {
  Command command;
  const char* name;   ///< in the settings
  const char* group;  ///< heading in the shortcut dialog, translatable
  const char* text;   ///< of the action, translatable
  QList<QKeySequence> keys;
};

/// Owns one QAction for each command and adds them to the window, so their keys work everywhere in
/// it. Keys come from the table unless Setting::Shortcuts names others; follows changes of it.
class Actions : public QObject {
  Q_OBJECT
 public:
  Actions(QWidget& window, Settings& settings);

  QAction* operator[](Command command) const;
  static const QList<CommandRow>& table();
  QString keyText(Command command) const;

  /// Empty keys take the key away; the table's keys are restored by reset().
  void rebind(Command command, const QKeySequence& keys);
  void reset(Command command);
  /// The other command that has this key now, or nothing.
  std::optional<Command> holder(const QKeySequence& keys, Command except) const;

 private:
  void applyKeys();

  Settings& m_settings;
  QHash<Command, QAction*> m_actions;
};

}  // namespace bookwheel
