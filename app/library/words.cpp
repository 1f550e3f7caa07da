// SPDX-License-Identifier: Apache-2.0
// Numbers as a person reads them: counts, bytes, durations and dates in the person's locale.
#include "app/library/words.h"

#include <QCoreApplication>
#include <QLocale>

#include <algorithm>
#include <cmath>

namespace bookwheel {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(bookwheel::Words)
};

/// "1 h 20 min", "4 min", "40 s"; seconds >= 0. From 3 minutes on to the minute.
QString spanText(double seconds) {
  const auto whole = static_cast<qint64>(std::llround(seconds));
  if (whole < 60) {
    return Words::tr("%1 s").arg(whole);
  }
  const qint64 minutes = (whole + 30) / 60;
  if (minutes < 60) {
    return Words::tr("%1 min").arg(minutes);
  }
  if (minutes % 60 == 0) {
    return Words::tr("%1 h").arg(minutes / 60);
  }
  return Words::tr("%1 h %2 min").arg(minutes / 60).arg(minutes % 60);
}

}  // namespace

QString countText(std::int64_t count) { return QLocale().toString(static_cast<qlonglong>(count)); }

// The number of tr() chooses the form in other languages; English needs only these two texts.
QString pagesText(std::int64_t count) {
  const auto n = static_cast<int>(count);
  return n == 1 ? Words::tr("%Ln page", nullptr, n) : Words::tr("%Ln pages", nullptr, n);
}

QString tokensText(std::int64_t count) {
  const auto n = static_cast<int>(count);
  return n == 1 ? Words::tr("%Ln token", nullptr, n) : Words::tr("%Ln tokens", nullptr, n);
}

QString booksText(std::int64_t count) {
  const auto n = static_cast<int>(count);
  return n == 1 ? Words::tr("%Ln book", nullptr, n) : Words::tr("%Ln books", nullptr, n);
}

QString bytesText(std::int64_t bytes) {
  constexpr double kKilo = 1024.0;
  const auto value = static_cast<double>(std::max<std::int64_t>(bytes, 0));
  const QLocale locale;
  if (value >= kKilo * kKilo * kKilo) {
    const double gb = value / (kKilo * kKilo * kKilo);
    return Words::tr("%1 GB").arg(locale.toString(gb, 'f', gb < 99.95 ? 1 : 0));
  }
  if (value >= kKilo * kKilo) {
    return Words::tr("%1 MB").arg(locale.toString(value / (kKilo * kKilo), 'f', 0));
  }
  if (value >= kKilo) {
    return Words::tr("%1 kB").arg(locale.toString(value / kKilo, 'f', 0));
  }
  return Words::tr("%1 bytes").arg(locale.toString(static_cast<qlonglong>(value)));
}

QString durationText(double seconds) {
  if (!(seconds >= 0) || !std::isfinite(seconds)) {
    return {};
  }
  if (seconds < 10) {
    return Words::tr("under 10 s");
  }
  // Tens of seconds below a minute: an estimate has no more than that.
  return Words::tr("about %1")
      .arg(spanText(seconds < 60 ? std::round(seconds / 10) * 10 : seconds));
}

QString measuredDurationText(double seconds) {
  if (!(seconds >= 0) || !std::isfinite(seconds)) {
    return {};
  }
  if (seconds < 10) {
    return Words::tr("%1 s").arg(QLocale().toString(seconds, 'f', 1));
  }
  const auto whole = static_cast<qint64>(std::llround(seconds));
  if (whole >= 60 && whole < 600) {
    return Words::tr("%1 min %2 s").arg(whole / 60).arg(whole % 60);
  }
  return spanText(seconds);
}

QString speedText(double tokensPerSecond) {
  if (!(tokensPerSecond > 0) || !std::isfinite(tokensPerSecond)) {
    return {};
  }
  return Words::tr("%1 tokens/s")
      .arg(QLocale().toString(tokensPerSecond, 'f', tokensPerSecond < 99.95 ? 1 : 0));
}

QString whenText(const QDateTime& when, const QDateTime& now) {
  if (!when.isValid()) {
    return {};
  }
  const QLocale locale;
  const QDateTime local = when.toLocalTime();
  const qint64 seconds = when.secsTo(now);
  if (seconds >= -60 && seconds < 60) {
    return Words::tr("now");
  }
  if (seconds >= 0 && seconds < 3600) {
    return Words::tr("%1 min", "minutes ago").arg(seconds / 60);
  }
  const qint64 days = local.date().daysTo(now.toLocalTime().date());
  if (days == 0) {
    return locale.toString(local.time(), QStringLiteral("HH:mm"));
  }
  if (days > 0 && days < 7) {
    return locale.toString(local.date(), QStringLiteral("ddd"));
  }
  if (local.date().year() == now.toLocalTime().date().year()) {
    return locale.toString(local.date(), QStringLiteral("d MMM"));
  }
  return locale.toString(local.date(), QStringLiteral("d MMM yyyy"));
}

QString titleFrom(const QString& text, int length) {
  const QString line = text.trimmed().section(QLatin1Char('\n'), 0, 0).simplified();
  if (line.size() <= length) {
    return line;
  }
  // At a space if one is near; never between the halves of a surrogate pair.
  qsizetype cut = line.lastIndexOf(QLatin1Char(' '), length - 1);
  if (cut < length / 2) {
    cut = length - 1;
    if (line.at(cut - 1).isHighSurrogate()) {
      --cut;
    }
  }
  return line.left(cut).trimmed() + QChar(0x2026);
}

}  // namespace bookwheel
