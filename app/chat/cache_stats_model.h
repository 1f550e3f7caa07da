// SPDX-License-Identifier: Apache-2.0
// CacheStatsModel: the live panel's numbers: memory by part, speed over time, what limits it.
#pragma once

#include "app/chat/engine_figures.h"
#include "app/chat/limit_sentence.h"
#include "engine/cache/planner.h"
#include "engine/run/stats.h"

#include <QList>
#include <QObject>
#include <QString>
#include <QTimer>

#include <cstdint>

namespace bookwheel {

/// One coloured part of the memory bar, in the order of design/ui.
struct MemoryPart {
  enum class Kind { Weights, Codes, Scales, Exact, Buffer, Workspace } kind;
  QString name;  ///< "Weights", "Codes (2-bit)", "Scales", "16-bit residual", ...
  std::int64_t bytes = 0;
  std::int64_t plannedBytes = 0;  ///< 0: nothing is planned
  QString text;                   ///< "1.04 GB"
  bool isCache() const { return kind != Kind::Weights && kind != Kind::Workspace; }
};

/// Means over the last steps of an answer; all 0 before the first one.
struct StepMeans {
  double stepUs = 0;
  double weightsUs = 0;
  double cacheUs = 0;  ///< without exposedUs
  double exposedUs = 0;
  double hiddenUs = 0;
  double fetchedBytes = 0;
  double otherUs() const { return stepUs - weightsUs - cacheUs - exposedUs; }
  /// Of fetchedBytes, by the share of the fetching that computing hid.
  double hiddenBytes() const;
};

/// GUI thread. Takes figures as they come; tells views of numbers at most four times a second
/// (figuresChanged) and of what charts draw at most ten times (chartsChanged). All texts are made
/// here.
class CacheStatsModel : public QObject {
  Q_OBJECT
 public:
  enum class Stage { Empty, Loading, Idle, Reading, Answering };
  Q_ENUM(Stage)
  static constexpr int kHistory = 256;  ///< tokens (answering) or chunks (reading)
  static constexpr int kNow = 32;       ///< steps that numbers of "now" are means of

  explicit CacheStatsModel(QObject* parent = nullptr);

  Stage stage() const { return m_stage; }
  /// Those that exist: a cache part of 0 bytes that is not planned either is left out.
  QList<MemoryPart> memoryParts() const;
  std::int64_t usedBytes() const { return m_engine.memory.totalBytes(); }
  std::int64_t plannedBytes() const { return m_plan.totalBytes - m_plan.layerBytes; }
  std::int64_t memoryTotalBytes() const { return m_memoryTotal; }  ///< the bar's full length
  std::int64_t memoryAvailableBytes() const { return m_memoryAvailable; }
  double tokensPerSecond() const { return m_tokensPerSecond; }          ///< smoothed; 0 when idle
  double readShare() const;                                             ///< 0 to 1
  const QList<double>& answerSpeeds() const { return m_answerSpeeds; }  ///< tokens/s, oldest first
  const QList<double>& readSpeeds() const { return m_readSpeeds; }

  const EngineFigures& engine() const { return m_engine; }
  bool storeInFile() const { return m_engine.capacity == CapacityPlace::File; }
  /// Hit rate of each step, oldest first; NaN where a step wanted no pairs (the exact cache).
  const QList<double>& hitRates() const { return m_hitRates; }
  /// Of all pairs wanted in the last kNow steps; < 0 unknown.
  double hitRate() const;
  /// Mean over the last kNow steps, layer by layer; < 0: unknown. Empty without a low-bit copy.
  QList<double> layerHitRates() const;
  StepMeans means() const;
  /// Steps that means() is over, at most kNow.
  qsizetype measuredSteps() const { return m_lastSteps.size(); }
  /// Of the guesses made in the last kHistory steps; < 0: none was made.
  double guessedRight() const;
  LimitFigures limit() const;

  QString usedText() const;         ///< "1.9 GB"
  QString speedTextNow() const;     ///< "642 tokens/s reading", "20.1 tokens/s"
  QString shareText() const;        ///< "61% of the book read"
  QString hitRateText() const;      ///< "91%", "" unknown
  QString ratioText() const;        ///< "6.1×", "" with the exact cache
  QString compressionText() const;  ///< "12.6 GB held in 2.05 GB", "" with the exact cache
  QString headline() const;         ///< the one sentence: what limits the speed
  QString headlineInBrief() const;  ///< for the strip
  QString speedSentence() const;    ///< for screen readers, as the next ones
  QString hitRateSentence() const;
  QString layersSentence() const;
  QString memorySentence() const;

  // Set by the controller
  void setStage(Stage stage);
  void setEngine(const EngineFigures& figures);
  /// Of the cache that is in use now; {} plans nothing.
  void setPlan(const MemoryPlan& plan);
  void setComputer(std::int64_t totalBytes, std::int64_t availableBytes);
  void addPrefill(const PrefillStats& stats);
  void addStep(const StepStats& stats);
  /// Times of steps so far say nothing of those that come: another cache is in use.
  void restartMeans();
  void clearBook();

 Q_SIGNALS:
  void stageChanged(CacheStatsModel::Stage stage);
  void figuresChanged();
  void chartsChanged();

 private:
  void touch();

  Stage m_stage = Stage::Empty;
  EngineFigures m_engine;
  MemoryPlan m_plan;
  std::int64_t m_memoryTotal = 0;
  std::int64_t m_memoryAvailable = 0;
  std::int64_t m_tokensDone = 0;
  std::int64_t m_tokensTotal = 0;
  double m_tokensPerSecond = 0;
  QList<double> m_answerSpeeds;
  QList<double> m_readSpeeds;
  QList<double> m_hitRates;
  QList<PairStats> m_guesses;    // kHistory steps
  QList<StepStats> m_lastSteps;  // kNow steps
  QTimer m_tell;
  QTimer m_draw;
};

/// "4.58 GB", "620 MB": two digits behind the point from 1 GB on.
QString exactBytesText(std::int64_t bytes);

}  // namespace bookwheel
