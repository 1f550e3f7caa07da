// SPDX-License-Identifier: Apache-2.0
// ChatController: questions, answers, versions, and how many tokens a chat has.
#include "app/chat/chat_controller_private.h"
#include "app/chat/notices.h"
#include "app/library/words.h"

#include <QRandomGenerator>

#include <utility>

namespace bookwheel {
namespace {

/// A crash loses at most what was written since the last save.
constexpr qint64 kSavePartialMs = 1000;

QString stopReasonName(StopReason reason) {
  switch (reason) {
    case StopReason::EndOfAnswer:
      return QStringLiteral("end");
    case StopReason::MaxTokens:
      return QStringLiteral("limit");
    case StopReason::Stopped:
      return QStringLiteral("stopped");
    case StopReason::ContextFull:
      return QStringLiteral("context");
  }
  return {};
}

}  // namespace

// Which chat --------------------------------------------------------------------------------------

void ChatController::Private::selectChat(ChatId id) {
  breakOffAnswer();
  dropPending();
  const std::optional<ChatRecord> found = id == 0 ? std::nullopt : library.chat(id);
  chat = found ? found->id : 0;
  leaf = found ? found->leaf : 0;
  chats.setBook(record ? record->id : 0);
  chats.setCurrent(chat);
  clearNotice(Notice::Kind::Answer);
  showPath();
  Q_EMIT q.chatChanged(chat);
  refresh();
}

void ChatController::Private::newChat() { selectChat(0); }

/// A question that still waits for the reading to stop stays in its chat, unanswered; reading goes
/// on.
void ChatController::Private::dropPending() {
  pending.reset();
  readOnAfterAnswer = false;
}

void ChatController::Private::showPath() {
  messages.show(leaf == 0 ? QList<MessageRecord>() : library.path(leaf));
  countSoon();
}

// Questions ---------------------------------------------------------------------------------------

void ChatController::Private::ask(const QString& question, MessageId parent) {
  const QString text = question.trimmed();
  if (text.isEmpty() || !canAsk()) {
    return;
  }
  clearNotice(Notice::Kind::Answer);
  if (chat == 0) {
    chat = library.addChat(record->id, titleFrom(text));
    leaf = 0;
    chats.setCurrent(chat);
    Q_EMIT q.chatChanged(chat);
  }
  MessageRecord message;
  message.chat = chat;
  message.parent = parent;
  message.role = MessageRole::Question;
  message.text = text;
  message.created = QDateTime::currentDateTimeUtc();
  message.id = library.addMessage(message);
  leaf = message.id;
  draft.clear();
  if (parent == (messages.path().isEmpty() ? 0 : messages.path().last().id)) {
    messages.append(message);
  } else {
    showPath();
  }
  pending = PendingQuestion{message.id};
  askWhenStopped();
  refresh();
}

/// Reading gives way to the question: it is stopped, the question is answered from the pages read
/// so far, and reading goes on.
void ChatController::Private::askWhenStopped() {
  if (host.job() == EngineHost::Job::Read) {
    readOnAfterAnswer = bookState == BookState::Reading;
    host.stop();
    return;
  }
  const PendingQuestion question = *std::exchange(pending, std::nullopt);
  if (bookState == BookState::Read) {
    readOnAfterAnswer = false;
    beginAnswer(question.question, std::nullopt);
  } else {
    beginAnswer(question.question, readPart());
  }
}

std::vector<ChatMessage> ChatController::Private::conversation(MessageId last) const {
  std::vector<ChatMessage> turns;
  const QList<MessageRecord> path = last == 0 ? QList<MessageRecord>() : library.path(last);
  for (qsizetype index = 0; index < path.size(); ++index) {
    const MessageRecord& message = path.at(index);
    // A question whose answer never began is no part of the conversation that the model sees.
    const bool unanswered = message.role == MessageRole::Question && index + 1 < path.size() &&
                            path.at(index + 1).text.trimmed().isEmpty();
    if (unanswered || message.text.trimmed().isEmpty()) {
      continue;
    }
    turns.push_back({message.role == MessageRole::Question ? Role::User : Role::Assistant,
                     message.text.toStdString()});
  }
  return turns;
}

void ChatController::Private::beginAnswer(MessageId question, std::optional<PageRange> part) {
  AnswerStats facts_;
  facts_.model = model->name;
  facts_.bookPages = facts.bookPages;
  facts_.pages = part.value_or(record->range);
  facts_.whileReading = part.has_value();

  MessageRecord message;
  message.chat = chat;
  message.parent = question;
  message.role = MessageRole::Answer;
  message.state = MessageState::Partial;
  message.stats = facts_.toJson();
  message.created = QDateTime::currentDateTimeUtc();

  PromptText prompt;
  prompt.messages = conversation(question);
  prompt.document = rangeText();
  if (part) {
    const std::int64_t end = document->pageRange(part->first - 1, part->last - 1).end;
    prompt.document.truncate(end - rangeBegin());
  }

  message.id = library.addMessage(message);
  leaf = message.id;
  answer = message;
  messages.append(message);
  messages.setStreaming(message.id);
  sinceSaved.start();

  AnswerOptions options;
  options.sampling.temperature = static_cast<float>(settings.number(Setting::Temperature));
  options.sampling.topK = settings.integer(Setting::TopK);
  options.sampling.topP = static_cast<float>(settings.number(Setting::TopP));
  options.sampling.minP = static_cast<float>(settings.number(Setting::MinP));
  options.sampling.repeatPenalty = static_cast<float>(settings.number(Setting::RepeatPenalty));
  const int seed = settings.integer(Setting::Seed);
  options.sampling.seed =
      seed != 0 ? static_cast<std::uint64_t>(seed) : QRandomGenerator::system()->generate64();
  options.maxTokens = settings.integer(Setting::MaxAnswerTokens);
  host.drop();  // a count, at most
  stats.setStage(CacheStatsModel::Stage::Answering);
  host.answer(prompt, options);
  Q_EMIT q.announced(ChatController::tr("Answering."));
  refresh();
}

// Answers -----------------------------------------------------------------------------------------

void ChatController::Private::takeAnswerProgress(const QString& text,
                                                 const std::vector<StepStats>& steps) {
  if (!answer) {
    return;
  }
  for (const StepStats& step : steps) {
    stats.addStep(step);
    usedTokens = step.position + 1;
  }
  measureNewSpeed();
  answer->text += text;
  answer->tokens += static_cast<qint64>(steps.size());
  messages.appendText(answer->id, text);
  if (sinceSaved.elapsed() >= kSavePartialMs) {
    library.updateMessage(*answer);
    sinceSaved.restart();
  }
  refresh();
}

void ChatController::Private::takeAnswer(const Answer& result, const MemoryUse& use) {
  memory = use;
  if (!answer) {
    return;
  }
  AnswerStats facts_ = AnswerStats::fromJson(answer->stats);
  facts_.promptTokens = result.promptTokens;
  facts_.promptTokensFromCache = result.promptTokensFromCache;
  facts_.answerTokens = static_cast<qint64>(result.tokens.size());
  facts_.firstTokenSeconds = result.firstTokenSeconds;
  facts_.tokensPerSecond = result.tokensPerSecond;
  facts_.stopReason = stopReasonName(result.stopReason);
  answer->text = QString::fromStdString(result.text);
  answer->tokens = facts_.answerTokens;
  answer->stats = facts_.toJson();
  usedTokens = result.promptTokens + facts_.answerTokens;
  if (result.tokensPerSecond > 0) {
    Library::ModelSpeed speed = library.modelSpeed(modelKey).value_or(Library::ModelSpeed{});
    speed.decodeTokensPerSecond = result.tokensPerSecond;
    library.setModelSpeed(modelKey, speed);
    catalog.setSpeed(modelPath, result.tokensPerSecond);
  }
  measureSpeed();
  endAnswer(result.stopReason == StopReason::Stopped ? MessageState::Stopped
                                                     : MessageState::Complete);
  Q_EMIT q.announced(result.stopReason == StopReason::Stopped
                         ? ChatController::tr("Stopped.")
                         : ChatController::tr("The answer is complete."));
  refresh();
}

void ChatController::Private::endAnswer(MessageState state) {
  answer->state = state;
  library.updateMessage(*answer);
  messages.setStreaming(0);
  messages.update(*answer);
  answer.reset();
  stats.setStage(CacheStatsModel::Stage::Idle);
  if (std::exchange(readOnAfterAnswer, false) && bookState != BookState::Read) {
    startReading();
  }
  countSoon();
}

void ChatController::Private::breakOffAnswer() {
  if (!answer) {
    return;
  }
  host.drop();
  readOnAfterAnswer = false;
  endAnswer(MessageState::Stopped);
}

void ChatController::Private::takeFailure(EngineHost::Job job, const EngineFailure& failure) {
  switch (job) {
    case EngineHost::Job::OpenModel:
      modelState = ModelState::Failed;
      stats.setStage(CacheStatsModel::Stage::Empty);
      catalog.setCurrent({});
      setNotice(notices::modelFailed(modelPath, failure, previousModel));
      Q_EMIT q.modelChanged();
      break;
    case EngineHost::Job::CountPrefix:
    case EngineHost::Job::Read:
      bookState = BookState::Failed;
      stats.setStage(CacheStatsModel::Stage::Idle);
      setNotice(notices::readingFailed(failure));
      pending.reset();
      break;
    case EngineHost::Job::Answer:
      if (answer) {
        const MessageId id = answer->id;
        endAnswer(MessageState::Failed);
        setNotice(failure.code == ErrorCode::DoesNotFit && failure.limitTokens > 0
                      ? notices::answerTooLong(failure)
                      : notices::answerFailed(failure, id));
      }
      break;
    case EngineHost::Job::CountChat:
    case EngineHost::Job::None:
      break;
  }
  refresh();
}

// Versions ----------------------------------------------------------------------------------------

void ChatController::Private::editQuestion(MessageId question, const QString& text) {
  const std::optional<MessageRecord> old = library.message(question);
  if (old && old->role == MessageRole::Question && old->chat == chat) {
    ask(text, old->parent);
  }
}

void ChatController::Private::retry(MessageId id) {
  const std::optional<MessageRecord> old = library.message(id);
  if (!old || old->chat != chat || !canAsk()) {
    return;
  }
  const MessageId question = old->role == MessageRole::Question ? old->id : old->parent;
  clearNotice(Notice::Kind::Answer);
  leaf = question;
  showPath();
  pending = PendingQuestion{question};
  askWhenStopped();
  refresh();
}

void ChatController::Private::selectVersion(MessageId message, int step) {
  const QList<MessageId> versions = library.siblings(message);
  const qsizetype wanted = versions.indexOf(message) + step;
  if (answer || pending || wanted < 0 || wanted >= versions.size() || !versions.contains(message)) {
    return;
  }
  leaf = library.newestLeafUnder(versions.at(wanted));
  library.selectLeaf(chat, leaf);
  showPath();
  refresh();
}

// Counting ----------------------------------------------------------------------------------------

void ChatController::Private::countSoon() {
  countWanted = true;
  countTimer.start();
}

/// Counts document, path and draft when the engine is free; what is typed meanwhile is counted
/// after that.
void ChatController::Private::countNow() {
  if (!countWanted || countTimer.isActive() || host.busy() || !document ||
      modelState != ModelState::Loaded || facts.tokens == 0) {
    return;
  }
  countWanted = false;
  std::vector<ChatMessage> turns = conversation(leaf);
  if (!draft.trimmed().isEmpty()) {
    turns.push_back({Role::User, draft.toStdString()});
  }
  if (turns.empty()) {
    usedTokens = facts.tokens;
    refresh();
    return;
  }
  host.countChat({rangeText(), std::move(turns)});
}

QString ChatController::Private::markdown() const {
  QString text = QStringLiteral("# %1\n\n").arg(q.chatTitle());
  if (record) {
    text += ChatController::tr("About “%1” (%2).")
                .arg(record->title, facts.pagesText.isEmpty() ? bookwheel::pagesText(record->pages)
                                                              : facts.pagesText) +
            QStringLiteral("\n\n");
  }
  for (const MessageRecord& message : messages.path()) {
    if (message.role == MessageRole::Question) {
      text += QStringLiteral("## %1\n\n").arg(message.text.simplified());
    } else {
      const AnswerStats facts_ = AnswerStats::fromJson(message.stats);
      text += message.text + QStringLiteral("\n\n");
      const QString note = QStringList{facts_.standsOn(), facts_.model}.join(QStringLiteral("; "));
      if (!facts_.standsOn().isEmpty()) {
        text += QStringLiteral("*%1*\n\n").arg(note);
      }
    }
  }
  return text;
}

}  // namespace bookwheel
