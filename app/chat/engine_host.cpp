// SPDX-License-Identifier: Apache-2.0
// EngineHost: the engine thread as the GUI thread sees it: one request at a time, which can be
// stopped.
#include "app/chat/engine_host.h"

#include <utility>

namespace bookwheel {

EngineHost::EngineHost(QObject* parent) : QObject(parent), m_worker(new EngineWorker) {
  m_thread.setObjectName(QStringLiteral("engine"));
  m_worker->moveToThread(&m_thread);
  connect(&m_thread, &QThread::finished, m_worker, &QObject::deleteLater);

  connect(m_worker, &EngineWorker::modelLoading, this, [this](Ticket ticket, double share) {
    if (takes(ticket)) {
      Q_EMIT modelLoading(share);
    }
  });
  connect(m_worker, &EngineWorker::modelOpened, this,
          [this](Ticket ticket, const OpenedModel& model) {
            if (end(ticket) != Job::None) {
              Q_EMIT modelOpened(model);
            }
          });
  connect(m_worker, &EngineWorker::modelStopped, this, [this](Ticket ticket) { end(ticket); });
  connect(m_worker, &EngineWorker::counted, this, [this](Ticket ticket, const PromptCount& count) {
    const Job job = end(ticket);
    if (job == Job::CountPrefix) {
      Q_EMIT prefixCounted(count);
    } else if (job == Job::CountChat) {
      Q_EMIT chatCounted(count);
    }
  });
  connect(m_worker, &EngineWorker::readProgressed, this,
          [this](Ticket ticket, const PrefillStats& stats) {
            if (takes(ticket)) {
              Q_EMIT readProgressed(stats);
            }
          });
  connect(m_worker, &EngineWorker::readFinished, this,
          [this](Ticket ticket, const ReadResult& result, const MemoryUse& memory) {
            if (end(ticket) != Job::None) {
              Q_EMIT readFinished(result, memory);
            }
          });
  connect(m_worker, &EngineWorker::answerProgressed, this,
          [this](Ticket ticket, const QString& text, const std::vector<StepStats>& steps) {
            if (takes(ticket)) {
              Q_EMIT answerProgressed(text, steps);
            }
          });
  connect(m_worker, &EngineWorker::answerFinished, this,
          [this](Ticket ticket, const Answer& answer, const MemoryUse& memory) {
            if (end(ticket) != Job::None) {
              Q_EMIT answerFinished(answer, memory);
            }
          });
  connect(m_worker, &EngineWorker::failed, this,
          [this](Ticket ticket, const EngineFailure& failure) {
            if (const Job job = end(ticket); job != Job::None) {
              Q_EMIT failed(job, failure);
            }
          });
  connect(m_worker, &EngineWorker::figured, this, &EngineHost::figured);
  connect(m_worker, &EngineWorker::cacheProgressed, this, [this](Ticket ticket, double share) {
    if (ticket == m_cacheTicket) {
      Q_EMIT cacheProgressed(share);
    }
  });
  connect(m_worker, &EngineWorker::cacheChanged, this, [this](Ticket ticket, double seconds) {
    if (ticket == m_cacheTicket) {
      Q_EMIT cacheChanged(seconds);
    }
  });
  connect(m_worker, &EngineWorker::cacheStopped, this, [this](Ticket ticket) {
    if (ticket == m_cacheTicket) {
      Q_EMIT cacheStopped();
    }
  });
  connect(m_worker, &EngineWorker::cacheFailed, this,
          [this](Ticket ticket, const EngineFailure& failure) {
            if (ticket == m_cacheTicket) {
              Q_EMIT cacheFailed(failure);
            }
          });
  m_thread.start();
}

EngineHost::~EngineHost() {
  m_cacheStop.request_stop();
  drop();
  m_thread.quit();
  m_thread.wait();
}

Ticket EngineHost::begin(Job job) {
  m_job = job;
  m_stop = std::stop_source();
  return ++m_ticket;
}

EngineHost::Job EngineHost::end(Ticket ticket) {
  return takes(ticket) ? std::exchange(m_job, Job::None) : Job::None;
}

template <typename Call>
void EngineHost::post(Call&& call) {
  QMetaObject::invokeMethod(m_worker, std::forward<Call>(call), Qt::QueuedConnection);
}

void EngineHost::openModel(const SessionOptions& options) {
  post([worker = m_worker, ticket = begin(Job::OpenModel), options, stop = m_stop.get_token()] {
    worker->openModel(ticket, options, stop);
  });
}

void EngineHost::countPrefix(const PromptText& text) {
  post(
      [worker = m_worker, ticket = begin(Job::CountPrefix), text] { worker->count(ticket, text); });
}

void EngineHost::countChat(const PromptText& text) {
  post([worker = m_worker, ticket = begin(Job::CountChat), text] { worker->count(ticket, text); });
}

void EngineHost::read(const PromptText& text) {
  post([worker = m_worker, ticket = begin(Job::Read), text, stop = m_stop.get_token()] {
    worker->read(ticket, text, stop);
  });
}

void EngineHost::answer(const PromptText& text, const AnswerOptions& options) {
  post([worker = m_worker, ticket = begin(Job::Answer), text, options, stop = m_stop.get_token()] {
    worker->answer(ticket, text, options, stop);
  });
}

void EngineHost::setCache(const CacheOptions& cache) {
  m_cacheStop.request_stop();
  m_cacheStop = std::stop_source();
  m_worker->wishCache(++m_cacheTicket, cache, m_cacheStop.get_token());
  post([worker = m_worker] { worker->makeWishedCache(); });
}

void EngineHost::stopCacheChange() { m_cacheStop.request_stop(); }

void EngineHost::stop() { m_stop.request_stop(); }

void EngineHost::drop() {
  m_stop.request_stop();
  m_job = Job::None;
}

}  // namespace bookwheel
