// SPDX-License-Identifier: Apache-2.0
// EngineWorker: owns the Session in the engine thread and turns its errors into values.
#include "app/chat/engine_worker.h"

#include "engine/cache/planner.h"

#include <QLoggingCategory>

#include <algorithm>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

Q_LOGGING_CATEGORY(logEngine, "bookwheel.engine")

namespace bookwheel {
namespace {

/// A signal a frame of a 30 Hz screen: a fast model cannot flood the event loop.
constexpr qint64 kMergeMs = 33;

std::string_view view(const QByteArray& bytes) {
  return {bytes.constData(), static_cast<std::size_t>(bytes.size())};
}

std::vector<PromptPiece> piecesOf(const ChatTemplate& format, const PromptText& text) {
  return text.messages.empty() ? format.documentPrefix(view(text.document))
                               : format.prompt(view(text.document), text.messages);
}

/// Where the document's text starts in the concatenated text of the pieces.
std::int64_t documentBeginIn(const std::vector<PromptPiece>& pieces) {
  std::size_t begin = 0;
  for (const PromptPiece& piece : pieces) {
    if (piece.kind == PieceKind::Document) {
      break;
    }
    begin += piece.text.size();
  }
  return static_cast<std::int64_t>(begin);
}

/// Ends Session::open() from inside of its progress, the one place that it calls back to.
struct LoadingStopped : std::exception {
  const char* what() const noexcept override { return "loading was stopped"; }
};

}  // namespace

EngineWorker::EngineWorker(QObject* parent) : QObject(parent) {}

EngineWorker::~EngineWorker() = default;

template <typename Request>
void EngineWorker::guarded(Ticket ticket, Request&& request) {
  try {
    request();
  } catch (const Error& error) {
    qCInfo(logEngine) << error.where().file_name() << error.where().line() << error.what();
    Q_EMIT failed(ticket, EngineFailure{error.code(), QString::fromUtf8(error.what())});
  } catch (const std::bad_alloc&) {
    Q_EMIT failed(ticket, EngineFailure{ErrorCode::DoesNotFit,
                                        QStringLiteral("The computer has no memory left.")});
  }
}

void EngineWorker::openModel(Ticket ticket, const SessionOptions& options, std::stop_token stop) {
  // The old model goes first: two of them need not fit.
  closeModel();
  if (stop.stop_requested()) {
    Q_EMIT modelStopped(ticket);
    return;
  }
  guarded(ticket, [&] {
    QElapsedTimer sinceTold;
    try {
      m_session = Session::open(options, [&](double share) {
        if (!sinceTold.isValid() || sinceTold.elapsed() >= kMergeMs) {
          sinceTold.start();
          Q_EMIT modelLoading(ticket, share);
        }
        if (stop.stop_requested()) {
          throw LoadingStopped();
        }
      });
    } catch (const LoadingStopped&) {
      Q_EMIT modelStopped(ticket);
      return;
    }
    m_capacity = options.capacity;
    m_session->setCache(defaultCacheOptions(m_session->shape()));
    tellFigures();
    const ChatTemplate& format = m_session->chatTemplate();
    OpenedModel model;
    model.path = QString::fromStdString(options.model.string());
    model.shape = m_session->shape();
    model.contextTokens = m_session->contextTokens();
    model.memory = m_session->memory();
    model.kvBytesPerToken = m_session->kvBytes(1);
    model.chatFormat = QString::fromStdString(format.name());
    model.chatNotice = QString::fromStdString(format.notice());
    model.threads = m_session->backendInfo().threads;
    model.tokenizer = QString::fromStdString(m_session->tokenizer().description());
    Q_EMIT modelOpened(ticket, model);
  });
}

void EngineWorker::closeModel() {
  m_session.reset();
  m_prefix.reset();
  m_prefixDocument.clear();
}

std::shared_ptr<const Encoding> EngineWorker::encode(const PromptText& text) {
  if (text.messages.empty() && m_prefix && m_prefixDocument == text.document) {
    return m_prefix;
  }
  auto encoding = std::make_shared<const Encoding>(m_session->tokenizer().encode(
      piecesOf(m_session->chatTemplate(), text), Tokenizer::Bos::AsModel));
  if (text.messages.empty()) {
    m_prefix = encoding;
    m_prefixDocument = text.document;
  }
  return encoding;
}

void EngineWorker::count(Ticket ticket, const PromptText& text) {
  guarded(ticket, [&] {
    if (!m_session) {
      throw Error(ErrorCode::InvalidRequest, "No model is loaded.");
    }
    const std::shared_ptr<const Encoding> encoding = encode(text);
    const std::span<const TokenId> cached = m_session->cachedTokens();
    const std::size_t shortest = std::min(cached.size(), encoding->ids.size());
    std::size_t common = 0;
    while (common < shortest && cached[common] == encoding->ids[common]) {
      ++common;
    }
    PromptCount count;
    count.tokens = static_cast<std::int64_t>(encoding->ids.size());
    count.tokensInCache = static_cast<std::int64_t>(common);
    count.kvBytesPerToken = m_session->kvBytes(1);
    count.documentBegin = documentBeginIn(piecesOf(m_session->chatTemplate(), {text.document, {}}));
    count.encoding = encoding;
    Q_EMIT counted(ticket, count);
  });
}

void EngineWorker::read(Ticket ticket, const PromptText& text, std::stop_token stop) {
  guarded(ticket, [&] {
    if (!m_session) {
      throw Error(ErrorCode::InvalidRequest, "No model is loaded.");
    }
    const std::shared_ptr<const Encoding> encoding = encode(text);
    QElapsedTimer sinceTold;
    std::optional<PrefillStats> untold;
    const auto tell = [&] {
      if (untold) {
        Q_EMIT readProgressed(ticket, *std::exchange(untold, std::nullopt));
        tellFigures();
        sinceTold.start();
      }
    };
    const ReadResult result = m_session->read(
        encoding->ids,
        [&](const PrefillStats& stats) {
          untold = stats;
          makeWishedCache();
          if (!sinceTold.isValid() || sinceTold.elapsed() >= kMergeMs) {
            tell();
          }
        },
        std::move(stop));
    tell();
    tellFigures();
    Q_EMIT readFinished(ticket, result, m_session->memory());
  });
}

void EngineWorker::answer(Ticket ticket, const PromptText& text, const AnswerOptions& options,
                          std::stop_token stop) {
  QString untoldText;
  std::vector<StepStats> untoldSteps;
  QElapsedTimer sinceTold;
  const auto tell = [&] {
    if (!untoldSteps.empty()) {
      Q_EMIT answerProgressed(ticket, std::exchange(untoldText, {}),
                              std::exchange(untoldSteps, {}));
      tellFigures();
    }
    sinceTold.start();
  };
  guarded(ticket, [&] {
    if (!m_session) {
      throw Error(ErrorCode::InvalidRequest, "No model is loaded.");
    }
    const std::shared_ptr<const Encoding> encoding = encode(text);
    const auto tokens = static_cast<std::int64_t>(encoding->ids.size());
    if (tokens + kLeastAnswerTokens > m_session->contextTokens()) {
      Q_EMIT failed(ticket,
                    EngineFailure{ErrorCode::DoesNotFit,
                                  QStringLiteral("The prompt has %1 tokens; this model reads %2.")
                                      .arg(tokens)
                                      .arg(m_session->contextTokens()),
                                  tokens, m_session->contextTokens()});
      return;
    }
    try {
      const Answer answer = m_session->answer(
          encoding->ids, options,
          [&](const PrefillStats& stats) {
            makeWishedCache();
            Q_EMIT readProgressed(ticket, stats);
          },
          [&](TokenId, std::string_view piece, const StepStats& stats) {
            makeWishedCache();
            untoldText += QString::fromUtf8(piece.data(), static_cast<qsizetype>(piece.size()));
            untoldSteps.push_back(stats);
            if (!sinceTold.isValid() || sinceTold.elapsed() >= kMergeMs) {
              tell();
            }
          },
          std::move(stop));
      tell();
      tellFigures();
      Q_EMIT answerFinished(ticket, answer, m_session->memory());
    } catch (const std::exception&) {
      tell();  // what was written before the fault is kept
      throw;
    }
  });
}

void EngineWorker::wishCache(Ticket ticket, const CacheOptions& cache, std::stop_token stop) {
  const std::lock_guard lock(m_wishMutex);
  if (m_wish) {
    Q_EMIT cacheStopped(m_wish->ticket);
  }
  m_wish = CacheWish{ticket, cache, std::move(stop)};
}

void EngineWorker::makeWishedCache() {
  std::optional<CacheWish> wish;
  {
    const std::lock_guard lock(m_wishMutex);
    wish = std::exchange(m_wish, std::nullopt);
  }
  if (!wish) {
    return;
  }
  const auto fail = [&](ErrorCode code, const QString& sentence) {
    Q_EMIT cacheFailed(wish->ticket, EngineFailure{code, sentence});
  };
  if (!m_session) {
    fail(ErrorCode::InvalidRequest, QStringLiteral("No model is loaded."));
    return;
  }
  if (wish->stop.stop_requested()) {
    Q_EMIT cacheStopped(wish->ticket);
    return;
  }
  QElapsedTimer since;
  since.start();
  qint64 told = 0;
  // Nothing may leave: a callback of an answer that goes on with the cache as it was calls this.
  try {
    const bool complete = m_session->setCache(
        wish->cache,
        [&](double share) {
          if (since.elapsed() - told >= kMergeMs) {
            told = since.elapsed();
            Q_EMIT cacheProgressed(wish->ticket, share);
          }
        },
        wish->stop);
    tellFigures();
    if (complete) {
      Q_EMIT cacheChanged(wish->ticket, static_cast<double>(since.nsecsElapsed()) / 1e9);
    } else {
      Q_EMIT cacheStopped(wish->ticket);
    }
  } catch (const Error& error) {
    fail(error.code(), QString::fromUtf8(error.what()));
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::DoesNotFit, QStringLiteral("The computer has no memory left."));
  }
}

void EngineWorker::tellFigures() {
  if (m_session) {
    Q_EMIT figured(EngineFigures{m_session->memory(), m_session->fastTier(),
                                 m_session->cacheOptions(), m_capacity});
  }
}

}  // namespace bookwheel
