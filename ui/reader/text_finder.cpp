// SPDX-License-Identifier: Apache-2.0
// TextFinder: every place where some words stand in a document, found off the GUI thread.
#include "ui/reader/text_finder.h"

#include <QPromise>
#include <QRegularExpression>
#include <QThreadPool>

namespace bookwheel {

using namespace Qt::StringLiterals;

TextFinder::TextFinder(QObject* parent) : QObject(parent) {
  connect(&m_watcher, &QFutureWatcher<QList<TextRange>>::finished, this, [this] {
    if (!m_watcher.isCanceled() && m_watcher.future().resultCount() == 1) {
      Q_EMIT found(m_watcher.result());
    }
  });
}

TextFinder::~TextFinder() { cancel(); }

void TextFinder::cancel() { m_watcher.future().cancel(); }

void TextFinder::find(std::shared_ptr<const Document> document, const QString& words) {
  cancel();
  QPromise<QList<TextRange>> promise;
  m_watcher.setFuture(promise.future());
  QThreadPool::globalInstance()->start(
      [promise = std::make_shared<QPromise<QList<TextRange>>>(std::move(promise)),
       document = std::move(document), words] {
        promise->start();
        promise->addResult(matches(*document, words, [&promise] { return promise->isCanceled(); }));
        promise->finish();
      });
}

QList<TextRange> TextFinder::matches(const Document& document, const QString& words,
                                     const std::function<bool()>& cancelled) {
  QList<TextRange> result;
  QStringList parts = words.simplified().split(u' ', Qt::SkipEmptyParts);
  if (parts.isEmpty()) {
    return result;
  }
  for (QString& part : parts) {
    part = QRegularExpression::escape(part);
  }
  const QRegularExpression pattern(
      parts.join(u"\\s+"_s),
      QRegularExpression::CaseInsensitiveOption | QRegularExpression::UseUnicodePropertiesOption);
  const QString text = document.string();
  auto it = pattern.globalMatch(text);
  while (it.hasNext() && result.size() < kMostMatches) {
    if (cancelled && cancelled()) {
      return {};
    }
    const QRegularExpressionMatch match = it.next();
    result.append(
        {document.byteAtChar(match.capturedStart()), document.byteAtChar(match.capturedEnd())});
  }
  return result;
}

}  // namespace bookwheel
