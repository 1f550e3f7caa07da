// SPDX-License-Identifier: Apache-2.0
// MainWindow: puts the panes together: shelf, document, conversation, strip; no logic of its own.
#pragma once

#include "app/chat/notice.h"
#include "app/library/library.h"
#include "ui/actions.h"

#include <QMainWindow>

#include <optional>

namespace bookwheel {

class CachePanel;
class ChatController;
class ConversationView;
class DocumentView;
class HeaderBar;
class ModelCatalog;
class Panes;
class SearchField;
class Settings;
class ShelfView;
class StartPage;
class StatusStrip;

/// The program's one window: header, panes, strip and what the commands do.
class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  /// All must outlive the window. `dataFolder`: whose disk the start page tells about.
  MainWindow(ChatController& controller, Library& library, Settings& settings,
             ModelCatalog& catalog, const QString& dataFolder);
  ~MainWindow() override;

  Actions& actions() { return m_actions; }
  DocumentView* document() const { return m_document; }
  ConversationView* conversation() const { return m_conversation; }
  CachePanel* panel() const { return m_panel; }
  /// Opens each file; the last one stays open.
  void openFiles(const QStringList& files);
  /// Shows page `page` (from 1) of the document that is open, or of the next one that opens.
  void showPageWhenOpen(int page);
  /// Restores, raises and activates: another launch of the program asked for it.
  void comeForward();

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void closeEvent(QCloseEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dragLeaveEvent(QDragLeaveEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;
  QMenu* createPopupMenu() override { return nullptr; }

 private:
  void connectActions();
  void refresh();
  /// A book was opened: the question can be written as soon as the field takes it.
  void takeFocusForBook();
  void openDocumentDialog();
  void openModelDialog();
  void showModels();
  void showSettings();
  void showShortcuts();
  void showAbout();
  void showMenu();
  void choosePages();
  void exportChat();
  /// In the dock in the place of the strip, or above the conversation where it is narrow.
  void placePanel();
  void saveFigures();
  void performWay(int noticeId, const NoticeWay& way);
  void takeHit(const SearchHit& hit);
  void movePane(int step);
  void announce(const QString& sentence);
  void say(const QString& title, const QString& sentence);

  ChatController& m_controller;
  Settings& m_settings;
  ModelCatalog& m_catalog;
  Actions m_actions;
  SearchField* m_search;
  HeaderBar* m_header;
  ShelfView* m_shelf;
  StartPage* m_start;
  DocumentView* m_document;
  ConversationView* m_conversation;
  StatusStrip* m_strip;
  CachePanel* m_panel;
  Panes* m_panes;
  QWidget* m_dropOverlay;
  bool m_hadBook = false;
  bool m_wantsComposer = false;
  std::optional<int> m_wantedPage;
};

}  // namespace bookwheel
