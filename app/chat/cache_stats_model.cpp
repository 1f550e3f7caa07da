// SPDX-License-Identifier: Apache-2.0
// CacheStatsModel: the live panel's numbers: memory by part, speed over time, what limits it.
#include "app/chat/cache_stats_model.h"

#include "app/library/words.h"

#include <QLocale>

#include <algorithm>
#include <cmath>
#include <limits>

namespace bookwheel {
namespace {

/// Numbers that change more often cannot be read (design: at most four times a second).
constexpr int kTellMs = 250;
/// Charts may move ten times a second; five look the same, and the area chart is what costs most of
/// the panel's painting.
constexpr int kDrawMs = 200;
/// Weight of the newest step in the shown speed: about the last ten tokens.
constexpr double kSmoothing = 0.1;

template <typename Value>
void push(QList<Value>& history, const Value& value, int most = CacheStatsModel::kHistory) {
  if (history.size() >= most) {
    history.removeFirst();
  }
  history.append(value);
}

QString percentText(double share) {
  return CacheStatsModel::tr("%1%").arg(static_cast<int>(std::lround(share * 100)));
}

}  // namespace

QString exactBytesText(std::int64_t bytes) {
  constexpr double kGiga = 1 << 30;
  const auto value = static_cast<double>(bytes);
  return value >= kGiga
             ? CacheStatsModel::tr("%1 GB").arg(QLocale().toString(value / kGiga, 'f', 2))
             : bytesText(bytes);
}

double StepMeans::hiddenBytes() const {
  const double time = hiddenUs + exposedUs;
  return time > 0 ? fetchedBytes * hiddenUs / time : fetchedBytes;
}

CacheStatsModel::CacheStatsModel(QObject* parent) : QObject(parent) {
  m_tell.setSingleShot(true);
  m_tell.setInterval(kTellMs);
  connect(&m_tell, &QTimer::timeout, this, &CacheStatsModel::figuresChanged);
  m_draw.setSingleShot(true);
  m_draw.setInterval(kDrawMs);
  connect(&m_draw, &QTimer::timeout, this, &CacheStatsModel::chartsChanged);
}

QList<MemoryPart> CacheStatsModel::memoryParts() const {
  const MemoryUse& use = m_engine.memory;
  const CacheOptions& cache = m_engine.cache;
  QList<MemoryPart> parts;
  const auto add = [&](MemoryPart::Kind kind, const QString& name, std::int64_t bytes,
                       std::int64_t planned, bool always) {
    if (always || bytes > 0 || planned > 0) {
      parts.append({kind, name, bytes, planned, exactBytesText(bytes)});
    }
  };
  add(MemoryPart::Kind::Weights, tr("Weights"), use.weightsBytes, m_plan.weightsBytes, true);
  const std::int64_t plannedScales = m_plan.fastTier.metadataBytes;
  const QString codes = cache.keyBits == cache.valueBits
                            ? tr("Codes (%1-bit)").arg(cache.keyBits)
                            : tr("Codes (%1/%2-bit)").arg(cache.keyBits).arg(cache.valueBits);
  add(MemoryPart::Kind::Codes, codes, use.copyBytes - use.metadataBytes,
      m_plan.copyBytes - plannedScales, false);
  add(MemoryPart::Kind::Scales, tr("Scales"), use.metadataBytes,
      m_plan.copyBytes > 0 ? plannedScales : 0, false);
  add(MemoryPart::Kind::Exact, storeInFile() ? tr("16-bit residual") : tr("16-bit store"),
      use.kvBytes - use.bufferBytes, m_plan.kvMemoryBytes - m_plan.bufferBytes, false);
  add(MemoryPart::Kind::Buffer, tr("Prefetch buffer"), use.bufferBytes, m_plan.bufferBytes, false);
  add(MemoryPart::Kind::Workspace, tr("Workspace"), use.workspaceBytes, m_plan.workspaceBytes,
      true);
  return parts;
}

double CacheStatsModel::readShare() const {
  return m_tokensTotal > 0 ? static_cast<double>(m_tokensDone) / static_cast<double>(m_tokensTotal)
                           : 0;
}

double CacheStatsModel::hitRate() const {
  PairStats sum;
  for (const StepStats& step : m_lastSteps) {
    sum.wanted += step.pairs.wanted;
    sum.resident += step.pairs.resident;
  }
  return sum.wanted > 0 ? sum.hitRate() : -1;
}

QList<double> CacheStatsModel::layerHitRates() const {
  QList<double> means;
  QList<int> counts;
  for (const StepStats& step : m_lastSteps) {
    if (means.size() < step.layers.entries) {
      means.resize(step.layers.entries);
      counts.resize(step.layers.entries);
    }
    for (int layer = 0; layer < step.layers.entries; ++layer) {
      const float rate = step.layers.rate[static_cast<std::size_t>(layer)];
      if (rate >= 0) {
        means[layer] += static_cast<double>(rate);
        ++counts[layer];
      }
    }
  }
  for (int layer = 0; layer < means.size(); ++layer) {
    means[layer] = counts.at(layer) > 0 ? means.at(layer) / counts.at(layer) : -1;
  }
  return means;
}

StepMeans CacheStatsModel::means() const {
  StepMeans sum;
  int steps = 0;
  for (const StepStats& step : m_lastSteps) {
    if (step.times.weightsUs > 0) {
      sum.stepUs += step.decodeUs;
      sum.weightsUs += step.times.weightsUs;
      sum.cacheUs += step.times.cacheUs - step.pairs.exposedUs;
      sum.exposedUs += step.pairs.exposedUs;
      sum.hiddenUs += step.pairs.hiddenUs;
      sum.fetchedBytes += static_cast<double>(step.pairs.fetchedBytes);
      ++steps;
    }
  }
  if (steps > 0) {
    for (double* part : {&sum.stepUs, &sum.weightsUs, &sum.cacheUs, &sum.exposedUs, &sum.hiddenUs,
                         &sum.fetchedBytes}) {
      *part /= steps;
    }
  }
  return sum;
}

double CacheStatsModel::guessedRight() const {
  PairStats sum;
  for (const PairStats& step : m_guesses) {
    sum.guesses += step.guesses;
    sum.rightGuesses += step.rightGuesses;
  }
  return sum.guesses > 0 ? static_cast<double>(sum.rightGuesses) / static_cast<double>(sum.guesses)
                         : -1;
}

LimitFigures CacheStatsModel::limit() const {
  const StepMeans now = means();
  LimitFigures figures;
  figures.stage = static_cast<LimitFigures::Stage>(m_stage);
  figures.stepUs = now.stepUs;
  figures.weightsUs = now.weightsUs;
  figures.cacheUs = now.cacheUs;
  figures.exposedUs = now.exposedUs;
  figures.hiddenUs = now.hiddenUs;
  figures.usesCopy = m_engine.cache.usesCopy();
  figures.storeInFile = storeInFile();
  figures.tokensDone = m_engine.fast.tokens;
  figures.weightsBytes = m_engine.memory.weightsBytes;
  figures.fastBytes = m_engine.fast.bytes();
  figures.tokensPerSecond = m_tokensPerSecond;
  return figures;
}

QString CacheStatsModel::usedText() const { return bytesText(usedBytes()); }

QString CacheStatsModel::speedTextNow() const {
  const QString speed = speedText(m_tokensPerSecond);
  return m_stage == Stage::Reading && !speed.isEmpty() ? tr("%1 reading").arg(speed) : speed;
}

QString CacheStatsModel::shareText() const {
  if (m_tokensTotal == 0) {
    return {};
  }
  // Down, so that 100% means all of it.
  const auto percent = static_cast<int>(readShare() * 100);
  return tr("%1% of the book read").arg(percent);
}

QString CacheStatsModel::hitRateText() const {
  const double rate = hitRate();
  return rate >= 0 ? percentText(rate) : QString();
}

QString CacheStatsModel::ratioText() const {
  const FastTierUse& fast = m_engine.fast;
  return m_engine.cache.usesCopy() && fast.tokens > 0
             ? tr("%1×").arg(QLocale().toString(fast.compressionRatio, 'f', 1))
             : QString();
}

QString CacheStatsModel::compressionText() const {
  const FastTierUse& fast = m_engine.fast;
  if (!m_engine.cache.usesCopy() || fast.tokens == 0) {
    return {};
  }
  const auto exact = static_cast<std::int64_t>(
      std::llround(fast.compressionRatio * static_cast<double>(fast.bytes())));
  const QString whole = exactBytesText(exact);
  QString held = exactBytesText(fast.bytes());
  // One unit is enough.
  if (const qsizetype at = held.indexOf(QLatin1Char(' ')); at > 0 && whole.endsWith(held.mid(at))) {
    held.truncate(at);
  }
  return tr("%1 held in %2").arg(whole, held);
}

QString CacheStatsModel::headline() const { return limitSentence(limit()); }

QString CacheStatsModel::headlineInBrief() const { return limitInBrief(limit()); }

QString CacheStatsModel::speedSentence() const {
  if (m_stage == Stage::Reading) {
    return m_tokensPerSecond > 0 ? tr("Reading %1.").arg(speedText(m_tokensPerSecond))
                                 : tr("No speed was measured yet.");
  }
  const StepMeans now = means();
  if (now.stepUs <= 0) {
    return tr("No speed was measured yet.");
  }
  QString sentence =
      tr("Speed %1; a step takes %2: weights %3, cache %4, other %5")
          .arg(speedText(m_answerSpeeds.isEmpty() ? 0 : 1e6 / now.stepUs), stepTimeText(now.stepUs),
               stepTimeText(now.weightsUs), stepTimeText(now.cacheUs),
               stepTimeText(std::max(now.otherUs(), 0.0)));
  if (storeInFile()) {
    sentence += tr(", waiting %1; %2 fetched a step")
                    .arg(now.exposedUs > 0 ? stepTimeText(now.exposedUs) : tr("nothing"),
                         bytesText(static_cast<std::int64_t>(now.fetchedBytes)));
  }
  if (const double right = guessedRight(); right >= 0) {
    sentence += tr("; next token guessed right %1").arg(percentText(right));
  }
  return sentence + QLatin1Char('.');
}

QString CacheStatsModel::hitRateSentence() const {
  const double now = hitRate();
  if (now < 0) {
    return m_engine.cache.usesCopy() ? tr("No hit rate was measured yet.")
                                     : tr("The exact cache fetches no pairs.");
  }
  // Steady: the last quarter of what is drawn is as the quarter before, within five points.
  const auto mean = [&](qsizetype from, qsizetype to) {
    double sum = 0;
    int count = 0;
    for (qsizetype i = std::max<qsizetype>(from, 0); i < to; ++i) {
      if (!std::isnan(m_hitRates.at(i))) {
        sum += m_hitRates.at(i);
        ++count;
      }
    }
    return count > 0 ? sum / count : -1;
  };
  const qsizetype size = m_hitRates.size();
  const qsizetype quarter = std::max<qsizetype>(size / 4, 1);
  const double before = mean(size - 2 * quarter, size - quarter);
  const double last = mean(size - quarter, size);
  constexpr double kSteady = 0.05;
  const QString trend = before < 0                ? QString()
                        : last > before + kSteady ? tr(", rising")
                        : last < before - kSteady ? tr(", falling")
                                                  : tr(", steady");
  return tr("Prefetch hit rate %1 percent%2.").arg(std::lround(now * 100)).arg(trend);
}

QString CacheStatsModel::layersSentence() const {
  const QList<double> layers = layerHitRates();
  qsizetype lowest = -1;
  for (qsizetype layer = 0; layer < layers.size(); ++layer) {
    if (layers.at(layer) >= 0 && (lowest < 0 || layers.at(layer) < layers.at(lowest))) {
      lowest = layer;
    }
  }
  return lowest < 0 ? tr("No hit rate by layer was measured yet.")
                    : tr("Hit rate by layer: lowest layer %1, %2 percent.")
                          .arg(lowest)
                          .arg(std::lround(layers.at(lowest) * 100));
}

QString CacheStatsModel::memorySentence() const {
  QStringList parts;
  const QList<MemoryPart> all = memoryParts();
  for (const MemoryPart& part : all) {
    parts.append(tr("%1 %2").arg(part.name.toLower(), part.text));
  }
  return tr("%1 of main memory in use: %2.")
      .arg(exactBytesText(usedBytes()), parts.join(QStringLiteral(", ")));
}

void CacheStatsModel::setStage(Stage stage) {
  if (stage == m_stage) {
    return;
  }
  m_stage = stage;
  m_tokensPerSecond = 0;
  Q_EMIT stageChanged(stage);
  Q_EMIT figuresChanged();
  Q_EMIT chartsChanged();
}

void CacheStatsModel::setEngine(const EngineFigures& figures) {
  const bool otherCache = !(figures.cache == m_engine.cache);
  m_engine = figures;
  if (otherCache) {
    restartMeans();
  }
  touch();
}

void CacheStatsModel::setPlan(const MemoryPlan& plan) {
  m_plan = plan;
  touch();
}

void CacheStatsModel::setComputer(std::int64_t totalBytes, std::int64_t availableBytes) {
  m_memoryTotal = totalBytes;
  m_memoryAvailable = availableBytes;
  touch();
}

void CacheStatsModel::addPrefill(const PrefillStats& stats) {
  m_tokensDone = stats.tokensDone;
  m_tokensTotal = stats.tokensTotal;
  if (stats.tokensPerSecond > 0) {
    m_tokensPerSecond = stats.tokensPerSecond;
    push(m_readSpeeds, stats.tokensPerSecond);
  }
  touch();
}

void CacheStatsModel::addStep(const StepStats& stats) {
  if (stats.times.weightsUs <= 0) {
    return;  // the token that reading the question gave: no step was made for it
  }
  push(m_hitRates,
       stats.pairs.wanted > 0 ? stats.pairs.hitRate() : std::numeric_limits<double>::quiet_NaN());
  push(m_guesses, stats.pairs);
  push(m_lastSteps, stats, kNow);
  if (stats.decodeUs > 0) {
    const double now = 1e6 / stats.decodeUs;
    push(m_answerSpeeds, now);
    m_tokensPerSecond =
        m_tokensPerSecond > 0 ? m_tokensPerSecond + kSmoothing * (now - m_tokensPerSecond) : now;
  }
  touch();
}

void CacheStatsModel::restartMeans() {
  m_lastSteps.clear();
  touch();
}

void CacheStatsModel::clearBook() {
  m_tokensDone = 0;
  m_tokensTotal = 0;
  m_plan = {};
  m_readSpeeds.clear();
  m_answerSpeeds.clear();
  m_hitRates.clear();
  m_guesses.clear();
  m_lastSteps.clear();
  touch();
}

void CacheStatsModel::touch() {
  if (!m_tell.isActive()) {
    m_tell.start();
  }
  if (!m_draw.isActive()) {
    m_draw.start();
  }
}

}  // namespace bookwheel
