// SPDX-License-Identifier: Apache-2.0
// Where Bookwheel keeps its files: the XDG folders, read from the environment at each call.
#include "app/library/data_folders.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>

namespace bookwheel {
namespace {

/// XDG says: a relative path in the variable is to be ignored.
QString folderFrom(const char* variable, const QString& otherwise) {
  const QString named = qEnvironmentVariable(variable);
  return QDir::cleanPath(QDir::isAbsolutePath(named) ? named : otherwise);
}

}  // namespace

DataFolders DataFolders::fromEnvironment() {
  const QString home = QDir::homePath();
  DataFolders folders;
  folders.data = folderFrom("XDG_DATA_HOME", home + QStringLiteral("/.local/share")) +
                 QStringLiteral("/bookwheel");
  folders.models = folders.data + QStringLiteral("/models");
  folders.config = folderFrom("XDG_CONFIG_HOME", home + QStringLiteral("/.config")) +
                   QStringLiteral("/bookwheel");
  folders.runtime = folderFrom("XDG_RUNTIME_DIR", folders.data);
  return folders;
}

QString makeFolder(const QString& path) {
  const QDir folder(path);
  if (folder.exists()) {
    return {};
  }
  const QString parent = QFileInfo(path).path();
  if (parent != path) {
    if (const QString problem = makeFolder(parent); !problem.isEmpty()) {
      return problem;
    }
  }
  // Somebody else may make it at the same moment; what counts is that it is there.
  if (!QDir().mkdir(path,
                    QFileDevice::ReadOwner | QFileDevice::WriteOwner | QFileDevice::ExeOwner) &&
      !folder.exists()) {
    return QCoreApplication::translate("bookwheel::DataFolders",
                                       "The folder %1 cannot be made: check that its disk can be "
                                       "written and that you own the folder above it.")
        .arg(QDir::toNativeSeparators(path));
  }
  return {};
}

}  // namespace bookwheel
