// SPDX-License-Identifier: Apache-2.0
// SingleInstance: one program for each data folder; a second launch hands its files to the first.
#include "app/library/single_instance.h"

#include <QCryptographicHash>
#include <QDir>
#include <QElapsedTimer>
#include <QJsonArray>
#include <QJsonDocument>
#include <QLocalServer>
#include <QLocalSocket>
#include <QLoggingCategory>
#include <QTimer>

#include <algorithm>

Q_LOGGING_CATEGORY(logInstance, "bookwheel.instance")

namespace bookwheel {
namespace {

// One message: a JSON array of paths and a line break; the answer: "ok\n".
constexpr qint64 kMostBytes = 256 * 1024;
constexpr int kMostFiles = 100;
constexpr int kPatienceMs = 2000;
const QByteArray kAnswer = QByteArrayLiteral("ok\n");

/// Short enough for a Unix socket address (107 bytes) in a usual runtime folder, and another one
/// for each data folder.
QString socketPathFor(const DataFolders& folders) {
  const QByteArray hash = QCryptographicHash::hash(QDir(folders.data).absolutePath().toUtf8(),
                                                   QCryptographicHash::Sha256);
  return folders.runtime + QStringLiteral("/bookwheel-") +
         QString::fromLatin1(hash.toHex().left(12));
}

QStringList filesFrom(const QByteArray& message) {
  QStringList files;
  const QJsonArray array = QJsonDocument::fromJson(message).array();
  for (const QJsonValue& value : array) {
    if (value.isString() && QDir::isAbsolutePath(value.toString()) && files.size() < kMostFiles) {
      files.append(value.toString());
    }
  }
  return files;
}

}  // namespace

SingleInstance::SingleInstance(const DataFolders& folders, QObject* parent)
    : QObject(parent),
      m_socketPath(socketPathFor(folders)),
      m_lock(folders.data + QStringLiteral("/instance.lock")) {
  makeFolder(folders.data);
  makeFolder(folders.runtime);
  // Never stale by age: a book may be read for hours. QLockFile still finds out that the process is
  // gone.
  m_lock.setStaleLockTime(0);
  if (m_lock.tryLock(0)) {
    m_place = Place::First;
    listen();
  } else if (m_lock.error() == QLockFile::LockFailedError) {
    m_place = Place::Second;
  } else {
    m_place = Place::Alone;
  }
}

SingleInstance::~SingleInstance() = default;

void SingleInstance::listen() {
  m_server = new QLocalServer(this);
  m_server->setSocketOptions(QLocalServer::UserAccessOption);
  connect(m_server, &QLocalServer::newConnection, this, &SingleInstance::takeConnection);
  // The lock is ours, so what lies there was left by a program that is gone.
  QLocalServer::removeServer(m_socketPath);
  if (!m_server->listen(m_socketPath)) {
    qCWarning(logInstance) << "no socket for second launches:" << m_server->errorString();
  }
}

void SingleInstance::takeConnection() {
  while (QLocalSocket* const socket = m_server->nextPendingConnection()) {
    connect(socket, &QLocalSocket::disconnected, socket, &QObject::deleteLater);
    QTimer::singleShot(kPatienceMs, socket, [socket] { socket->abort(); });
    const auto read = [this, socket] {
      if (socket->bytesAvailable() > kMostBytes) {
        socket->abort();
        return;
      }
      if (!socket->canReadLine()) {
        return;
      }
      const QStringList files = filesFrom(socket->readLine(kMostBytes));
      socket->write(kAnswer);
      socket->disconnectFromServer();
      Q_EMIT filesReceived(files);
    };
    connect(socket, &QLocalSocket::readyRead, this, read);
    read();
  }
}

bool SingleInstance::handOver(const QStringList& files, int timeoutMs) {
  QElapsedTimer clock;
  clock.start();
  const auto left = [&] { return std::max(1, timeoutMs - static_cast<int>(clock.elapsed())); };
  QLocalSocket socket;
  socket.connectToServer(m_socketPath);
  if (!socket.waitForConnected(left())) {
    return false;
  }
  socket.write(QJsonDocument(QJsonArray::fromStringList(files)).toJson(QJsonDocument::Compact) +
               '\n');
  while (!socket.canReadLine()) {
    if (clock.elapsed() >= timeoutMs || !socket.waitForReadyRead(left())) {
      return false;
    }
  }
  return socket.readLine() == kAnswer;
}

}  // namespace bookwheel
