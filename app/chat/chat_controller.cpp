// SPDX-License-Identifier: Apache-2.0
// ChatController: what the window talks to: the open book, its reading, its chats, the model.
#include "app/chat/chat_controller.h"

#include "app/chat/chat_controller_private.h"

#include <algorithm>

namespace bookwheel {

ChatController::ChatController(Library& library, Settings& settings, ModelCatalog& catalog,
                               const QString& textFolder, QObject* parent)
    : QObject(parent), d(std::make_unique<Private>(*this, library, settings, catalog, textFolder)) {
  d->refreshSavingNotice();
  d->refresh();
}

ChatController::~ChatController() {
  // Nobody hears of it any more; the models still exist while the answer that runs is saved.
  blockSignals(true);
}

LibraryModel* ChatController::shelf() const { return &d->shelf; }
ChatsModel* ChatController::chats() const { return &d->chats; }
ChatModel* ChatController::messages() const { return &d->messages; }
CacheStatsModel* ChatController::stats() const { return &d->stats; }
BudgetModel* ChatController::budget() const { return &d->budget; }

ChatController::State ChatController::state() const { return d->state(); }

QString ChatController::title() const {
  return d->record ? d->record->title : QStringLiteral("Bookwheel");
}

QString ChatController::facts() const { return d->headerFacts(); }

QString ChatController::modelName() const {
  if (d->model) {
    return d->model->name;
  }
  return d->modelState == Private::ModelState::Loading ? tr("Loading the model")
                                                       : tr("Choose a model");
}

const std::optional<LoadedModel>& ChatController::model() const { return d->model; }
double ChatController::modelLoadShare() const { return d->modelLoadShare; }

BookId ChatController::book() const { return d->record ? d->record->id : 0; }
ChatId ChatController::chat() const { return d->chat; }

QString ChatController::chatTitle() const {
  const std::optional<ChatRecord> chat = d->chat == 0 ? std::nullopt : d->library.chat(d->chat);
  return chat ? chat->title : tr("New chat");
}

std::shared_ptr<const Document> ChatController::document() const { return d->document; }
QString ChatController::documentPath() const { return d->record ? d->record->path : QString(); }
bool ChatController::documentFileThere() const { return d->fileThere; }
QString ChatController::documentPassword() const { return d->password; }
double ChatController::lastPosition() const { return d->record ? d->record->position : 0; }

const ReadFacts& ChatController::readFacts() const { return d->facts; }
const ReadingView& ChatController::reading() const { return d->reading; }
const ComposerView& ChatController::composer() const { return d->composer; }
const QList<Notice>& ChatController::notices() const { return d->notices; }

std::optional<std::pair<std::int64_t, std::int64_t>> ChatController::tokenBytes(
    std::int64_t index) const {
  return d->anchors.bytes(index);
}

std::int64_t ChatController::tokensInPages(int first, int last) const {
  return d->tokensInPages(first, last);
}

QString ChatController::chatAsMarkdown() const { return d->markdown(); }

void ChatController::start() { d->start(); }
void ChatController::open(const QString& path) { d->open(path); }
void ChatController::openBook(BookId book) { d->openBook(book); }

void ChatController::submitPassword(const QString& password) {
  if (d->bookState == Private::BookState::Opening) {
    d->clearNotice(Notice::Kind::Document);
    d->opener.providePassword(password);
    d->refresh();
  }
}

void ChatController::closeBook() { d->closeBook(); }
void ChatController::removeBook(BookId book) { d->removeBook(book); }
void ChatController::setPosition(double position) { d->setPosition(position); }
void ChatController::openModel(const QString& path) { d->openModel(path); }
void ChatController::pauseReading() { d->pauseReading(); }
void ChatController::resumeReading() { d->resumeReading(); }
void ChatController::cancelReading() { d->cancelReading(); }
void ChatController::readPages(int first, int last) {
  if (first >= 1) {  // a first page 0 would mean the whole book
    d->readRange({first, last});
  }
}

void ChatController::readWholeBook() { d->readRange({}); }

void ChatController::ask(const QString& question) { d->ask(question, d->leaf); }

void ChatController::stop() {
  if (d->answer) {
    d->host.stop();
  } else if (d->bookState == Private::BookState::Opening) {
    d->cancelReading();
  } else {
    d->dropPending();
    d->pauseReading();
  }
}

void ChatController::newChat() { d->newChat(); }
void ChatController::selectChat(ChatId chat) { d->selectChat(chat); }

void ChatController::renameChat(ChatId chat, const QString& title) {
  std::optional<ChatRecord> record = d->library.chat(chat);
  if (record && !title.trimmed().isEmpty()) {
    record->title = title.simplified();
    d->library.updateChat(*record);
    if (chat == d->chat) {
      Q_EMIT chatChanged(chat);
    }
  }
}

void ChatController::removeChat(ChatId chat) {
  if (chat == d->chat) {
    d->newChat();
  }
  d->library.removeChat(chat);
}

void ChatController::editQuestion(MessageId question, const QString& text) {
  d->editQuestion(question, text);
}

void ChatController::retry(MessageId answer) { d->retry(answer); }

void ChatController::selectVersion(MessageId message, int step) { d->selectVersion(message, step); }

void ChatController::setDraft(const QString& text) {
  if (text != d->draft) {
    d->draft = text;
    d->countSoon();
  }
}

void ChatController::perform(int noticeId, NoticeAction action, const QString& argument) {
  d->perform(noticeId, action, argument);
}

void ChatController::dismiss(int noticeId) { d->perform(noticeId, NoticeAction::Dismiss, {}); }

}  // namespace bookwheel
