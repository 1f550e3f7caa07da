// SPDX-License-Identifier: Apache-2.0
// The one plain sentence on what limits the speed; pure.
#include "app/chat/limit_sentence.h"

#include "app/library/words.h"

#include <QCoreApplication>
#include <QLocale>

namespace bookwheel {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(bookwheel::LimitFigures)
};

/// From this share of a step on waiting is what a person would change first: it is what fewer
/// pairs or a faster disk take away.
constexpr double kWaitingShare = 0.1;

enum class Limit { Waiting, Weights, Cache, Rest };

Limit limitOf(const LimitFigures& figures) {
  if (figures.exposedUs >= kWaitingShare * figures.stepUs && figures.exposedUs > 0) {
    return Limit::Waiting;
  }
  const double rest = figures.stepUs - figures.weightsUs - figures.cacheUs - figures.exposedUs;
  if (rest > figures.weightsUs && rest > figures.cacheUs) {
    return Limit::Rest;
  }
  return figures.weightsUs >= figures.cacheUs ? Limit::Weights : Limit::Cache;
}

/// "16 of 26 ms": both in the unit of the whole.
QString partOfStep(double partUs, double stepUs) {
  const bool milliseconds = stepUs >= 1000;
  const double unit = milliseconds ? 1000 : 1;
  const int digits = milliseconds && stepUs < 10'000 ? 1 : 0;
  return Words::tr("%1 of %2 %3 a step")
      .arg(QLocale().toString(partUs / unit, 'f', digits),
           QLocale().toString(stepUs / unit, 'f', digits),
           milliseconds ? Words::tr("ms") : Words::tr("µs"));
}

}  // namespace

QString stepTimeText(double microseconds) {
  if (!(microseconds > 0)) {
    return {};
  }
  return microseconds >= 1000
             ? Words::tr("%1 ms").arg(QLocale().toString(microseconds / 1000, 'f', 1))
             : Words::tr("%1 µs").arg(QLocale().toString(microseconds, 'f', 0));
}

QString limitSentence(const LimitFigures& figures) {
  switch (figures.stage) {
    case LimitFigures::Stage::Empty:
      return Words::tr("Nothing read yet.");
    case LimitFigures::Stage::Loading:
      return Words::tr("The model is being loaded into main memory.");
    case LimitFigures::Stage::Idle:
      return figures.tokensDone == 0 ? Words::tr("Nothing read yet; the model takes %1.")
                                           .arg(bytesText(figures.weightsBytes))
                                     : Words::tr("Nothing is computed now; %1 are remembered.")
                                           .arg(tokensText(figures.tokensDone));
    case LimitFigures::Stage::Reading:
      return figures.tokensPerSecond > 0
                 ? Words::tr("Reading: the processor's arithmetic is the limit, %1.")
                       .arg(speedText(figures.tokensPerSecond))
                 : Words::tr("Reading begins.");
    case LimitFigures::Stage::Answering:
      break;
  }
  if (figures.stepUs <= 0) {
    return Words::tr("The question is being read; no step of an answer was measured yet.");
  }
  const QString fetching =
      figures.storeInFile && figures.hiddenUs + figures.exposedUs > 0
          ? QLatin1Char(' ') + Words::tr("Fetching is hidden, so fewer pairs would not be faster.")
          : QString();
  switch (limitOf(figures)) {
    case Limit::Waiting:
      return Words::tr("Waiting for the disk is the limit: %1. Fewer pairs would be faster.")
          .arg(partOfStep(figures.exposedUs, figures.stepUs));
    case Limit::Weights:
      return Words::tr("Reading the weights is the limit: %1.")
                 .arg(partOfStep(figures.weightsUs, figures.stepUs)) +
             fetching;
    case Limit::Cache:
      return (figures.usesCopy ? Words::tr("Reading the low-bit cache is the limit: %1.")
                               : Words::tr("Reading the 16-bit cache is the limit: %1."))
                 .arg(partOfStep(figures.cacheUs, figures.stepUs)) +
             fetching;
    case Limit::Rest:
      return Words::tr("Choosing tokens and keeping books is the limit: %1.")
          .arg(partOfStep(figures.stepUs - figures.weightsUs - figures.cacheUs - figures.exposedUs,
                          figures.stepUs));
  }
  return {};
}

QString limitInBrief(const LimitFigures& figures) {
  switch (figures.stage) {
    case LimitFigures::Stage::Empty:
      return Words::tr("Nothing read yet.");
    case LimitFigures::Stage::Loading:
      return Words::tr("Loading the model.");
    case LimitFigures::Stage::Idle:
      return figures.tokensDone == 0 ? Words::tr("Nothing read yet.")
                                     : Words::tr("Nothing is computed now.");
    case LimitFigures::Stage::Reading:
      return Words::tr("Limit: the processor's arithmetic.");
    case LimitFigures::Stage::Answering:
      break;
  }
  if (figures.stepUs <= 0) {
    return Words::tr("Reading the question.");
  }
  switch (limitOf(figures)) {
    case Limit::Waiting:
      return Words::tr("Limit: waiting for the disk.");
    case Limit::Weights:
      return Words::tr("Limit: reading the weights.");
    case Limit::Cache:
      return Words::tr("Limit: reading the cache.");
    case Limit::Rest:
      return Words::tr("Limit: work between the steps.");
  }
  return {};
}

}  // namespace bookwheel
