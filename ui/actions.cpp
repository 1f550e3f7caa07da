// SPDX-License-Identifier: Apache-2.0
// Actions: every command of the window: its text, its key (rebindable) and what it belongs to.
#include "ui/actions.h"

#include <QAction>
#include <QJsonDocument>
#include <QJsonObject>
#include <QWidget>

namespace bookwheel {

using namespace Qt::StringLiterals;

const QList<CommandRow>& Actions::table() {
  static const QList<CommandRow> rows = {
      {Command::OpenDocument,
       "open-document",
       QT_TR_NOOP("Books and chats"),
       QT_TR_NOOP("Open a document…"),
       {QKeySequence(Qt::CTRL | Qt::Key_O)}},
      {Command::NewChat,
       "new-chat",
       QT_TR_NOOP("Books and chats"),
       QT_TR_NOOP("New chat"),
       {QKeySequence(Qt::CTRL | Qt::Key_N)}},
      {Command::Search,
       "search",
       QT_TR_NOOP("Books and chats"),
       QT_TR_NOOP("Search books and chats"),
       {QKeySequence(Qt::CTRL | Qt::Key_K)}},
      {Command::ExportChat,
       "export-chat",
       QT_TR_NOOP("Books and chats"),
       QT_TR_NOOP("Export this chat…"),
       {QKeySequence(Qt::CTRL | Qt::Key_E)}},
      {Command::CloseBook,
       "close-book",
       QT_TR_NOOP("Books and chats"),
       QT_TR_NOOP("Close the book"),
       {QKeySequence(Qt::CTRL | Qt::Key_W)}},
      {Command::Quit,
       "quit",
       QT_TR_NOOP("Books and chats"),
       QT_TR_NOOP("Quit"),
       {QKeySequence(Qt::CTRL | Qt::Key_Q)}},

      {Command::Find,
       "find",
       QT_TR_NOOP("Document"),
       QT_TR_NOOP("Find in this book"),
       {QKeySequence(Qt::CTRL | Qt::Key_F)}},
      {Command::FindNext,
       "find-next",
       QT_TR_NOOP("Document"),
       QT_TR_NOOP("Next match"),
       {QKeySequence(Qt::Key_F3)}},
      {Command::FindPrevious,
       "find-previous",
       QT_TR_NOOP("Document"),
       QT_TR_NOOP("Previous match"),
       {QKeySequence(Qt::SHIFT | Qt::Key_F3)}},
      {Command::GoToPage,
       "go-to-page",
       QT_TR_NOOP("Document"),
       QT_TR_NOOP("Go to a page"),
       {QKeySequence(Qt::CTRL | Qt::Key_G)}},
      {Command::GoBack,
       "back",
       QT_TR_NOOP("Document"),
       QT_TR_NOOP("Back"),
       {QKeySequence(Qt::ALT | Qt::Key_Left)}},
      {Command::GoForward,
       "forward",
       QT_TR_NOOP("Document"),
       QT_TR_NOOP("Forward"),
       {QKeySequence(Qt::ALT | Qt::Key_Right)}},
      {Command::ToggleContents,
       "contents",
       QT_TR_NOOP("Document"),
       QT_TR_NOOP("Contents"),
       {QKeySequence(Qt::Key_F7)}},
      {Command::ZoomIn,
       "zoom-in",
       QT_TR_NOOP("Document"),
       QT_TR_NOOP("Larger"),
       {QKeySequence(Qt::CTRL | Qt::Key_Plus), QKeySequence(Qt::CTRL | Qt::Key_Equal)}},
      {Command::ZoomOut,
       "zoom-out",
       QT_TR_NOOP("Document"),
       QT_TR_NOOP("Smaller"),
       {QKeySequence(Qt::CTRL | Qt::Key_Minus)}},
      {Command::ZoomReset,
       "zoom-reset",
       QT_TR_NOOP("Document"),
       QT_TR_NOOP("Fit width"),
       {QKeySequence(Qt::CTRL | Qt::Key_0)}},
      {Command::ToggleDarkPages,
       "dark-pages",
       QT_TR_NOOP("Document"),
       QT_TR_NOOP("Dark pages"),
       {}},

      {Command::PauseReading,
       "pause-reading",
       QT_TR_NOOP("Reading and answering"),
       QT_TR_NOOP("Pause or resume reading"),
       {QKeySequence(Qt::CTRL | Qt::Key_Period)}},
      {Command::Stop,
       "stop",
       QT_TR_NOOP("Reading and answering"),
       QT_TR_NOOP("Stop"),
       {QKeySequence(Qt::Key_Escape)}},
      {Command::ShowModels,
       "models",
       QT_TR_NOOP("Reading and answering"),
       QT_TR_NOOP("Choose a model…"),
       {QKeySequence(Qt::CTRL | Qt::Key_M)}},

      {Command::ShowMenu,
       "menu",
       QT_TR_NOOP("Window"),
       QT_TR_NOOP("Menu"),
       {QKeySequence(Qt::Key_F10)}},
      {Command::ToggleShelf,
       "shelf",
       QT_TR_NOOP("Window"),
       QT_TR_NOOP("Side bar"),
       {QKeySequence(Qt::CTRL | Qt::Key_B)}},
      {Command::TogglePanel,
       "panel",
       QT_TR_NOOP("Window"),
       QT_TR_NOOP("Memory and speed"),
       {QKeySequence(Qt::Key_F8)}},
      {Command::CopyFigures,
       "copy-figures",
       QT_TR_NOOP("Window"),
       QT_TR_NOOP("Copy memory and speed as text"),
       {}},
      {Command::SaveFigures,
       "save-figures",
       QT_TR_NOOP("Window"),
       QT_TR_NOOP("Save memory and speed as CSV…"),
       {}},
      {Command::NextPane,
       "next-pane",
       QT_TR_NOOP("Window"),
       QT_TR_NOOP("Next pane"),
       {QKeySequence(Qt::Key_F6)}},
      {Command::PreviousPane,
       "previous-pane",
       QT_TR_NOOP("Window"),
       QT_TR_NOOP("Previous pane"),
       {QKeySequence(Qt::SHIFT | Qt::Key_F6)}},
      {Command::FullScreen,
       "full-screen",
       QT_TR_NOOP("Window"),
       QT_TR_NOOP("Full screen"),
       {QKeySequence(Qt::Key_F11)}},
      {Command::OpenSettings,
       "settings",
       QT_TR_NOOP("Window"),
       QT_TR_NOOP("Settings…"),
       {QKeySequence(Qt::CTRL | Qt::Key_Comma)}},
      {Command::ShowShortcuts,
       "shortcuts",
       QT_TR_NOOP("Window"),
       QT_TR_NOOP("Keyboard shortcuts…"),
       {QKeySequence(Qt::Key_F1)}},
      {Command::About, "about", QT_TR_NOOP("Window"), QT_TR_NOOP("About Bookwheel"), {}},
  };
  return rows;
}

Actions::Actions(QWidget& window, Settings& settings) : QObject(&window), m_settings(settings) {
  for (const CommandRow& row : table()) {
    auto* action = new QAction(tr(row.text), this);
    action->setObjectName(QLatin1StringView(row.name));
    action->setShortcutContext(Qt::WindowShortcut);
    window.addAction(action);
    m_actions.insert(row.command, action);
  }
  for (const Command command :
       {Command::ToggleShelf, Command::ToggleContents, Command::ToggleDarkPages,
        Command::TogglePanel, Command::FullScreen}) {
    m_actions[command]->setCheckable(true);
  }
  connect(&m_settings, &Settings::changed, this, [this](Setting setting) {
    if (setting == Setting::Shortcuts) {
      applyKeys();
    }
  });
  applyKeys();
}

QAction* Actions::operator[](Command command) const { return m_actions.value(command); }

QString Actions::keyText(Command command) const {
  return m_actions.value(command)->shortcut().toString(QKeySequence::NativeText);
}

void Actions::applyKeys() {
  const QJsonObject chosen =
      QJsonDocument::fromJson(m_settings.text(Setting::Shortcuts).toUtf8()).object();
  for (const CommandRow& row : table()) {
    const QJsonValue own = chosen.value(QLatin1StringView(row.name));
    m_actions.value(row.command)
        ->setShortcuts(own.isString()
                           ? QList{QKeySequence(own.toString(), QKeySequence::PortableText)}
                           : row.keys);
  }
}

void Actions::rebind(Command command, const QKeySequence& keys) {
  QJsonObject chosen =
      QJsonDocument::fromJson(m_settings.text(Setting::Shortcuts).toUtf8()).object();
  for (const CommandRow& row : table()) {
    if (row.command == command) {
      chosen.insert(QLatin1StringView(row.name), keys.toString(QKeySequence::PortableText));
    }
  }
  m_settings.set(Setting::Shortcuts,
                 QString::fromUtf8(QJsonDocument(chosen).toJson(QJsonDocument::Compact)));
}

void Actions::reset(Command command) {
  QJsonObject chosen =
      QJsonDocument::fromJson(m_settings.text(Setting::Shortcuts).toUtf8()).object();
  for (const CommandRow& row : table()) {
    if (row.command == command) {
      chosen.remove(QLatin1StringView(row.name));
    }
  }
  m_settings.set(Setting::Shortcuts,
                 QString::fromUtf8(QJsonDocument(chosen).toJson(QJsonDocument::Compact)));
}

std::optional<Command> Actions::holder(const QKeySequence& keys, Command except) const {
  if (keys.isEmpty()) {
    return std::nullopt;
  }
  for (const CommandRow& row : table()) {
    if (row.command != except && m_actions.value(row.command)->shortcuts().contains(keys)) {
      return row.command;
    }
  }
  return std::nullopt;
}

}  // namespace bookwheel
