// SPDX-License-Identifier: Apache-2.0
// ChatController: opening, closing and removing books, and loading the model.
#include "app/chat/chat_controller_private.h"
#include "app/chat/notices.h"
#include "app/library/computer.h"
#include "app/library/words.h"

#include <QDir>
#include <QFileInfo>
#include <QStringList>

#include <filesystem>

namespace bookwheel {
namespace {

constexpr int kSavePositionMs = 1000;

}  // namespace

ChatController::Private::Private(ChatController& owner, Library& libraryOf, Settings& settingsOf,
                                 ModelCatalog& catalogOf, const QString& textFolder)
    : q(owner),
      library(libraryOf),
      settings(settingsOf),
      catalog(catalogOf),
      shelf(libraryOf),
      chats(libraryOf),
      messages(libraryOf),
      opener(libraryOf, textFolder) {
  connect(&opener, &BookOpener::progressed, this, [this](int done, int total) {
    importDone = done;
    importTotal = total;
    refresh();
  });
  connect(&opener, &BookOpener::passwordNeeded, this, [this](bool wrong) {
    setNotice(notices::password(opener.path(), wrong));
    refresh();
  });
  connect(&opener, &BookOpener::opened, this, &Private::takeBook);
  connect(&opener, &BookOpener::failed, this, [this](const OpenFailure& failure) {
    bookState = BookState::Failed;
    setNotice(notices::openFailed(failure));
    refresh();
  });
  connect(&opener, &BookOpener::textNotKept, this, [this](const QString& sentence) {
    setNotice(notices::textNotKept(sentence));
    refresh();
  });

  connect(&host, &EngineHost::modelLoading, this, [this](double share) {
    modelLoadShare = share;
    Q_EMIT q.modelLoadProgressed(share);
  });
  connect(&host, &EngineHost::modelOpened, this, &Private::takeModel);
  connect(&host, &EngineHost::prefixCounted, this, &Private::takePrefixCount);
  connect(&host, &EngineHost::chatCounted, this, [this](const PromptCount& count) {
    usedTokens = count.tokens;
    countNow();  // if something was typed meanwhile
    refresh();
  });
  connect(&host, &EngineHost::readProgressed, this, &Private::takeReadProgress);
  connect(&host, &EngineHost::readFinished, this, &Private::takeReadResult);
  connect(&host, &EngineHost::answerProgressed, this, &Private::takeAnswerProgress);
  connect(&host, &EngineHost::answerFinished, this, &Private::takeAnswer);
  connect(&host, &EngineHost::failed, this, &Private::takeFailure);

  connect(&library, &Library::saveProblemChanged, this, [this] {
    refreshSavingNotice();
    refresh();
  });
  connect(&catalog, &ModelCatalog::scanned, this, [this] {
    if (modelState == ModelState::None) {
      chooseFirstModel();
    }
  });
  connect(&settings, &Settings::saveFailed, this, [this](const QString& sentence) {
    Notice notice = notices::textNotKept(sentence);
    notice.kind = Notice::Kind::Library;
    setNotice(notice);
    refresh();
  });

  if (!textFolder.isEmpty()) {
    storeFolder = QFileInfo(textFolder).path();
  }
  connectBudget();

  positionTimer.setSingleShot(true);
  positionTimer.setInterval(kSavePositionMs);
  connect(&positionTimer, &QTimer::timeout, this, &Private::savePosition);
  countTimer.setSingleShot(true);
  countTimer.setInterval(200);
  connect(&countTimer, &QTimer::timeout, this, &Private::countNow);
}

ChatController::Private::~Private() {
  breakOffAnswer();
  savePosition();
}

// The model ---------------------------------------------------------------------------------------

void ChatController::Private::start() {
  refreshSavingNotice();
  if (const QString sentence = library.openNotice(); !sentence.isEmpty()) {
    setNotice(notices::library(sentence));
  }
  opener.sweep();
  catalog.rescan();
  const QString chosen = settings.text(Setting::ModelPath);
  if (!chosen.isEmpty() && modelState == ModelState::None) {
    openModel(chosen);
  }
  refresh();
}

void ChatController::Private::chooseFirstModel() {
  const QString path = catalog.suggested();
  if (!path.isEmpty()) {
    openModel(path);
  } else if (catalog.entries().isEmpty()) {
    setNotice(notices::noModelFound(catalog.folder()));
    refresh();
  }
}

void ChatController::Private::openModel(const QString& path) {
  breakOffAnswer();
  host.drop();
  if (modelState == ModelState::Loaded) {
    previousModel = modelPath;
  }
  model.reset();
  modelPath = QFileInfo(path).absoluteFilePath();
  modelState = ModelState::Loading;
  modelLoadShare = 0;
  anchors = {};
  wholeAnchors = {};
  facts = {};
  tokensDone = 0;
  usedTokens = 0;
  readAnyway = false;
  dropPending();
  memory = {};
  engine = {};
  stepCost = {};
  if (document) {
    bookState = BookState::Opened;
  }
  clearNotice(Notice::Kind::Model);
  clearNotice(Notice::Kind::Reading);
  clearNotice(Notice::Kind::Answer);
  stats.clearBook();
  stats.setEngine(engine);
  refreshBudget();
  stats.setStage(CacheStatsModel::Stage::Loading);
  SessionOptions options;
  options.model = std::filesystem::path(QFile::encodeName(modelPath).toStdString());
  options.threads = settings.integer(Setting::Threads);
  placeStore(options);
  host.openModel(options);
  Q_EMIT q.modelChanged();
  refresh();
}

void ChatController::Private::takeModel(const OpenedModel& opened) {
  modelState = ModelState::Loaded;
  shape = opened.shape;
  memory = opened.memory;
  threads = opened.threads;
  LoadedModel loaded;
  loaded.path = modelPath;
  loaded.name = shape.name.empty() ? QFileInfo(modelPath).completeBaseName()
                                   : titleFrom(QString::fromStdString(shape.name));
  loaded.chatFormat = opened.chatFormat;
  loaded.tokenizer = opened.tokenizer;
  loaded.contextTokens = opened.contextTokens;
  loaded.kvBytesPerToken = opened.kvBytesPerToken;
  loaded.weightsBytes = opened.memory.weightsBytes;
  model = loaded;
  modelKey = QStringLiteral("%1, %2 bytes").arg(loaded.name).arg(QFileInfo(modelPath).size());
  settings.set(Setting::ModelPath, modelPath);
  catalog.setCurrent(modelPath);
  if (catalog.rowOf(modelPath) < 0) {
    catalog.addFile(modelPath);
  }
  if (const auto speed = library.modelSpeed(modelKey); speed && speed->decodeTokensPerSecond > 0) {
    catalog.setSpeed(modelPath, speed->decodeTokensPerSecond);
  }
  if (!opened.chatNotice.isEmpty()) {
    setNotice(notices::chatFormat(opened.chatNotice));
  }
  const ComputerFacts computer = readComputer(catalog.folder());
  stats.setComputer(computer.memoryTotalBytes, computer.memoryAvailableBytes);
  stats.setStage(CacheStatsModel::Stage::Idle);
  Q_EMIT q.modelChanged();
  if (document) {
    startCount();
  }
  refresh();
}

// Books -------------------------------------------------------------------------------------------

/// Ends what is going on with the open book; what was written is kept.
void ChatController::Private::leaveBook() {
  breakOffAnswer();
  savePosition();
  dropPending();
  if (host.job() != EngineHost::Job::OpenModel) {
    host.drop();
  }
  opener.cancel();
  record.reset();
  document.reset();
  password.clear();
  fileThere = false;
  anchors = {};
  wholeAnchors = {};
  facts = {};
  tokensDone = 0;
  usedTokens = 0;
  readAnyway = false;
  importDone = 0;
  importTotal = 0;
  chat = 0;
  leaf = 0;
  bookState = BookState::None;
  for (const Notice::Kind kind : {Notice::Kind::Document, Notice::Kind::Warnings,
                                  Notice::Kind::Reading, Notice::Kind::Answer}) {
    clearNotice(kind);
  }
  catalog.setDocumentTokens(0);
  stats.clearBook();
  measuredSpeeds.clear();
  refreshBudget();
  if (modelState == ModelState::Loaded) {
    stats.setStage(CacheStatsModel::Stage::Idle);
  }
}

void ChatController::Private::open(const QString& path) {
  leaveBook();
  bookState = BookState::Opening;
  opener.openFile(path);
  Q_EMIT q.documentChanged();
  selectChat(0);
}

void ChatController::Private::openBook(BookId id) {
  if (record && record->id == id && bookState != BookState::Failed) {
    return;
  }
  const std::optional<BookRecord> found = library.book(id);
  if (!found) {
    return;
  }
  leaveBook();
  record = found;  // the header and the shelf show it at once
  bookState = BookState::Opening;
  opener.openBook(*found);
  Q_EMIT q.documentChanged();
  selectChat(0);
}

void ChatController::Private::takeBook(const OpenedBook& book) {
  clearNotice(Notice::Kind::Document);
  record = book.record;
  document = std::make_shared<const Document>(book.document);
  password = book.password;
  fileThere = book.fileThere;
  bookState = BookState::Opened;
  if (book.story != OpenedBook::Story::Usual) {
    setNotice(notices::story(book));
  }
  if (!document->warnings().isEmpty()) {
    setNotice(notices::warnings(document->warnings()));
  }
  chats.setBook(record->id);
  Q_EMIT q.documentChanged();
  Q_EMIT q.positionRestored(record->position);
  const QList<ChatRecord> known = library.chats(record->id);
  selectChat(known.isEmpty() ? 0 : known.first().id);
  if (modelState == ModelState::Loaded) {
    startCount();
  }
  refresh();
}

void ChatController::Private::closeBook() {
  leaveBook();
  Q_EMIT q.documentChanged();
  selectChat(0);
}

void ChatController::Private::removeBook(BookId id) {
  if (record && record->id == id) {
    closeBook();
  }
  library.removeBook(id);
  opener.sweep();
  refresh();
}

void ChatController::Private::setPosition(double position) {
  if (record && record->position != position) {
    record->position = position;
    unsavedPosition = position;
    positionTimer.start();
  }
}

void ChatController::Private::savePosition() {
  positionTimer.stop();
  if (record && unsavedPosition) {
    library.setBookPosition(record->id, *unsavedPosition);
  }
  unsavedPosition.reset();
}

// Ways on -----------------------------------------------------------------------------------------

void ChatController::Private::perform(int noticeId, NoticeAction action, const QString& argument) {
  std::optional<Notice> notice;
  for (const Notice& standing : std::as_const(notices)) {
    if (standing.id == noticeId) {
      notice = standing;
    }
  }
  if (!notice) {
    return;
  }
  switch (action) {
    case NoticeAction::UseModel:
      openModel(argument);
      return;
    case NoticeAction::ReloadModel:
      openModel(modelPath);
      return;
    case NoticeAction::UsePages: {
      const QStringList ends = argument.split(QLatin1Char('-'));
      q.readPages(ends.value(0).toInt(), ends.value(1).toInt());
      return;
    }
    case NoticeAction::ReadAnyway:
      readAnyway = true;
      clearNotice(Notice::Kind::Reading);
      startReading();
      return;
    case NoticeAction::ReadNewVersion:
      open(argument);
      return;
    case NoticeAction::Retry:
      if (notice->kind == Notice::Kind::Document) {
        open(argument);
      } else if (notice->kind == Notice::Kind::Reading) {
        clearNotice(Notice::Kind::Reading);
        startReading();
      } else if (notice->kind == Notice::Kind::Answer) {
        clearNotice(Notice::Kind::Answer);
        retry(argument.toLongLong());
      }
      return;
    case NoticeAction::RetrySaving:
      library.retrySaving();
      refreshSavingNotice();
      refresh();
      return;
    case NoticeAction::NewChat:
      clearNotice(Notice::Kind::Answer);
      newChat();
      return;
    case NoticeAction::Dismiss:
      clearNotice(notice->kind);
      refresh();
      return;
    case NoticeAction::ChoosePages:
    case NoticeAction::ChooseModel:
    case NoticeAction::OpenModelFile:
    case NoticeAction::OpenDocument:
    case NoticeAction::LocateFile:
    case NoticeAction::EnterPassword:
      return;  // the window's own
  }
}

}  // namespace bookwheel
