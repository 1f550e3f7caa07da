// SPDX-License-Identifier: Apache-2.0
// DocumentCache: the extracted text of books in files of their own, so that a book opens without
// its file.
#include "app/library/document_cache.h"

#include "app/library/data_folders.h"
#include "app/library/words.h"

#include <QCoreApplication>
#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QSaveFile>
#include <QStorageInfo>

namespace bookwheel {
namespace {

const QString kSuffix = QStringLiteral(".text");

}  // namespace

QString DocumentCache::keyOf(const QByteArray& sha256) {
  return QString::fromLatin1(sha256.toHex());
}

QString DocumentCache::pathOf(const QString& key) const {
  return m_folder + QLatin1Char('/') + key + kSuffix;
}

std::optional<Document> DocumentCache::load(const QString& key) const {
  QFile file(pathOf(key));
  if (key.isEmpty() || !file.open(QIODevice::ReadOnly)) {
    return std::nullopt;
  }
  return Document::fromBytes(file.readAll());
}

QString DocumentCache::save(const QString& key, const Document& document) const {
  if (const QString problem = makeFolder(m_folder); !problem.isEmpty()) {
    return problem;
  }
  const QByteArray bytes = document.toBytes();
  QSaveFile file(pathOf(key));
  if (file.open(QIODevice::WriteOnly)) {
    file.setPermissions(QFileDevice::ReadOwner | QFileDevice::WriteOwner);
    if (file.write(bytes) == bytes.size() && file.commit()) {
      return {};
    }
  }
  return QCoreApplication::translate("bookwheel::DocumentCache",
                                     "The text of this book (%1) could not be kept in %2: %3. The "
                                     "book's file is read again "
                                     "next time.")
      .arg(bytesText(bytes.size()), QDir::toNativeSeparators(m_folder), file.errorString());
}

void DocumentCache::sweep(const QSet<QString>& keysInUse) const {
  QDir folder(m_folder);
  for (const QString& name : folder.entryList({QStringLiteral("*") + kSuffix}, QDir::Files)) {
    if (!keysInUse.contains(name.chopped(kSuffix.size()))) {
      folder.remove(name);
    }
  }
}

QByteArray hashFile(const QString& path) {
  QFile file(path);
  QCryptographicHash hash(QCryptographicHash::Sha256);
  if (!file.open(QIODevice::ReadOnly) || !hash.addData(&file)) {
    return {};
  }
  return hash.result();
}

}  // namespace bookwheel
