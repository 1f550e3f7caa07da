// SPDX-License-Identifier: Apache-2.0
// FixtureFolder: the files that a test makes; they go with the object.
#pragma once

#include <QByteArray>
#include <QFile>
#include <QString>
#include <QTemporaryDir>

namespace bookwheel {

class FixtureFolder {
 public:
  QString path() const { return m_folder.path(); }
  QString path(const QString& name) const { return m_folder.filePath(name); }

  /// Writes the file, over one of that name, and returns its path; ends the test if it cannot.
  QString write(const QString& name, const QByteArray& bytes) const {
    QFile file(path(name));
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size()) {
      qFatal("the test cannot write %s", qPrintable(file.fileName()));
    }
    return file.fileName();
  }

 private:
  QTemporaryDir m_folder;
};

/// The file's bytes; none if it cannot be read.
inline QByteArray contentsOf(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace bookwheel
