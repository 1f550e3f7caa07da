// SPDX-License-Identifier: Apache-2.0
// EngineWorker: owns the Session in the engine thread and turns its errors into values.
#pragma once

#include "app/chat/engine_figures.h"
#include "engine/error.h"
#include "engine/model/chat_template.h"
#include "engine/model/prompt.h"
#include "engine/model/shape.h"
#include "engine/run/session.h"
#include "engine/run/stats.h"

#include <QByteArray>
#include <QElapsedTimer>
#include <QObject>
#include <QString>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

namespace bookwheel {

/// Names one request; results carry it, so the controller can drop those of an older one.
using Ticket = std::uint64_t;

/// What goes into a prompt. The document's bytes are shared, never copied.
struct PromptText {
  QByteArray document;                // UTF-8
  std::vector<ChatMessage> messages;  // empty: only what reading prefills
};

struct OpenedModel {
  QString path;
  ModelShape shape;
  std::int64_t contextTokens;
  MemoryUse memory;
  std::int64_t kvBytesPerToken;
  QString chatFormat;
  QString chatNotice;  // "" or the sentence about the fallback
  QString tokenizer;
  int threads;
};

/// How many tokens a prompt has, and for what is read the anchors.
struct PromptCount {
  std::int64_t tokens;
  std::int64_t tokensInCache;  // common prefix with what the cache holds now
  std::int64_t kvBytesPerToken;
  std::int64_t documentBegin;  // byte of the prompt's text at which the document starts
  std::shared_ptr<const Encoding> encoding;  // owners: the worker's last prefix, the anchors
};

/// An engine Error as a value.
struct EngineFailure {
  ErrorCode code;
  QString message;          // the engine's English sentence
  std::int64_t tokens = 0;  // of DoesNotFit: what was asked for
  std::int64_t limitTokens = 0;
};

/// Less room than this is not worth an answer: such a prompt is refused as too long.
inline constexpr std::int64_t kLeastAnswerTokens = 16;

/// All slots run in the engine thread and are called by queued calls; a request runs until it is
/// done or its stop token is triggered, which any thread may do. Every request ends in exactly one
/// of its finished signal or failed(). Progress is merged to one signal each 33 ms; the last one
/// comes before the end.
class EngineWorker : public QObject {
  Q_OBJECT
 public:
  explicit EngineWorker(QObject* parent = nullptr);
  ~EngineWorker() override;

  /// Closes the model that was open, whatever becomes of the new one. Stopping is looked at after
  /// each tensor.
  void openModel(Ticket ticket, const SessionOptions& options, std::stop_token stop);
  void closeModel();
  /// Counts the tokens of a prompt; with `messages` empty those of the document's prefix.
  void count(Ticket ticket, const PromptText& text);
  void read(Ticket ticket, const PromptText& text, std::stop_token stop);
  void answer(Ticket ticket, const PromptText& text, const AnswerOptions& options,
              std::stop_token stop);

  /// Another cache, wished by any thread and made in the engine thread: between two tokens of an
  /// answer, two chunks of a reading, or by makeWishedCache() when nothing runs. A wish that was
  /// not taken up yet gives way to the next one. Ends in one of cacheChanged(), cacheStopped() and
  /// cacheFailed(); also that of a wish that gave way.
  void wishCache(Ticket ticket, const CacheOptions& cache, std::stop_token stop);
  void makeWishedCache();

 Q_SIGNALS:
  /// What the engine holds: with each signal of progress and of an end.
  void figured(const EngineFigures& figures);
  void cacheProgressed(Ticket ticket, double share);
  void cacheChanged(Ticket ticket, double seconds);
  void cacheStopped(Ticket ticket);
  void cacheFailed(Ticket ticket, const EngineFailure& failure);
  void modelLoading(Ticket ticket, double share);
  void modelOpened(Ticket ticket, const OpenedModel& model);
  void modelStopped(Ticket ticket);  // in the place of modelOpened(): no model is open
  void counted(Ticket ticket, const PromptCount& count);
  void readProgressed(Ticket ticket, const PrefillStats& stats);
  void readFinished(Ticket ticket, const ReadResult& result, const MemoryUse& memory);
  void answerProgressed(Ticket ticket, const QString& text, const std::vector<StepStats>& steps);
  void answerFinished(Ticket ticket, const Answer& answer, const MemoryUse& memory);
  void failed(Ticket ticket, const EngineFailure& failure);

 private:
  template <typename Request>
  void guarded(Ticket ticket, Request&& request);

  std::shared_ptr<const Encoding> encode(const PromptText& text);
  void tellFigures();

  struct CacheWish {
    Ticket ticket;
    CacheOptions cache;
    std::stop_token stop;
  };

  std::unique_ptr<Session> m_session;
  CapacityPlace m_capacity = CapacityPlace::Memory;  // of the session
  std::mutex m_wishMutex;
  std::optional<CacheWish> m_wish;  // guarded by m_wishMutex
  // The document's prefix as it was encoded last: counting and then reading it encodes once.
  QByteArray m_prefixDocument;
  std::shared_ptr<const Encoding> m_prefix;
};

}  // namespace bookwheel
