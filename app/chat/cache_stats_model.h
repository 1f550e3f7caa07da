// SPDX-License-Identifier: Apache-2.0
// CacheStatsModel: the live panel's numbers: memory by part, speed over time, what limits it.
#pragma once

#include "engine/run/stats.h"

#include <QList>
#include <QObject>
#include <QString>
#include <QTimer>

#include <cstdint>

namespace bookwheel {

/// One coloured part of the memory bar, in the order of design/ui.
struct MemoryPart {
  enum class Kind { Weights, Copy, Kv, Workspace } kind;
  QString name;  ///< "Weights", "Low-bit copy", "16-bit KV", "Workspace"
  std::int64_t bytes;
  QString text;  ///< "1.0 GB"
};

/// GUI thread. Takes figures as they come and tells views at most four times a second
/// (figuresChanged); histories grow with each figure and are announced with the same signal. All
/// texts are made here.
class CacheStatsModel : public QObject {
  Q_OBJECT
 public:
  enum class Stage { Empty, Loading, Idle, Reading, Answering };
  Q_ENUM(Stage)
  static constexpr int kHistory = 256;  ///< tokens (answering) or chunks (reading)

  explicit CacheStatsModel(QObject* parent = nullptr);

  Stage stage() const { return m_stage; }
  QList<MemoryPart> memoryParts() const;
  std::int64_t usedBytes() const;
  std::int64_t plannedBytes() const { return m_plannedBytes; }     ///< 0: nothing planned
  std::int64_t memoryTotalBytes() const { return m_memoryTotal; }  ///< the bar's full length
  std::int64_t memoryAvailableBytes() const { return m_memoryAvailable; }
  double tokensPerSecond() const { return m_tokensPerSecond; }          ///< smoothed; 0 when idle
  double readShare() const;                                             ///< 0 to 1
  const QList<double>& answerSpeeds() const { return m_answerSpeeds; }  ///< tokens/s, oldest first
  const QList<double>& readSpeeds() const { return m_readSpeeds; }
  const QList<double>& stepTimesUs() const { return m_stepTimesUs; }

  QString usedText() const;       ///< "1.9 GB"
  QString plannedText() const;    ///< "2.0 GB planned"
  QString availableText() const;  ///< "of 23.4 GB"
  QString speedTextNow() const;   ///< "642 tokens/s reading", "20.1 tokens/s"
  QString shareText() const;      ///< "61% of the book read"
  QString kvText() const;  ///< "448 MB of 16-bit KV, 28 KB a token", with a copy what it saves
  double hitRate() const { return m_hitRate; }  ///< of the pairs wanted; smoothed; 0 when unknown
  /// The one sentence: what is going on and what limits it.
  QString headline() const;
  QString speedChartSentence() const;  ///< for screen readers
  QString memorySentence() const;      ///< for screen readers

  // Set by the controller
  void setStage(Stage stage);
  void setMemory(const MemoryUse& use);
  void setPlanned(std::int64_t bytes);
  void setComputer(std::int64_t totalBytes, std::int64_t availableBytes);
  void setKvBytesPerToken(std::int64_t bytes);
  void addPrefill(const PrefillStats& stats);
  void addStep(const StepStats& stats);
  void clearBook();

 Q_SIGNALS:
  void stageChanged(CacheStatsModel::Stage stage);
  void figuresChanged();

 private:
  void touch();

  Stage m_stage = Stage::Empty;
  MemoryUse m_memory{};
  std::int64_t m_plannedBytes = 0;
  std::int64_t m_memoryTotal = 0;
  std::int64_t m_memoryAvailable = 0;
  std::int64_t m_kvBytesPerToken = 0;
  std::int64_t m_tokensDone = 0;
  std::int64_t m_tokensTotal = 0;
  double m_tokensPerSecond = 0;
  std::int64_t m_fastBytes = 0;  // of the fast tier after the last step
  double m_hitRate = 0;
  QList<double> m_answerSpeeds;
  QList<double> m_readSpeeds;
  QList<double> m_stepTimesUs;
  QTimer m_tell;
};

}  // namespace bookwheel
