// SPDX-License-Identifier: Apache-2.0
// ChatController: what the window talks to: the open book, its reading, its chats, the model.
#pragma once

#include "app/chat/answer_stats.h"
#include "app/chat/budget_model.h"
#include "app/chat/cache_stats_model.h"
#include "app/chat/chat_model.h"
#include "app/chat/notice.h"
#include "app/library/chats_model.h"
#include "app/library/library.h"
#include "app/library/library_model.h"
#include "app/library/model_catalog.h"
#include "app/library/settings.h"

#include <QList>
#include <QObject>
#include <QString>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace bookwheel {

class Document;

/// The loaded model, as the window shows it.
struct LoadedModel {
  QString path;
  QString name;
  QString chatFormat;  ///< "ChatML", "plain text"
  QString tokenizer;
  std::int64_t contextTokens = 0;  ///< what it reads
  std::int64_t kvBytesPerToken = 0;
  std::int64_t weightsBytes = 0;
};

/// What is known before reading starts. Exact, except for `seconds`.
struct ReadFacts {
  PageRange range;  ///< what will be read
  int pages = 0;    ///< in that range
  int bookPages = 0;
  std::int64_t tokens = 0;               ///< of the range with the chat format around it
  std::int64_t limitTokens = 0;          ///< what the model reads
  std::int64_t answerReserveTokens = 0;  ///< left free for questions and answers
  std::int64_t kvBytes = 0;              ///< for the range and the reserve
  std::int64_t availableBytes = 0;       ///< main memory that may be taken
  double seconds = -1;                   ///< estimate for what is not in the cache; < 0 unknown
  bool secondsMeasured =
      false;  ///< from readings on this computer, else a guess from the model's size
  bool tooLong() const { return tokens + answerReserveTokens > limitTokens; }
  bool fitsMemory() const { return kvBytes <= availableBytes; }
  std::int64_t tooLongBy() const { return tokens + answerReserveTokens - limitTokens; }

  QString pagesText;   ///< "312 pages", "pages 3 to 40 of 312"
  QString tokensText;  ///< "103,112 tokens of 131,072"
  QString memoryText;  ///< "2.8 GB of memory"
  QString timeText;    ///< "about 4 min", "" unknown
};

/// The reading card. All texts are ready to be shown; share is 0 to 1.
struct ReadingView {
  enum class Stage { None, Text, Tokens, Reading, Ready };
  Stage stage = Stage::None;
  bool paused = false;
  bool canPause = false;
  bool canResume = false;  ///< also "Read" while AwaitingRead
  bool canCancel = false;
  double share = 0;
  std::int64_t tokensDone = 0;
  std::int64_t tokensTotal = 0;
  int page = 0;           ///< from 1; the page being read
  std::int64_t byte = 0;  ///< of the document's text, up to which it is read: the strip's frontier
  QString title;          ///< "Reading the whole book", "Reading pages 3 to 40 of 312"
  QString progress;       ///< "62,480 of 103,112 tokens"; for Text "page 12 of 312"
  QString timeLeft;       ///< "about 1 min left"
  QString where;          ///< "Page 189 of 312"
  QString speed;          ///< "642 tokens/s"
  QString sentence;       ///< what can be asked now, what happens next
  QString remainder;      ///< the one line left when done: "Read 103,112 tokens in 2 min 40 s"
  friend bool operator==(const ReadingView&, const ReadingView&) = default;
};

struct ComposerView {
  bool enabled = false;          ///< may be typed into
  bool canSend = false;          ///< Enter sends (the window checks that there is text)
  bool answering = false;        ///< Stop stands where Send was
  QString placeholder;           ///< the invitation, or why it cannot be asked
  QString scope;                 ///< "Whole book", "Pages 3 to 40"
  std::int64_t usedTokens = 0;   ///< document, this chat and the draft, exact as of the last count
  std::int64_t limitTokens = 0;  ///< 0: no model
  QString used;                  ///< "62,540 of 131,072"
  friend bool operator==(const ComposerView&, const ComposerView&) = default;
};

/// Lives in the GUI thread; no method blocks on the engine, on the import helper or on a large
/// file. All state changes are announced by the signals below, also those made by a direct call.
/// The models returned live as long as the controller.
class ChatController : public QObject {
  Q_OBJECT
 public:
  enum class State {
    NoModel,  ///< no model is loaded; a book may be open to look at
    LoadingModel,
    NoDocument,    ///< a model is there, no book is open
    Importing,     ///< text is being read from the file, or counted
    AwaitingRead,  ///< facts are known; reading waits for the person (see notices)
    Reading,
    ReadingPaused,
    Ready,  ///< all of the range is in the model's context
    Answering,
    Failed,  ///< the book or model could not be used; notices say why
  };
  Q_ENUM(State)

  /// The three must outlive the controller.
  /// `textFolder`: where the texts of books are kept (DataFolders::texts()); "" keeps none.
  ChatController(Library& library, Settings& settings, ModelCatalog& catalog,
                 const QString& textFolder, QObject* parent = nullptr);
  /// Stops what runs (within one chunk or token), saves a partial answer, joins the engine thread.
  ~ChatController() override;

  LibraryModel* shelf() const;
  ChatsModel* chats() const;
  ChatModel* messages() const;
  CacheStatsModel* stats() const;
  BudgetModel* budget() const;

  State state() const;
  /// Header: the book's title and "312 pages, 103,112 tokens, reading"; without a book the
  /// program's name and "".
  QString title() const;
  QString facts() const;
  QString modelName() const;  ///< for the header's model button; "Choose a model" without one
  const std::optional<LoadedModel>& model() const;
  double modelLoadShare() const;  ///< 0 to 1 while LoadingModel

  BookId book() const;
  ChatId chat() const;
  QString chatTitle() const;  ///< "New chat" before the first question
  /// The open book's text; null without one. Shared with views, which may keep it while they paint.
  std::shared_ptr<const Document> document() const;
  QString documentPath() const;      ///< "" without one
  bool documentFileThere() const;    ///< pages can be drawn; else only the text is kept
  QString documentPassword() const;  ///< for the page renderer, of this session only
  double lastPosition() const;       ///< where the person was in the book

  const ReadFacts& readFacts() const;
  const ReadingView& reading() const;
  const ComposerView& composer() const;
  const QList<Notice>& notices() const;
  /// The page a byte of the document's text stands in, and the bytes token `index` of what was read
  /// stands for: anchors kept for each read book.
  std::optional<std::pair<std::int64_t, std::int64_t>> tokenBytes(std::int64_t index) const;
  /// Tokens of pages `first` to `last` of the open book (from 1), for the choice of a range; 0
  /// while the whole book has not been counted.
  std::int64_t tokensInPages(int first, int last) const;

  QString chatAsMarkdown() const;  ///< the path shown, with what each answer stands on

 public Q_SLOTS:
  // Start: loads the model of the settings, or the suggested one once the catalog is scanned.
  void start();
  // Books
  void open(const QString& path);
  void openBook(BookId book);
  void submitPassword(const QString& password);
  void closeBook();
  void removeBook(BookId book);
  void setPosition(double position);
  // Model
  void openModel(const QString& path);
  // Reading
  void pauseReading();
  void resumeReading();                 ///< also starts it while AwaitingRead
  void cancelReading();                 ///< of the import as well; the book stays on the shelf
  void readPages(int first, int last);  ///< from 1; of the open book
  void readWholeBook();
  // Chats
  void ask(const QString& question);
  void stop();  ///< answering, else reading (pauses), else import
  void newChat();
  void selectChat(ChatId chat);
  void renameChat(ChatId chat, const QString& title);
  void removeChat(ChatId chat);
  void editQuestion(MessageId question, const QString& text);  ///< asks it as another version
  void retry(MessageId answer);                     ///< another answer to the same question
  void selectVersion(MessageId message, int step);  ///< -1 and +1
  void setDraft(const QString& text);               ///< what stands in the composer, for the count
  // Notices
  void perform(int noticeId, NoticeAction action, const QString& argument = {});
  void dismiss(int noticeId);

 Q_SIGNALS:
  void stateChanged(ChatController::State state);
  void headerChanged();
  void modelChanged();
  void modelLoadProgressed(double share);
  void documentChanged();
  void chatChanged(ChatId chat);
  void factsChanged();
  void readingChanged();
  void composerChanged();
  void noticesChanged();
  void positionRestored(double position);
  /// For screen readers: start and end of reading and answering, 25 % steps, new notices.
  void announced(const QString& sentence);

 private:
  class Private;
  std::unique_ptr<Private> d;
};

}  // namespace bookwheel
