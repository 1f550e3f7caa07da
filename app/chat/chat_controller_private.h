// SPDX-License-Identifier: Apache-2.0
// The state machine behind ChatController; for the chat_controller_*.cpp files only.
#pragma once

#include "app/chat/book_opener.h"
#include "app/chat/budget_model.h"
#include "app/chat/chat_controller.h"
#include "app/chat/engine_host.h"
#include "app/chat/reading_estimate.h"
#include "app/chat/token_anchors.h"

#include <QElapsedTimer>
#include <QObject>
#include <QString>
#include <QTimer>

#include <memory>
#include <optional>

namespace bookwheel {

/// Three independent things are going on: a model (none, loading, loaded, failed), a book
/// (BookState) and an answer (m_answer). ChatController::State is made from them for the window;
/// refresh() makes all texts from them and tells what changed.
class ChatController::Private : public QObject {
 public:
  enum class ModelState { None, Loading, Loaded, Failed };
  enum class BookState {
    None,
    Opening,
    Opened,  // the text is there; no model to count with
    Counting,
    Awaiting,  // counted; reading waits for the person, or was cancelled
    Reading,
    Paused,
    Read,
    Failed,
  };

  Private(ChatController& owner, Library& libraryOf, Settings& settingsOf, ModelCatalog& catalogOf,
          const QString& textFolder);
  ~Private() override;

  // chat_controller_book.cpp: books and the model
  void start();
  void chooseFirstModel();
  void openModel(const QString& path);
  void takeModel(const OpenedModel& opened);
  void leaveBook();
  void open(const QString& path);
  void openBook(BookId id);
  void takeBook(const OpenedBook& book);
  void closeBook();
  void removeBook(BookId id);
  void setPosition(double position);
  void savePosition();
  void perform(int noticeId, NoticeAction action, const QString& argument);

  // chat_controller_reading.cpp: counting and reading
  QByteArray rangeText() const;
  std::int64_t rangeBegin() const;
  void startCount();
  void takePrefixCount(const PromptCount& count);
  void updateEstimate(std::int64_t tokensInCache);
  void startReading();
  void pauseReading();
  void resumeReading();
  void cancelReading();
  void stopReading();
  void readRange(PageRange range);
  void takeReadProgress(const PrefillStats& stats);
  void takeReadResult(const ReadResult& result, const MemoryUse& memory);
  PageRange fittingRange(std::int64_t* tokens) const;
  PageRange readPart() const;  // the pages read so far; whole(): not one
  std::int64_t tokensInPages(int first, int last) const;

  // chat_controller_budget.cpp: the memory budget
  void connectBudget();
  void placeStore(SessionOptions& options) const;
  void takeFigures(const EngineFigures& figures);
  PlanRequest planRequest() const;
  void planParts();
  void refreshBudget();
  void takeCacheForBook();
  void measureSpeed();
  void measureNewSpeed();
  bool isMeasured() const;

  // chat_controller_chat.cpp: questions, answers, branches
  void selectChat(ChatId id);
  void newChat();
  void dropPending();
  void showPath();
  void ask(const QString& question, MessageId parent);
  void askWhenStopped();
  void beginAnswer(MessageId question, std::optional<PageRange> part);
  void takeAnswerProgress(const QString& text, const std::vector<StepStats>& steps);
  void takeAnswer(const Answer& answer, const MemoryUse& memory);
  void endAnswer(MessageState state);
  void breakOffAnswer();  // another book or model, or the end of the program
  void editQuestion(MessageId question, const QString& text);
  void retry(MessageId message);
  void selectVersion(MessageId message, int step);
  void takeFailure(EngineHost::Job job, const EngineFailure& failure);
  void countSoon();
  void countNow();
  std::vector<ChatMessage> conversation(MessageId leaf) const;
  QString markdown() const;

  // chat_controller_views.cpp: what the window shows
  State state() const;
  bool canAsk() const;
  QString headerFacts() const;
  BookActivity activity() const;
  ReadingView makeReading() const;
  ComposerView makeComposer() const;
  void refresh();
  void setNotice(Notice notice);
  void clearNotice(Notice::Kind kind);
  void refreshSavingNotice();

  ChatController& q;
  Library& library;
  Settings& settings;
  ModelCatalog& catalog;
  LibraryModel shelf;
  ChatsModel chats;
  ChatModel messages;
  CacheStatsModel stats;
  BudgetModel budget;
  BookOpener opener;
  EngineHost host;

  // Model
  ModelState modelState = ModelState::None;
  std::optional<LoadedModel> model;
  ModelShape shape;
  QString modelPath;      // that loads, is loaded or failed
  QString previousModel;  // that was loaded before it
  QString modelKey;       // name and size: for speeds measured here
  double modelLoadShare = 0;
  MemoryUse memory{};
  EngineFigures engine;                 // of the last signal of the engine
  int threads = 1;                      // of the session
  QString storeFolder;                  // of the 16-bit store, if it is in a file; "" the system's
  StepCost stepCost;                    // of this model's last answer
  QList<MeasuredSpeed> measuredSpeeds;  // with the open book

  // Book
  BookState bookState = BookState::None;
  std::optional<BookRecord> record;
  std::shared_ptr<const Document> document;
  QString password;
  bool fileThere = false;
  int importDone = 0;
  int importTotal = 0;
  QTimer positionTimer;
  std::optional<double> unsavedPosition;

  // Reading
  ReadFacts facts;
  TokenAnchors anchors;       // of the range
  TokenAnchors wholeAnchors;  // of the whole book, if it was counted with this model
  PrefillStats progress{};
  std::int64_t tokensDone = 0;
  SpeedMeter meter;
  double readSeconds = 0;  // of the reading that is done
  std::int64_t readFromCache = 0;
  int announcedQuarter = 0;
  bool readAnyway = false;

  // Chat
  ChatId chat = 0;
  MessageId leaf = 0;
  std::optional<MessageRecord> answer;  // being written
  QElapsedTimer sinceSaved;
  struct PendingQuestion {
    MessageId question;
  };
  std::optional<PendingQuestion> pending;  // waits for the reading to stop
  bool readOnAfterAnswer = false;
  QString draft;
  QTimer countTimer;
  bool countWanted = false;
  std::int64_t usedTokens = 0;

  // What was told last
  QList<Notice> notices;
  int nextNoticeId = 1;
  State toldState = State::NoModel;
  QString toldTitle;
  QString toldFacts;
  QString toldModelName;
  QString toldActivity;
  BookId toldBook = 0;
  ReadingView reading;
  ComposerView composer;
};

}  // namespace bookwheel
