// SPDX-License-Identifier: Apache-2.0
// CacheStatsModel: the live panel's numbers: memory by part, speed over time, what limits it.
#include "app/chat/cache_stats_model.h"

#include "app/library/words.h"

#include <algorithm>

namespace bookwheel {
namespace {

/// Numbers that change more often cannot be read (design: at most four times a second).
constexpr int kTellMs = 250;
/// Weight of the newest step in the shown speed: about the last ten tokens.
constexpr double kSmoothing = 0.1;

void push(QList<double>& history, double value) {
  if (history.size() >= CacheStatsModel::kHistory) {
    history.removeFirst();
  }
  history.append(value);
}

}  // namespace

CacheStatsModel::CacheStatsModel(QObject* parent) : QObject(parent) {
  m_tell.setSingleShot(true);
  m_tell.setInterval(kTellMs);
  connect(&m_tell, &QTimer::timeout, this, &CacheStatsModel::figuresChanged);
}

QList<MemoryPart> CacheStatsModel::memoryParts() const {
  QList<MemoryPart> parts;
  const auto add = [&](MemoryPart::Kind kind, const QString& name, std::int64_t bytes) {
    parts.append({kind, name, bytes, bytesText(bytes)});
  };
  add(MemoryPart::Kind::Weights, tr("Weights"), m_memory.weightsBytes);
  if (m_memory.copyBytes > 0) {
    add(MemoryPart::Kind::Copy, tr("Low-bit copy"), m_memory.copyBytes);
  }
  add(MemoryPart::Kind::Kv, tr("16-bit KV"), m_memory.kvBytes);
  add(MemoryPart::Kind::Workspace, tr("Workspace"), m_memory.workspaceBytes);
  return parts;
}

std::int64_t CacheStatsModel::usedBytes() const {
  return m_memory.weightsBytes + m_memory.copyBytes + m_memory.kvBytes + m_memory.workspaceBytes;
}

double CacheStatsModel::readShare() const {
  return m_tokensTotal > 0 ? static_cast<double>(m_tokensDone) / static_cast<double>(m_tokensTotal)
                           : 0;
}

QString CacheStatsModel::usedText() const { return bytesText(usedBytes()); }

QString CacheStatsModel::plannedText() const {
  return m_plannedBytes > 0 ? tr("%1 planned").arg(bytesText(m_plannedBytes)) : QString();
}

QString CacheStatsModel::availableText() const {
  return m_memoryTotal > 0 ? tr("of %1").arg(bytesText(m_memoryTotal)) : QString();
}

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

QString CacheStatsModel::kvText() const {
  if (m_kvBytesPerToken == 0 || m_memory.kvBytes == 0) {
    return {};
  }
  if (m_fastBytes > 0 && m_hitRate > 0) {
    const double ratio = static_cast<double>(m_memory.kvBytes) / static_cast<double>(m_fastBytes);
    return tr("%1 of 16-bit KV, read %2 times smaller, %3% of wanted pairs at hand")
        .arg(bytesText(m_memory.kvBytes))
        .arg(ratio, 0, 'f', 1)
        .arg(static_cast<int>(m_hitRate * 100));
  }
  return tr("%1 of 16-bit KV, %2 a token")
      .arg(bytesText(m_memory.kvBytes), bytesText(m_kvBytesPerToken));
}

QString CacheStatsModel::headline() const {
  switch (m_stage) {
    case Stage::Empty:
      return tr("Nothing read yet.");
    case Stage::Loading:
      return tr("The model is being loaded into main memory.");
    case Stage::Idle:
      return m_tokensTotal == 0
                 ? tr("Nothing read yet; the model takes %1.").arg(usedText())
                 : tr("%1 tokens are held in %2 of main memory; nothing is computed now.")
                       .arg(countText(m_tokensDone), bytesText(m_memory.kvBytes));
    case Stage::Reading:
      return tr("Reading: the processor computes %1 for the book's tokens.")
          .arg(m_tokensPerSecond > 0 ? speedText(m_tokensPerSecond) : tr("the first keys"));
    case Stage::Answering: {
      // Each token reads all weights and all keys and values once: the larger part sets the pace.
      const std::int64_t kvRead = m_fastBytes > 0 ? m_fastBytes : m_memory.kvBytes;
      if (m_memory.weightsBytes >= kvRead) {
        return tr("Each token reads %1 of weights: they set the pace.")
            .arg(bytesText(m_memory.weightsBytes));
      }
      return m_fastBytes > 0
                 ? tr("Each token reads %1 of low-bit keys and values and the exact pairs that "
                      "matter: they set the pace.")
                       .arg(bytesText(kvRead))
                 : tr("Each token reads %1 of keys and values: they set the pace.")
                       .arg(bytesText(kvRead));
    }
  }
  return {};
}

QString CacheStatsModel::speedChartSentence() const {
  const QList<double>& speeds = m_stage == Stage::Reading ? m_readSpeeds : m_answerSpeeds;
  if (speeds.isEmpty()) {
    return tr("No speed was measured yet.");
  }
  const auto [least, most] = std::minmax_element(speeds.begin(), speeds.end());
  return tr("Speed now %1; over the last %2 figures between %3 and %4.")
      .arg(speedText(speeds.last()), countText(speeds.size()), speedText(*least), speedText(*most));
}

QString CacheStatsModel::memorySentence() const {
  return tr("%1 of main memory in use: weights %2, keys and values %3, workspace %4.")
      .arg(usedText(), bytesText(m_memory.weightsBytes), bytesText(m_memory.kvBytes),
           bytesText(m_memory.workspaceBytes));
}

void CacheStatsModel::setStage(Stage stage) {
  if (stage == m_stage) {
    return;
  }
  m_stage = stage;
  m_tokensPerSecond = 0;
  Q_EMIT stageChanged(stage);
  Q_EMIT figuresChanged();
}

void CacheStatsModel::setMemory(const MemoryUse& use) {
  m_memory = use;
  touch();
}

void CacheStatsModel::setPlanned(std::int64_t bytes) {
  m_plannedBytes = bytes;
  touch();
}

void CacheStatsModel::setComputer(std::int64_t totalBytes, std::int64_t availableBytes) {
  m_memoryTotal = totalBytes;
  m_memoryAvailable = availableBytes;
  touch();
}

void CacheStatsModel::setKvBytesPerToken(std::int64_t bytes) {
  m_kvBytesPerToken = bytes;
  touch();
}

void CacheStatsModel::addPrefill(const PrefillStats& stats) {
  m_tokensDone = stats.tokensDone;
  m_tokensTotal = stats.tokensTotal;
  m_memory.kvBytes = stats.capacityBytes;
  if (stats.tokensPerSecond > 0) {
    m_tokensPerSecond = stats.tokensPerSecond;
    push(m_readSpeeds, stats.tokensPerSecond);
  }
  touch();
}

void CacheStatsModel::addStep(const StepStats& stats) {
  m_memory.kvBytes = stats.capacityBytes;
  m_fastBytes = stats.fastBytes;
  if (stats.pairs.wanted > 0) {
    const double now = stats.pairs.hitRate();
    m_hitRate = m_hitRate > 0 ? m_hitRate + kSmoothing * (now - m_hitRate) : now;
  }
  push(m_stepTimesUs, stats.decodeUs);
  if (stats.decodeUs > 0) {
    const double now = 1e6 / stats.decodeUs;
    push(m_answerSpeeds, now);
    m_tokensPerSecond =
        m_tokensPerSecond > 0 ? m_tokensPerSecond + kSmoothing * (now - m_tokensPerSecond) : now;
  }
  touch();
}

void CacheStatsModel::clearBook() {
  m_tokensDone = 0;
  m_tokensTotal = 0;
  m_plannedBytes = 0;
  m_fastBytes = 0;
  m_hitRate = 0;
  m_readSpeeds.clear();
  m_answerSpeeds.clear();
  m_stepTimesUs.clear();
  touch();
}

void CacheStatsModel::touch() {
  if (!m_tell.isActive()) {
    m_tell.start();
  }
}

}  // namespace bookwheel
