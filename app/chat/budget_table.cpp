// SPDX-License-Identifier: Apache-2.0
// BudgetTable: what each memory budget buys for a book; pure, every size comes from the planner.
#include "app/chat/budget_table.h"

#include "app/library/words.h"
#include "engine/cache/low_bit_sizes.h"

#include <QCoreApplication>
#include <QLocale>

#include <algorithm>
#include <array>
#include <cmath>

namespace bookwheel {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(bookwheel::BudgetTable)
};

constexpr std::int64_t kMega = std::int64_t{1} << 20;
constexpr std::int64_t kGiga = std::int64_t{1} << 30;
/// Beyond the last stop more memory buys nothing: the scale ends a quarter behind it.
constexpr double kScaleBehindLastStop = 1.25;
/// Slider positions that an int holds with room to spare.
constexpr std::int64_t kMostPositions = std::int64_t{1} << 30;

const QString kDash = QStringLiteral("–");

std::int64_t roundUp(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

/// 0.1 GB from 1 GB on (in whole kilobytes), below that a power of ten of the least size that is
/// still a hundredth of `bytes`.
std::int64_t grainFor(std::int64_t bytes) {
  constexpr std::int64_t kKilo = 1024;
  if (bytes >= kGiga) {
    return roundUp(kGiga / 10, kKilo);
  }
  std::int64_t grain = bytes >= kMega ? kMega / 16 : kKilo;
  while (grain * 100 < bytes) {
    grain *= 2;
  }
  return grain;
}

struct AgreementRow {
  const char* model;  // how its name begins
  int layers;
  int embedding;
  int keyBits;
  int valueBits;
  int pairs;
  double share;
};

/// docs/quality.md, "same top 1" of the last 256 of 8,192 tokens, corrected step.
constexpr std::array<AgreementRow, 7> kAgreements{{
    {"Smollm2 135M", 30, 576, 2, 2, 256, 0.977},
    {"Smollm2 135M", 30, 576, 1, 1, 1024, 0.941},
    {"Smollm2 135M", 30, 576, 1, 2, 256, 0.941},
    {"Qwen2.5 Coder 0.5B", 24, 896, 2, 2, 256, 0.943},
    {"Qwen2.5 Coder 0.5B", 24, 896, 1, 1, 1024, 0.930},
    {"Qwen2.5 Coder 1.5B", 28, 1536, 2, 2, 256, 0.959},
    {"Qwen2.5 Coder 1.5B", 28, 1536, 1, 1, 1024, 0.945},
}};

double expectedTokensPerSecond(const BudgetRequest& request, const CacheOptions& cache) {
  const StepCost& cost = request.cost;
  if (cost.known() && cost.cacheBytes > 0) {
    const auto bytes =
        static_cast<double>(stepReadBytes(request.shape, cache, request.plan.tokens));
    const double cacheUs = cost.cacheUs * bytes / static_cast<double>(cost.cacheBytes);
    return 1e6 / (cost.weightsUs + cost.otherUs + cacheUs);
  }
  if (request.earlierTokensPerSecond > 0) {
    // All that is known is the whole: a step reads the weights and the cache at one speed.
    const auto weights = static_cast<double>(request.plan.weightsBytes);
    const auto cacheBytes = [&](const CacheOptions& options) {
      return static_cast<double>(stepReadBytes(request.shape, options, request.plan.tokens));
    };
    const double then = weights + cacheBytes(defaultCacheOptions(request.shape));
    const double now = weights + cacheBytes(cache);
    return now > 0 ? request.earlierTokensPerSecond * then / now : 0;
  }
  return 0;
}

QString speedWords(double tokensPerSecond, bool measured) {
  if (!(tokensPerSecond > 0) || !std::isfinite(tokensPerSecond)) {
    return kDash;
  }
  // An estimate has no tenths.
  const QString number =
      QLocale().toString(tokensPerSecond, 'f', measured && tokensPerSecond < 99.95 ? 1 : 0);
  return measured ? Words::tr("%1 /s").arg(number) : Words::tr("about %1 /s").arg(number);
}

void fillTexts(BudgetStop& stop) {
  const CacheOptions& cache = stop.choice.cache;
  const bool copy = cache.usesCopy();
  stop.budgetText = budgetText(stop.bytes);
  stop.bitsText =
      copy ? Words::tr("%1 / %2").arg(cache.keyBits).arg(cache.valueBits) : Words::tr("16 / 16");
  stop.pairsText = copy ? countText(cache.pairs) : Words::tr("all");
  stop.tokensText = countText(stop.tokensThatFit);
  stop.speedText = speedWords(stop.tokensPerSecond, stop.speedMeasured);
  stop.agreementText = stop.agreement
                           ? Words::tr("%1%").arg(QLocale().toString(*stop.agreement * 100, 'f', 1))
                           : kDash;
  stop.placeText =
      stop.choice.capacity == CapacityPlace::File ? Words::tr("in a file") : Words::tr("in memory");
}

}  // namespace

BudgetTable::BudgetTable(const BudgetRequest& request)
    : m_memoryTotalBytes(request.memoryTotalBytes), m_tokens(request.plan.tokens) {
  if (request.plan.tokens <= 0) {
    return;
  }
  const std::vector<PlanChoice> choices = planStops(request.shape, request.plan);
  if (choices.empty()) {
    return;
  }
  const std::int64_t largest = choices.back().plan.totalBytes;
  m_grainBytes = grainFor(largest);
  for (const PlanChoice& choice : choices) {
    BudgetStop stop;
    PlanRequest at = request.plan;
    at.availableBytes = roundUp(choice.plan.totalBytes, m_grainBytes);
    PlanChoice rounded = choosePlan(request.shape, at);
    const bool same = rounded.cache == choice.cache && rounded.capacity == choice.capacity;
    stop.bytes = same ? at.availableBytes : choice.plan.totalBytes;
    stop.choice = same ? std::move(rounded) : choice;
    stop.tokensThatFit = stop.choice.plan.mostTokens;
    const auto known = std::ranges::find_if(request.measured, [&](const MeasuredSpeed& speed) {
      return speed.cache == choice.cache && speed.capacity == choice.capacity;
    });
    stop.speedMeasured = known != request.measured.end();
    stop.tokensPerSecond = stop.speedMeasured ? known->tokensPerSecond
                                              : expectedTokensPerSecond(request, choice.cache);
    stop.agreement = measuredAgreement(request.modelName, request.shape, choice.cache);
    fillTexts(stop);
    m_stops.append(stop);
  }
  const auto useful =
      static_cast<std::int64_t>(static_cast<double>(m_stops.last().bytes) * kScaleBehindLastStop);
  m_scaleBytes = roundUp(useful, m_grainBytes * 5);
  if (m_memoryTotalBytes > 0) {
    m_scaleBytes = std::max(m_stops.last().bytes, std::min(m_scaleBytes, m_memoryTotalBytes));
  }
  while (m_scaleBytes / m_unitBytes > kMostPositions) {
    m_unitBytes *= 2;
  }
}

int BudgetTable::stopFor(std::int64_t bytes) const {
  int found = m_stops.isEmpty() ? -1 : 0;
  for (int index = 1; index < m_stops.size(); ++index) {
    // What is needed, not the rounded budget that is shown: choosePlan() decides by that.
    if (m_stops.at(index).choice.plan.totalBytes <= bytes) {
      found = index;
    }
  }
  return found;
}

bool BudgetTable::isEnough(std::int64_t bytes) const {
  return !m_stops.isEmpty() && m_stops.first().choice.plan.totalBytes <= bytes;
}

std::optional<double> measuredAgreement(const QString& modelName, const ModelShape& shape,
                                        const CacheOptions& cache) {
  if (!cache.usesCopy()) {
    return 1.0;  // by definition
  }
  for (const AgreementRow& row : kAgreements) {
    CacheOptions measured;
    measured.policy = CachePolicy::Corrected;
    measured.keyBits = row.keyBits;
    measured.valueBits = row.valueBits;
    measured.pairs = row.pairs;
    if (modelName.startsWith(QLatin1StringView(row.model)) && shape.layers == row.layers &&
        shape.embedding == row.embedding && cache == measured) {
      return row.share;
    }
  }
  return std::nullopt;
}

QString budgetText(std::int64_t bytes) {
  const auto value = static_cast<double>(std::max<std::int64_t>(bytes, 0));
  // From here on a tenth of a megabyte would be shown as 1,024.
  constexpr double kGigaFrom = 0.9995 * static_cast<double>(kGiga);
  return value >= kGigaFrom
             ? Words::tr("%1 GB").arg(QLocale().toString(value / static_cast<double>(kGiga), 'f',
                                                         value < 1e2 * kGiga ? 1 : 0))
             : Words::tr("%1 MB").arg(
                   QLocale().toString(value / static_cast<double>(kMega), 'f', 1));
}

QString bitsSentence(const CacheOptions& cache) {
  return cache.usesCopy() ? Words::tr("keys %1 bit, values %2 bit, %3 exact pairs")
                                .arg(cache.keyBits)
                                .arg(cache.valueBits)
                                .arg(countText(cache.pairs))
                          : Words::tr("keys and values exact");
}

namespace {

QString bitsChange(const CacheOptions& now, const CacheOptions& next) {
  const int keysNow = now.usesCopy() ? now.keyBits : 16;
  const int keysNext = next.usesCopy() ? next.keyBits : 16;
  const int valuesNow = now.usesCopy() ? now.valueBits : 16;
  const int valuesNext = next.usesCopy() ? next.valueBits : 16;
  const auto bits = [](int count) {
    return count == 1 ? Words::tr("1 bit") : Words::tr("%1 bits").arg(count);
  };
  if (keysNow == keysNext && valuesNow == valuesNext) {
    return now.usesCopy() && now.pairs != next.pairs
               ? Words::tr("%1 pairs are exact instead of %2")
                     .arg(countText(next.pairs), countText(now.pairs))
               : Words::tr("keys and values keep %1").arg(bits(keysNow));
  }
  if (keysNow - keysNext == valuesNow - valuesNext && keysNow == valuesNow) {
    return Words::tr("keys and values take %1 instead of %2").arg(bits(keysNext)).arg(keysNow);
  }
  if (keysNow == keysNext) {
    return Words::tr("values take %1 instead of %2").arg(bits(valuesNext)).arg(valuesNow);
  }
  if (valuesNow == valuesNext) {
    return Words::tr("keys take %1 instead of %2").arg(bits(keysNext)).arg(keysNow);
  }
  return Words::tr("keys take %1, values %2 instead of %3 and %4")
      .arg(bits(keysNext), bits(valuesNext))
      .arg(keysNow)
      .arg(valuesNow);
}

}  // namespace

QString previewSentence(const BudgetTable& table, int now, int next, std::int64_t bytes,
                        std::int64_t keptBytes, bool sameSession) {
  if (next < 0) {
    return {};
  }
  const BudgetStop& stop = table.stops().at(next);
  const QString release =
      Words::tr("Release to change, Esc to keep %1.").arg(budgetText(keptBytes));
  if (!table.isEnough(bytes)) {
    return Words::tr("This book needs %1; %2 is too little. Release to take %1, Esc to keep %3.")
        .arg(stop.budgetText, budgetText(bytes), budgetText(keptBytes));
  }
  if (now == next) {
    return Words::tr("%1 buys the same as now: %2. Esc to keep %3.")
        .arg(budgetText(bytes), bitsSentence(stop.choice.cache), budgetText(keptBytes));
  }
  QString what = now < 0 ? bitsSentence(stop.choice.cache)
                         : bitsChange(table.stops().at(now).choice.cache, stop.choice.cache);
  what += Words::tr(": %1 tokens fit").arg(stop.tokensText);
  if (stop.tokensPerSecond > 0) {
    what +=
        Words::tr(", %1tokens/s")
            .arg(
                stop.speedMeasured
                    ? QLocale().toString(stop.tokensPerSecond, 'f', 1) + QLatin1Char(' ')
                    : Words::tr("about %1 ").arg(QLocale().toString(stop.tokensPerSecond, 'f', 0)));
  }
  if (stop.agreement) {
    what += Words::tr(", agreement %1").arg(stop.agreementText);
  }
  if (!sameSession) {
    what += stop.choice.capacity == CapacityPlace::File
                ? Words::tr(
                      "; the 16-bit keys and values move to a file when the model is opened "
                      "next")
                : Words::tr(
                      "; the 16-bit keys and values move to memory when the model is opened "
                      "next");
  }
  return Words::tr("At %1 %2. %3").arg(budgetText(bytes), what, release);
}

}  // namespace bookwheel
