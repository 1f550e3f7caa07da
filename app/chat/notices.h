// SPDX-License-Identifier: Apache-2.0
// The wording of every notice: what happened with its numbers, and the ways on.
#pragma once

#include "app/chat/book_opener.h"
#include "app/chat/chat_controller.h"
#include "app/chat/engine_worker.h"
#include "app/chat/notice.h"
#include "app/library/model_catalog.h"

#include <QString>
#include <QStringList>

namespace bookwheel::notices {

Notice saving(const QString& problem);
Notice library(const QString& sentence);

Notice noModelFound(const QString& folder);
Notice modelFailed(const QString& path, const EngineFailure& failure, const QString& previous);
Notice chatFormat(const QString& sentence);

Notice openFailed(const OpenFailure& failure);
Notice password(const QString& path, bool wrong);
Notice story(const OpenedBook& book);  ///< of a book with another story than Usual
Notice textNotKept(const QString& sentence);
Notice warnings(const QStringList& warnings);

/// `fitting`: the longest range from the current range's start that fits; whole(): none does.
/// `others`: models that read the text and fit.
Notice tooLong(const ReadFacts& facts, PageRange fitting, std::int64_t fittingTokens,
               const QList<ModelEntry>& others);
Notice tooLittleMemory(const ReadFacts& facts, const QList<ModelEntry>& others);
Notice readingFailed(const EngineFailure& failure);

Notice answerTooLong(const EngineFailure& failure);
Notice answerFailed(const EngineFailure& failure, MessageId answer);

}  // namespace bookwheel::notices
