// SPDX-License-Identifier: Apache-2.0
// MainWindow: puts the panes together: shelf, document, conversation, strip; no logic of its own.
#include "ui/main_window.h"

#include "app/chat/chat_controller.h"
#include "app/chat/panel_report.h"
#include "app/documents/document.h"
#include "app/documents/import_client.h"
#include "app/library/model_catalog.h"
#include "app/library/settings.h"
#include "ui/conversation/composer.h"
#include "ui/conversation/conversation_view.h"
#include "ui/conversation/message_list.h"
#include "ui/dialogs/models_dialog.h"
#include "ui/dialogs/page_range_dialog.h"
#include "ui/dialogs/settings_dialog.h"
#include "ui/dialogs/shortcuts_dialog.h"
#include "ui/dialogs/text_dialog.h"
#include "ui/drop_overlay.h"
#include "ui/header_bar.h"
#include "ui/panel/cache_panel.h"
#include "ui/panel/painted_chart.h"
#include "ui/panel/status_strip.h"
#include "ui/panes.h"
#include "ui/reader/document_view.h"
#include "ui/search_field.h"
#include "ui/shelf/shelf_view.h"
#include "ui/start/start_page.h"
#include "ui/style/controls.h"
#include "ui/style/icons.h"
#include "ui/style/theme.h"

#include <QAccessible>
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QCloseEvent>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenu>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSaveFile>
#include <QScreen>
#include <QToolBar>
#include <QVBoxLayout>

#include <algorithm>
#include <functional>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr QSize kSmallest(720, 560);
constexpr QSize kFirstSize(1440, 900);

QStringList localFiles(const QMimeData& data) {
  QStringList files;
  for (const QUrl& url : data.urls()) {
    if (url.isLocalFile()) {
      files.append(url.toLocalFile());
    }
  }
  return files;
}

}  // namespace

MainWindow::MainWindow(ChatController& controller, Library& library, Settings& settings,
                       ModelCatalog& catalog, const QString& dataFolder)
    : m_controller(controller),
      m_settings(settings),
      m_catalog(catalog),
      m_actions(*this, settings),
      m_search(new SearchField(library)),
      m_header(new HeaderBar(controller, m_actions, m_search)),
      m_shelf(new ShelfView(controller, m_actions)),
      m_start(new StartPage(controller, catalog, m_actions, dataFolder)),
      m_document(new DocumentView(controller, settings, m_actions)),
      m_conversation(new ConversationView(controller, m_actions)),
      m_strip(new StatusStrip(*controller.stats(), *controller.budget(),
                              m_actions[Command::TogglePanel])),
      m_panel(new CachePanel(*controller.stats(), *controller.budget(), m_actions)),
      m_panes(new Panes(m_shelf, m_start, m_document, m_conversation, settings)) {
  installPanelAccessibility();
  setWindowIcon(applicationIcon());
  setMinimumSize(kSmallest);
  setAcceptDrops(true);
  setContextMenuPolicy(Qt::NoContextMenu);

  auto* bar = new QToolBar;
  bar->setMovable(false);
  bar->setFloatable(false);
  bar->setObjectName(u"header"_s);
  bar->setWindowTitle(tr("Header"));
  bar->setBackgroundRole(QPalette::Window);
  bar->addWidget(m_header);
  m_header->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  addToolBar(Qt::TopToolBarArea, bar);

  setCentralWidget(m_panes);

  auto* dock = new QDockWidget(tr("Memory and speed"));
  dock->setObjectName(u"memory-and-speed"_s);
  dock->setTitleBarWidget(new QWidget(dock));
  dock->setFeatures(QDockWidget::NoDockWidgetFeatures);
  auto* bottom = new QWidget;
  auto* bottomRows = new QVBoxLayout(bottom);
  bottomRows->setContentsMargins(0, 0, 0, 0);
  bottomRows->setSpacing(0);
  bottomRows->addWidget(m_strip);
  bottomRows->addWidget(m_panel);
  m_panel->hide();
  dock->setWidget(bottom);
  addDockWidget(Qt::BottomDockWidgetArea, dock);

  m_dropOverlay = new DropOverlay(this);
  m_search->setKeyText(m_actions.keyText(Command::Search));

  connectActions();
  connect(m_search, &SearchField::chosen, this, &MainWindow::takeHit);
  connect(m_shelf, &ShelfView::expandRequested, m_panes, [this] { m_panes->setShelfOpen(true); });
  connect(m_panes, &Panes::narrowChanged, m_header, &HeaderBar::setNarrow);
  connect(m_panes, &Panes::narrowChanged, m_strip, &StatusStrip::setNarrow);
  connect(m_panes, &Panes::shelfOpenChanged, m_actions[Command::ToggleShelf], &QAction::setChecked);
  connect(m_panes, &Panes::panelOpenChanged, this, &MainWindow::placePanel);
  connect(m_start, &StartPage::wayChosen, this, &MainWindow::performWay);
  connect(m_start, &StartPage::modelFileRequested, this, &MainWindow::openModelDialog);
  connect(m_conversation, &ConversationView::wayChosen, this, &MainWindow::performWay);
  connect(m_conversation, &ConversationView::pageRangeRequested, this, &MainWindow::choosePages);
  connect(&controller, &ChatController::stateChanged, this, &MainWindow::refresh);
  connect(&controller, &ChatController::documentChanged, this, &MainWindow::refresh);
  connect(&controller, &ChatController::documentChanged, this, [this] {
    if (m_wantedPage && m_controller.document() != nullptr) {
      // After the place where the person was last, which is restored in the same turn.
      QMetaObject::invokeMethod(
          this, [this] { showPageWhenOpen(m_wantedPage.value_or(1)); }, Qt::QueuedConnection);
    }
  });
  connect(&controller, &ChatController::headerChanged, this, &MainWindow::refresh);
  connect(&controller, &ChatController::announced, this, &MainWindow::announce);
  connect(&controller, &ChatController::composerChanged, this, &MainWindow::takeFocusForBook);
  qApp->installEventFilter(this);

  const QByteArray geometry =
      QByteArray::fromBase64(settings.text(Setting::WindowGeometry).toLatin1());
  if (geometry.isEmpty() || !restoreGeometry(geometry)) {
    const QSize room = screen() != nullptr ? screen()->availableSize() : kFirstSize;
    resize(kFirstSize.boundedTo(room));
  }
  m_panes->arrange(size());
  refresh();
}

MainWindow::~MainWindow() { qApp->removeEventFilter(this); }

void MainWindow::connectActions() {
  const auto on = [this](Command command, auto slot) {
    connect(m_actions[command], &QAction::triggered, this, slot);
  };
  on(Command::OpenDocument, [this] { openDocumentDialog(); });
  on(Command::NewChat, [this] {
    m_controller.newChat();
    m_conversation->composer()->field()->setFocus(Qt::ShortcutFocusReason);
  });
  on(Command::CloseBook, [this] { m_controller.closeBook(); });
  on(Command::ExportChat, [this] { exportChat(); });
  on(Command::OpenSettings, [this] { showSettings(); });
  on(Command::ShowModels, [this] { showModels(); });
  on(Command::ShowShortcuts, [this] { showShortcuts(); });
  on(Command::About, [this] { showAbout(); });
  on(Command::Quit, [this] { close(); });
  on(Command::Search, [this] {
    m_search->openOver(m_search->isVisible() ? static_cast<QWidget*>(m_search)
                                             : m_header->searchButton());
  });
  on(Command::ToggleShelf, [this](bool open) { m_panes->setShelfOpen(open); });
  on(Command::TogglePanel, [this](bool open) {
    const bool hadFocus = m_panel->isAncestorOf(QApplication::focusWidget());
    m_panes->setPanelOpen(open);
    if (open) {
      m_panel->takeFocus();
    } else if (hadFocus && m_panes->showsBook()) {
      m_conversation->composer()->field()->setFocus(Qt::OtherFocusReason);
    }
  });
  on(Command::CopyFigures, [this] {
    QApplication::clipboard()->setText(panelAsText(*m_controller.stats(), *m_controller.budget()));
  });
  on(Command::SaveFigures, [this] { saveFigures(); });
  on(Command::FullScreen, [this](bool full) { full ? showFullScreen() : showNormal(); });
  on(Command::NextPane, [this] { movePane(1); });
  on(Command::PreviousPane, [this] { movePane(-1); });
  on(Command::Stop, [this] { m_controller.stop(); });
  on(Command::PauseReading, [this] {
    if (m_controller.reading().canPause) {
      m_controller.pauseReading();
    } else if (m_controller.reading().canResume) {
      m_controller.resumeReading();
    }
  });
  on(Command::ShowMenu, [this] { showMenu(); });
}

void MainWindow::refresh() {
  using State = ChatController::State;
  const State state = m_controller.state();
  const bool book = m_controller.book() != 0 || m_controller.document() != nullptr;
  m_panes->showBook(book);
  placePanel();
  const QString title = m_controller.title();
  setWindowTitle(book ? tr("%1 - Bookwheel").arg(title) : tr("Bookwheel"));
  m_actions[Command::Stop]->setEnabled(state == State::Answering || state == State::Reading ||
                                       state == State::Importing);
  const ReadingView& reading = m_controller.reading();
  m_actions[Command::PauseReading]->setEnabled(reading.canPause || reading.canResume);
  for (const Command command : {Command::CloseBook, Command::Find, Command::FindNext,
                                Command::FindPrevious, Command::GoToPage, Command::ToggleContents,
                                Command::ZoomIn, Command::ZoomOut, Command::ZoomReset}) {
    m_actions[command]->setEnabled(book);
  }
  if (book != m_hadBook) {
    m_hadBook = book;
    m_wantsComposer = book;
    if (isVisible() && book) {
      m_document->reader()->setFocus(Qt::OtherFocusReason);
      takeFocusForBook();
    } else if (isVisible()) {
      m_start->takeFocus();
    }
  }
}

void MainWindow::takeFocusForBook() {
  QPlainTextEdit* field = m_conversation->composer()->field();
  const QWidget* focused = QApplication::focusWidget();
  if (!m_wantsComposer || !field->isEnabled()) {
    return;
  }
  m_wantsComposer = false;
  if (focused == nullptr || focused == m_document->reader()) {
    field->setFocus(Qt::OtherFocusReason);
  }
}

void MainWindow::resizeEvent(QResizeEvent* event) {
  QMainWindow::resizeEvent(event);
  m_dropOverlay->setGeometry(rect());
  m_panes->arrange(size());
}

void MainWindow::closeEvent(QCloseEvent* event) {
  m_settings.set(Setting::WindowGeometry, QString::fromLatin1(saveGeometry().toBase64()));
  event->accept();
}

void MainWindow::showEvent(QShowEvent* event) {
  QMainWindow::showEvent(event);
  if (QApplication::focusWidget() == nullptr || QApplication::focusWidget()->window() != this) {
    if (!m_panes->showsBook()) {
      m_start->takeFocus();
    } else {
      m_conversation->composer()->field()->setFocus(Qt::OtherFocusReason);
    }
  }
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (!localFiles(*event->mimeData()).isEmpty()) {
    event->acceptProposedAction();
    m_dropOverlay->setGeometry(rect());
    m_dropOverlay->show();
    m_dropOverlay->raise();
  }
}

void MainWindow::dragLeaveEvent(QDragLeaveEvent*) { m_dropOverlay->hide(); }

void MainWindow::dropEvent(QDropEvent* event) {
  m_dropOverlay->hide();
  openFiles(localFiles(*event->mimeData()));
  event->acceptProposedAction();
}

bool MainWindow::eventFilter(QObject* watched, QEvent* event) {
  // Esc belongs to what is open inside the window first; only then does it stop the work.
  if (event->type() == QEvent::ShortcutOverride &&
      static_cast<QKeyEvent*>(event)->key() == Qt::Key_Escape) {
    for (QObject* at = watched; at != nullptr; at = at->parent()) {
      if (at->property(kTakesEscape).toBool()) {
        event->accept();
        return true;
      }
    }
  }
  return QMainWindow::eventFilter(watched, event);
}

void MainWindow::openFiles(const QStringList& files) {
  for (const QString& file : files) {
    m_controller.open(file);
  }
}

void MainWindow::showPageWhenOpen(int page) {
  m_wantedPage = page;
  if (m_controller.document() != nullptr) {
    m_document->openAtPage(std::min(page, m_controller.document()->pageCount()) - 1);
    m_wantedPage.reset();
  }
}

void MainWindow::comeForward() {
  setWindowState(windowState() & ~Qt::WindowMinimized);
  show();
  raise();
  activateWindow();
}

void MainWindow::openDocumentDialog() {
  QStringList patterns;
  const QStringList suffixes = documentSuffixes();
  for (const QString& suffix : suffixes) {
    patterns.append(u"*."_s + suffix);
  }
  const QString file = QFileDialog::getOpenFileName(
      this, tr("Open a document"), m_settings.text(Setting::LastFolder),
      tr("Documents (%1);;All files (*)").arg(patterns.join(u' ')));
  if (!file.isEmpty()) {
    m_settings.set(Setting::LastFolder, QFileInfo(file).absolutePath());
    m_controller.open(file);
  }
}

void MainWindow::openModelDialog() {
  const QString file = QFileDialog::getOpenFileName(
      this, tr("Open a model file"), m_catalog.folder(), tr("Model files (*.gguf);;All files (*)"));
  if (!file.isEmpty()) {
    m_catalog.addFile(file);
    m_controller.openModel(file);
  }
}

void MainWindow::showModels() {
  ModelsDialog dialog(m_controller, m_catalog, this);
  bool other = false;
  connect(&dialog, &ModelsDialog::modelFileRequested, this, [&other] { other = true; });
  dialog.exec();
  if (other) {
    openModelDialog();
  }
}

void MainWindow::showSettings() {
  SettingsDialog dialog(m_settings, this);
  bool shortcuts = false;
  connect(&dialog, &SettingsDialog::shortcutsRequested, this, [&shortcuts] { shortcuts = true; });
  dialog.exec();
  if (shortcuts) {
    showShortcuts();
  }
}

void MainWindow::showShortcuts() {
  ShortcutsDialog dialog(m_actions, this);
  dialog.exec();
  m_search->setKeyText(m_actions.keyText(Command::Search));
}

void MainWindow::say(const QString& title, const QString& sentence) {
  TextDialog dialog(title, sentence, this);
  dialog.exec();
}

void MainWindow::showAbout() {
  say(tr("Bookwheel %1").arg(QStringLiteral(BOOKWHEEL_VERSION)),
      tr("A local language model reads a whole document and answers questions about it. Nothing "
         "leaves this computer.\n\nBookwheel is free software under the Apache License 2.0. Its "
         "font is made from Inter, under the SIL Open Font License 1.1."));
}

void MainWindow::showMenu() {
  QMenu menu(this);
  menu.addAction(m_actions[Command::OpenDocument]);
  menu.addAction(m_actions[Command::NewChat]);
  menu.addAction(m_actions[Command::Search]);
  menu.addAction(m_actions[Command::ExportChat]);
  menu.addAction(m_actions[Command::CloseBook]);
  menu.addSeparator();
  menu.addAction(m_actions[Command::Find]);
  menu.addAction(m_actions[Command::GoToPage]);
  menu.addAction(m_actions[Command::ToggleContents]);
  menu.addAction(m_actions[Command::ToggleDarkPages]);
  menu.addAction(m_actions[Command::ZoomIn]);
  menu.addAction(m_actions[Command::ZoomOut]);
  menu.addAction(m_actions[Command::ZoomReset]);
  menu.addSeparator();
  menu.addAction(m_actions[Command::PauseReading]);
  menu.addAction(m_actions[Command::ShowModels]);
  menu.addSeparator();
  menu.addAction(m_actions[Command::ToggleShelf]);
  menu.addAction(m_actions[Command::TogglePanel]);
  menu.addAction(m_actions[Command::FullScreen]);
  menu.addAction(m_actions[Command::OpenSettings]);
  menu.addAction(m_actions[Command::ShowShortcuts]);
  menu.addAction(m_actions[Command::About]);
  menu.addSeparator();
  menu.addAction(m_actions[Command::Quit]);
  QPushButton* button = m_header->menuButton();
  menu.exec(button->mapToGlobal(QPoint(0, button->height() + 4)));
}

void MainWindow::choosePages() {
  PageRangeDialog dialog(m_controller, this);
  if (dialog.exec() == QDialog::Accepted) {
    m_controller.readPages(dialog.range().first, dialog.range().last);
  }
}

void MainWindow::exportChat() {
  QString name = m_controller.chatTitle();
  name.replace(u'/', u'-');
  const QString file = QFileDialog::getSaveFileName(
      this, tr("Export this chat"), m_settings.text(Setting::LastFolder) + u"/%1.md"_s.arg(name),
      tr("Markdown (*.md)"));
  if (file.isEmpty()) {
    return;
  }
  QSaveFile out(file);
  const QByteArray text = m_controller.chatAsMarkdown().toUtf8();
  if (!out.open(QIODevice::WriteOnly) || out.write(text) != text.size() || !out.commit()) {
    say(tr("The chat was not exported"),
        tr("%1 could not be written: %2. The chat is still here; choose another folder.")
            .arg(file, out.errorString()));
  }
}

void MainWindow::placePanel() {
  const bool open = m_panes->isPanelOpen();
  const bool covers = open && m_panes->isNarrow() && m_panes->showsBook();
  m_actions[Command::TogglePanel]->setChecked(open);
  if (covers) {
    m_panes->coverDocument(m_panel);
  } else {
    m_panes->coverDocument(nullptr);
    m_strip->parentWidget()->layout()->addWidget(m_panel);
    m_panel->setVisible(open);
  }
  m_strip->setVisible(!open || covers);
}

void MainWindow::saveFigures() {
  const QString file = QFileDialog::getSaveFileName(
      this, tr("Save memory and speed"),
      m_settings.text(Setting::LastFolder) + u"/bookwheel-figures.csv"_s, tr("CSV (*.csv)"));
  if (file.isEmpty()) {
    return;
  }
  QSaveFile out(file);
  const QByteArray csv = panelAsCsv(*m_controller.stats(), *m_controller.budget());
  if (!out.open(QIODevice::WriteOnly) || out.write(csv) != csv.size() || !out.commit()) {
    say(tr("The figures were not saved"),
        tr("%1 could not be written: %2. Choose another folder.").arg(file, out.errorString()));
  }
}

void MainWindow::performWay(int, const NoticeWay& way) {
  switch (way.action) {
    case NoticeAction::ChoosePages:
      choosePages();
      break;
    case NoticeAction::ChooseModel:
      showModels();
      break;
    case NoticeAction::OpenModelFile:
      openModelDialog();
      break;
    case NoticeAction::OpenDocument:
    case NoticeAction::LocateFile:
      openDocumentDialog();
      break;
    default:
      break;  // the notice list gives all others to the controller itself
  }
}

void MainWindow::takeHit(const SearchHit& hit) {
  if (hit.book != m_controller.book()) {
    m_controller.openBook(hit.book);
  }
  if (hit.chat != 0) {
    m_controller.selectChat(hit.chat);
    const int row = m_controller.messages()->rowOf(hit.message);
    if (row >= 0) {
      MessageList* list = m_conversation->messages();
      list->setFocus(Qt::OtherFocusReason);
      list->setCurrentIndex(list->model()->index(row, 0));
      list->scrollTo(list->currentIndex(), QAbstractItemView::PositionAtTop);
      return;
    }
  }
  m_conversation->composer()->field()->setFocus(Qt::OtherFocusReason);
}

void MainWindow::movePane(int step) {
  struct Pane {
    QWidget* area;
    std::function<void()> focus;
  };
  QList<Pane> panes{{m_shelf, [this] { m_shelf->takeFocus(); }}};
  if (m_panes->showsBook()) {
    QWidget* field = m_conversation->composer()->field();
    panes.append({m_document, [this] { m_document->reader()->setFocus(Qt::ShortcutFocusReason); }});
    panes.append({m_conversation->messages(),
                  [this] { m_conversation->messages()->setFocus(Qt::ShortcutFocusReason); }});
    panes.append({m_conversation->composer(), [this, field] {
                    if (field->isEnabled()) {
                      field->setFocus(Qt::ShortcutFocusReason);
                    } else {
                      m_shelf->takeFocus();
                    }
                  }});
  } else {
    panes.append({m_start, [this] { m_start->takeFocus(); }});
  }
  if (m_panes->isPanelOpen()) {
    const bool covers = m_panes->isNarrow() && m_panes->showsBook();
    const Pane panel{m_panel, [this] { m_panel->takeFocus(); }};
    if (covers) {
      panes[1] = panel;  // in the place of the document
    } else {
      panes.append(panel);
    }
  }
  const QWidget* focused = QApplication::focusWidget();
  qsizetype now = step > 0 ? -1 : panes.size();
  for (qsizetype i = 0; i < panes.size(); ++i) {
    const QWidget* area = panes.at(i).area;
    if (focused != nullptr && (area == focused || area->isAncestorOf(focused))) {
      now = i;
    }
  }
  const qsizetype next = (now + step + panes.size()) % panes.size();
  panes.at(next).focus();
}

void MainWindow::announce(const QString& sentence) {
  m_strip->setAccessibleDescription(sentence);
  QAccessibleEvent event(m_strip, QAccessible::Alert);
  QAccessible::updateAccessibility(&event);
}

}  // namespace bookwheel
