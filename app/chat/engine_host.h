// SPDX-License-Identifier: Apache-2.0
// EngineHost: the engine thread as the GUI thread sees it: one request at a time, which can be
// stopped.
#pragma once

#include "app/chat/engine_worker.h"

#include <QObject>
#include <QThread>

#include <stop_token>

namespace bookwheel {

/// GUI thread. Owns the engine thread. Results arrive as signals in the GUI thread; those of a
/// request that was dropped are not passed on.
class EngineHost : public QObject {
  Q_OBJECT
 public:
  explicit EngineHost(QObject* parent = nullptr);
  /// Stops what runs and waits for it: one chunk, one token, or one tensor of a model that loads.
  ~EngineHost() override;

  enum class Job { None, OpenModel, CountPrefix, CountChat, Read, Answer };
  Job job() const { return m_job; }
  bool busy() const { return m_job != Job::None; }

  // Each returns at once. The caller sees to it that nothing runs (busy() is false), or has called
  // drop().
  void openModel(const SessionOptions& options);
  void countPrefix(const PromptText& text);
  void countChat(const PromptText& text);
  void read(const PromptText& text);
  void answer(const PromptText& text, const AnswerOptions& options);

  /// Another cache, without a request of its own: it is made between two tokens of what runs, or at
  /// once. A change that goes on is stopped first.
  void setCache(const CacheOptions& cache);
  /// Gives up the change that goes on; cacheStopped() follows, or cacheChanged() if it was done.
  void stopCacheChange();

  /// Asks the running request to end early; its finished signal follows. A model that loads is
  /// given up without a signal, as by drop().
  void stop();
  /// stop(), and no signal of it follows: job() is None at once. Requests made now wait for its
  /// end.
  void drop();

 Q_SIGNALS:
  void modelLoading(double share);
  void modelOpened(const OpenedModel& model);
  void prefixCounted(const PromptCount& count);
  void chatCounted(const PromptCount& count);
  void readProgressed(const PrefillStats& stats);  ///< also of the question while answering
  void readFinished(const ReadResult& result, const MemoryUse& memory);
  void answerProgressed(const QString& text, const std::vector<StepStats>& steps);
  void answerFinished(const Answer& answer, const MemoryUse& memory);
  void failed(EngineHost::Job job, const EngineFailure& failure);
  void figured(const EngineFigures& figures);
  // Of the last setCache() only.
  void cacheProgressed(double share);
  void cacheChanged(double seconds);
  void cacheStopped();
  void cacheFailed(const EngineFailure& failure);

 private:
  Ticket begin(Job job);
  template <typename Call>
  void post(Call&& call);
  bool takes(Ticket ticket) const { return m_job != Job::None && ticket == m_ticket; }
  /// The job that this ticket ends; None if it was dropped.
  Job end(Ticket ticket);

  QThread m_thread;
  EngineWorker* m_worker;  // lives in m_thread, deleted by its finished()
  Job m_job = Job::None;
  Ticket m_ticket = 0;
  std::stop_source m_stop;
  Ticket m_cacheTicket = 0;
  std::stop_source m_cacheStop;
};

}  // namespace bookwheel
