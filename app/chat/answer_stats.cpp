// SPDX-License-Identifier: Apache-2.0
// AnswerStats: what is kept with an answer: what it stands on and how it was made.
#include "app/chat/answer_stats.h"

#include "app/library/words.h"

#include <QCoreApplication>
#include <QStringList>

namespace bookwheel {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(bookwheel::AnswerStats)
};

const QString kModel = QStringLiteral("model");
const QString kFirstPage = QStringLiteral("firstPage");
const QString kLastPage = QStringLiteral("lastPage");
const QString kBookPages = QStringLiteral("bookPages");
const QString kWhileReading = QStringLiteral("whileReading");
const QString kPromptTokens = QStringLiteral("promptTokens");
const QString kPromptTokensFromCache = QStringLiteral("promptTokensFromCache");
const QString kAnswerTokens = QStringLiteral("answerTokens");
const QString kFirstTokenSeconds = QStringLiteral("firstTokenSeconds");
const QString kTokensPerSecond = QStringLiteral("tokensPerSecond");
const QString kStopReason = QStringLiteral("stopReason");

}  // namespace

QJsonObject AnswerStats::toJson() const {
  return {{kModel, model},
          {kFirstPage, pages.first},
          {kLastPage, pages.last},
          {kBookPages, bookPages},
          {kWhileReading, whileReading},
          {kPromptTokens, promptTokens},
          {kPromptTokensFromCache, promptTokensFromCache},
          {kAnswerTokens, answerTokens},
          {kFirstTokenSeconds, firstTokenSeconds},
          {kTokensPerSecond, tokensPerSecond},
          {kStopReason, stopReason}};
}

AnswerStats AnswerStats::fromJson(const QJsonObject& json) {
  AnswerStats stats;
  stats.model = json.value(kModel).toString();
  stats.pages = {json.value(kFirstPage).toInt(), json.value(kLastPage).toInt()};
  stats.bookPages = json.value(kBookPages).toInt();
  stats.whileReading = json.value(kWhileReading).toBool();
  stats.promptTokens = json.value(kPromptTokens).toInteger();
  stats.promptTokensFromCache = json.value(kPromptTokensFromCache).toInteger();
  stats.answerTokens = json.value(kAnswerTokens).toInteger();
  stats.firstTokenSeconds = json.value(kFirstTokenSeconds).toDouble();
  stats.tokensPerSecond = json.value(kTokensPerSecond).toDouble();
  stats.stopReason = json.value(kStopReason).toString();
  return stats;
}

QString AnswerStats::standsOn() const {
  if (bookPages == 0) {
    return {};
  }
  const QString of = countText(bookPages);
  if (whileReading) {
    return pages.first <= 1
               ? Words::tr("Read up to page %1 of %2 when answered").arg(countText(pages.last), of)
               : Words::tr("Read pages %1 to %2 of %3 when answered")
                     .arg(countText(pages.first), countText(pages.last), of);
  }
  if (pages.whole()) {
    return bookPages == 1 ? Words::tr("From the whole text, 1 page")
                          : Words::tr("From the whole book, %1 pages").arg(of);
  }
  return pages.first == pages.last ? Words::tr("From page %1 of %2").arg(countText(pages.first), of)
                                   : Words::tr("From pages %1 to %2 of %3")
                                         .arg(countText(pages.first), countText(pages.last), of);
}

QString AnswerStats::figures() const {
  QStringList parts;
  if (answerTokens > 0) {
    parts.append(tokensText(answerTokens));
  }
  if (tokensPerSecond > 0) {
    parts.append(speedText(tokensPerSecond));
  }
  if (firstTokenSeconds > 0) {
    parts.append(Words::tr("first word after %1").arg(measuredDurationText(firstTokenSeconds)));
  }
  if (!model.isEmpty()) {
    parts.append(model);
  }
  return parts.join(QStringLiteral(", "));
}

}  // namespace bookwheel
