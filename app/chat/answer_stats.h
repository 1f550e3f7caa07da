// SPDX-License-Identifier: Apache-2.0
// AnswerStats: what is kept with an answer: what it stands on and how it was made.
#pragma once

#include "app/library/library.h"

#include <QJsonObject>
#include <QString>

namespace bookwheel {

/// Goes into messages.stats as JSON under these names. A field that an older version did not write
/// keeps its initial value.
struct AnswerStats {
  QString model;    ///< name
  PageRange pages;  ///< the text that was in the model's context; whole() for all of the book
  int bookPages = 0;
  bool whileReading = false;  ///< reading was not finished when this was answered
  qint64 promptTokens = 0;
  qint64 promptTokensFromCache = 0;
  qint64 answerTokens = 0;
  double firstTokenSeconds = 0;
  double tokensPerSecond = 0;
  QString stopReason;  ///< "end", "limit", "stopped", "context"

  QJsonObject toJson() const;
  static AnswerStats fromJson(const QJsonObject& json);
  /// "From the whole book, 312 pages", "Read up to page 142 of 312 when answered", "From pages 3 to
  /// 40 of 312".
  QString standsOn() const;
  /// "214 tokens, 20.1 tokens/s, first after 0.8 s, Qwen2.5 Coder 1.5B"; "" while nothing is known.
  QString figures() const;
};

}  // namespace bookwheel
