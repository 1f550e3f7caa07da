// SPDX-License-Identifier: Apache-2.0
// Where Bookwheel keeps its files: the XDG folders, read from the environment at each call.
#pragma once

#include <QString>

namespace bookwheel {

/// Absolute paths, whether they exist or not. $XDG_DATA_HOME, $XDG_CONFIG_HOME and $XDG_RUNTIME_DIR
/// are honoured, so a test redirects the whole program. Any thread.
struct DataFolders {
  QString data;     ///< library.sqlite, texts/, backups/, the instance lock
  QString models;   ///< *.gguf
  QString config;   ///< settings.json
  QString runtime;  ///< sockets; the data folder if the system names no runtime folder

  static DataFolders fromEnvironment();

  QString database() const { return data + QStringLiteral("/library.sqlite"); }
  QString texts() const { return data + QStringLiteral("/texts"); }
  QString settings() const { return config + QStringLiteral("/settings.json"); }
};

/// Makes `path` and its parents, private to the person (mode 0700). Returns one sentence if that
/// failed, else "".
QString makeFolder(const QString& path);

}  // namespace bookwheel
