// SPDX-License-Identifier: Apache-2.0
// SingleInstance: one program for each data folder; a second launch hands its files to the first.
#pragma once

#include "app/library/data_folders.h"

#include <QLockFile>
#include <QObject>
#include <QString>
#include <QStringList>

class QLocalServer;

namespace bookwheel {

/// A lock file in the data folder says who is first (a lock left by a killed program is stale: its
/// process is gone); a Unix socket in the runtime folder, open to this person only, carries the
/// file names. No other kind of socket is made. GUI thread.
class SingleInstance : public QObject {
  Q_OBJECT
 public:
  enum class Place {
    First,   ///< holds the lock, and listens
    Second,  ///< another program holds it: hand over, then end
    Alone,   ///< no lock can be made here (folder not writable): goes on without one
  };

  explicit SingleInstance(const DataFolders& folders, QObject* parent = nullptr);
  ~SingleInstance() override;

  Place place() const { return m_place; }
  /// For a second program: gives `files` (absolute paths, may be none: then the window is only
  /// raised) to the first. Waits for its answer for `timeoutMs` at most. False if the first does
  /// not answer.
  bool handOver(const QStringList& files, int timeoutMs = 3000);

 Q_SIGNALS:
  /// In the first program: raise the window and open these.
  void filesReceived(const QStringList& files);

 private:
  void listen();
  void takeConnection();

  const QString m_socketPath;
  QLockFile m_lock;
  QLocalServer* m_server = nullptr;
  Place m_place = Place::Alone;
};

}  // namespace bookwheel
