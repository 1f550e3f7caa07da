// SPDX-License-Identifier: Apache-2.0
// Sentences about reading documents.
#pragma once

#include "app/documents/import_client.h"
#include "app/import/protocol.h"

#include <QList>
#include <QString>

namespace bookwheel {

struct ImportProblem {
  ImportFailure failure = ImportFailure::HelperFailed;
  QString sentence;
};

/// What the helper refused, in words; `name` is the file's name.
ImportProblem refusalProblem(const wire::Failed& failed, const QString& name);
/// A failure that the program noticed itself.
ImportProblem problem(ImportFailure failure, const QString& name, const QString& detail = {});

QString noticeSentence(const wire::Notice& notice);
/// About PDF pages by index; empty for an empty list.
QString pagesWithoutTextSentence(const QList<int>& pages);
QString unreadablePagesSentence(const QList<int>& pages);
QString outlineLostSentence();
QString pageNotShownSentence(int page);

/// Page indices as numbers for people: "3, 7 to 9 and 12"; after ten ranges "and 28 more".
QString pageList(const QList<int>& pages);

}  // namespace bookwheel
