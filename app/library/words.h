// SPDX-License-Identifier: Apache-2.0
// Numbers as a person reads them: counts, bytes, durations and dates in the person's locale.
#pragma once

#include <QDateTime>
#include <QString>

#include <cstdint>

namespace bookwheel {

/// 131402 -> "131,402".
QString countText(std::int64_t count);
/// "1 page", "1,402 tokens", ...: whole words in the singular and the plural, also without a
/// catalogue of translations (where Qt's "%n page(s)" stays as it is).
QString pagesText(std::int64_t count);
QString tokensText(std::int64_t count);
QString booksText(std::int64_t count);
/// GB are 2^30 bytes, as the command line counts: "7.2 GB", "840 MB", "12 kB"; bytes >= 0.
QString bytesText(std::int64_t bytes);
/// "about 4 min", "about 1 h 20 min", "under 10 s". Seconds < 0 (unknown): "".
QString durationText(double seconds);
/// Without "about", for what was measured: "0.6 s", "14 s", "3 min 20 s".
QString measuredDurationText(double seconds);
/// "642 tokens/s", "4.2 tokens/s"; <= 0: "".
QString speedText(double tokensPerSecond);
/// "now", "12 min", "14:05", "Mon", "3 Nov", "3 Nov 2025".
QString whenText(const QDateTime& when, const QDateTime& now);
/// A title of at most `length` characters out of the first line of a text.
QString titleFrom(const QString& text, int length = 60);

}  // namespace bookwheel
