// SPDX-License-Identifier: Apache-2.0
// TextFinder: every place where some words stand in a document, found off the GUI thread.
#pragma once

#include "app/documents/document.h"

#include <QFutureWatcher>
#include <QList>
#include <QObject>
#include <QString>

#include <functional>
#include <memory>

namespace bookwheel {

/// Case does not matter, and a space in the words matches any white space, so words that a line
/// break parts are found. GUI thread; one search at a time, a new one replaces the one that runs.
class TextFinder : public QObject {
  Q_OBJECT
 public:
  static constexpr int kMostMatches = 20000;

  explicit TextFinder(QObject* parent = nullptr);
  ~TextFinder() override;

  /// Empty words find nothing. found() follows in any case.
  void find(std::shared_ptr<const Document> document, const QString& words);
  void cancel();

  /// What find() does, in the calling thread: in order of the text, at most kMostMatches.
  static QList<TextRange> matches(const Document& document, const QString& words,
                                  const std::function<bool()>& cancelled = {});

 Q_SIGNALS:
  void found(const QList<bookwheel::TextRange>& matches);

 private:
  QFutureWatcher<QList<TextRange>> m_watcher;
};

}  // namespace bookwheel
