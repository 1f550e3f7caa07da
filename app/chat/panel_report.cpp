// SPDX-License-Identifier: Apache-2.0
// The panel's figures as text to paste and as CSV to keep; pure.
#include "app/chat/panel_report.h"

#include "app/chat/budget_model.h"
#include "app/chat/cache_stats_model.h"
#include "app/library/words.h"

#include <QCoreApplication>
#include <QStringList>

#include <cmath>

namespace bookwheel {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(bookwheel::PanelReport)
};

QByteArray csvField(const QString& text) {
  QByteArray field = text.toUtf8();
  if (field.contains('"') || field.contains(',') || field.contains('\n') || field.contains('\r')) {
    field.replace("\"", "\"\"");
    field = '"' + field + '"';
  }
  return field;
}

/// The names of the CSV are for programs and are not translated.
QString partKey(MemoryPart::Kind kind) {
  switch (kind) {
    case MemoryPart::Kind::Weights:
      return QStringLiteral("weights");
    case MemoryPart::Kind::Codes:
      return QStringLiteral("codes");
    case MemoryPart::Kind::Scales:
      return QStringLiteral("scales");
    case MemoryPart::Kind::Exact:
      return QStringLiteral("exact16");
    case MemoryPart::Kind::Buffer:
      return QStringLiteral("buffer");
    case MemoryPart::Kind::Workspace:
      return QStringLiteral("workspace");
  }
  return {};
}

}  // namespace

QString panelAsText(const CacheStatsModel& stats, const BudgetModel& budget) {
  QStringList lines;
  lines.append(stats.headline());
  lines.append(Words::tr("Main memory: %1, planned %2")
                   .arg(exactBytesText(stats.usedBytes()), exactBytesText(stats.plannedBytes())));
  const QList<MemoryPart> parts = stats.memoryParts();
  for (const MemoryPart& part : parts) {
    lines.append(Words::tr("  %1: %2, planned %3")
                     .arg(part.name, part.text, exactBytesText(part.plannedBytes)));
  }
  if (!stats.ratioText().isEmpty()) {
    lines.append(
        Words::tr("Cache compression: %1, %2").arg(stats.ratioText(), stats.compressionText()));
  }
  lines.append(stats.hitRateSentence());
  lines.append(stats.layersSentence());
  lines.append(stats.speedSentence());
  if (!budget.table().isEmpty()) {
    lines.append(Words::tr("Budget %1%2")
                     .arg(budgetText(budget.bytes()),
                          budget.isChosen() ? QString() : Words::tr(", not chosen")));
    lines.append(
        Words::tr("What the budget buys for this book: budget, bits K / V, pairs, tokens "
                  "that fit, speed, agreement, 16-bit store"));
    for (int row = 0; row < budget.table().stops().size(); ++row) {
      const BudgetStop& stop = budget.table().stops().at(row);
      lines.append(QStringLiteral("%1 %2; %3; %4; %5; %6; %7; %8")
                       .arg(row == budget.currentRow() ? QStringLiteral("*") : QStringLiteral(" "),
                            stop.budgetText, stop.bitsText, stop.pairsText, stop.tokensText,
                            stop.speedText, stop.agreementText, stop.placeText));
    }
  }
  return lines.join(QLatin1Char('\n')) + QLatin1Char('\n');
}

QByteArray panelAsCsv(const CacheStatsModel& stats, const BudgetModel& budget) {
  QByteArray csv = "part,name,value,unit\r\n";
  const auto add = [&csv](const char* part, const QString& name, double value, const char* unit) {
    csv += QByteArray(part) + ',' + csvField(name) + ',';
    if (std::isfinite(value)) {
      csv += QByteArray::number(value, 'g', 15);
    }
    csv += ',' + QByteArray(unit) + "\r\n";
  };
  const double unknown = std::nan("");
  const auto orUnknown = [unknown](double value) { return value >= 0 ? value : unknown; };
  const QList<MemoryPart> parts = stats.memoryParts();
  for (const MemoryPart& part : parts) {
    add("memory", partKey(part.kind), static_cast<double>(part.bytes), "bytes");
    add("planned", partKey(part.kind), static_cast<double>(part.plannedBytes), "bytes");
  }
  add("memory", QStringLiteral("total"), static_cast<double>(stats.usedBytes()), "bytes");
  add("planned", QStringLiteral("total"), static_cast<double>(stats.plannedBytes()), "bytes");
  const FastTierUse& fast = stats.engine().fast;
  add("cache", QStringLiteral("tokens"), static_cast<double>(fast.tokens), "tokens");
  add("cache", QStringLiteral("fast_tier"), static_cast<double>(fast.bytes()), "bytes");
  add("cache", QStringLiteral("compression"), fast.compressionRatio, "ratio");
  const StepMeans means = stats.means();
  const bool measured = means.stepUs > 0;
  const auto time = [&](const char* name, double us) {
    add("step", QString::fromLatin1(name), measured ? us : unknown, "us");
  };
  time("total", means.stepUs);
  time("weights", means.weightsUs);
  time("cache", means.cacheUs);
  time("waiting", means.exposedUs);
  time("fetch_hidden", means.hiddenUs);
  add("step", QStringLiteral("fetched"), measured ? means.fetchedBytes : unknown, "bytes");
  add("hits", QStringLiteral("now"), orUnknown(stats.hitRate()), "share");
  add("hits", QStringLiteral("guessed_right"), orUnknown(stats.guessedRight()), "share");
  const QList<double> layers = stats.layerHitRates();
  for (qsizetype layer = 0; layer < layers.size(); ++layer) {
    add("hits", QStringLiteral("layer_%1").arg(layer), orUnknown(layers.at(layer)), "share");
  }
  for (const double rate : stats.hitRates()) {
    add("history", QStringLiteral("hit_rate"), rate, "share");
  }
  add("budget", QStringLiteral("chosen"), static_cast<double>(budget.bytes()), "bytes");
  for (const BudgetStop& stop : budget.table().stops()) {
    const QString name =
        QStringLiteral("%1 %2 %3")
            .arg(stop.bitsText, stop.pairsText,
                 stop.choice.capacity == CapacityPlace::File ? QStringLiteral("file")
                                                             : QStringLiteral("memory"));
    add("stop", name, static_cast<double>(stop.bytes), "bytes");
    add("stop_tokens", name, static_cast<double>(stop.tokensThatFit), "tokens");
    add("stop_speed", name, stop.tokensPerSecond > 0 ? stop.tokensPerSecond : unknown,
        stop.speedMeasured ? "tokens/s" : "tokens/s estimated");
    add("stop_agreement", name, stop.agreement.value_or(unknown), "share");
  }
  return csv;
}

}  // namespace bookwheel
