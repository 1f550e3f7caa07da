// SPDX-License-Identifier: Apache-2.0
// DocumentCache: the extracted text of books in files of their own, so that a book opens without
// its file.
#pragma once

#include "app/documents/document.h"

#include <QByteArray>
#include <QSet>
#include <QString>

#include <optional>

namespace bookwheel {

/// One file a book, named by its key, private to the person. Files are whole or absent: written to
/// a temporary name, synced, renamed; checked by Document::fromBytes when read. Blocks on the disk:
/// call it from a worker thread. Stateless; any thread.
class DocumentCache {
 public:
  explicit DocumentCache(const QString& folder) : m_folder(folder) {}

  /// The key of a file with these bytes.
  static QString keyOf(const QByteArray& sha256);
  /// Nothing if it is not there or damaged.
  std::optional<Document> load(const QString& key) const;
  /// Returns one sentence if that failed, else "".
  QString save(const QString& key, const Document& document) const;
  /// Removes all files but those with these keys (left by a crash between text and database row).
  void sweep(const QSet<QString>& keysInUse) const;

 private:
  QString pathOf(const QString& key) const;

  QString m_folder;
};

/// SHA-256 of a file's bytes; empty if it cannot be read to its end. Blocks.
QByteArray hashFile(const QString& path);

}  // namespace bookwheel
