// SPDX-License-Identifier: Apache-2.0
// A test that starts its own program again as another process, to kill it or to run it under other
// rights.
#pragma once

#include <QByteArray>
#include <QCoreApplication>
#include <QList>
#include <QProcess>
#include <QString>
#include <QStringList>

namespace bookwheel {

struct ChildResult {
  int exitCode = -1;  ///< -1: it crashed or did not end within a minute
  QString output;
};

/// Runs this program with `arguments` to its end.
inline ChildResult runChild(const QStringList& arguments) {
  QProcess process;
  process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
  process.start(QCoreApplication::applicationFilePath(), arguments);
  ChildResult result;
  if (process.waitForFinished(60000) && process.exitStatus() == QProcess::NormalExit) {
    result.exitCode = process.exitCode();
  }
  result.output = QString::fromUtf8(process.readAllStandardOutput());
  return result;
}

/// A child that runs until it is killed (SIGKILL), at the latest by the destructor.
class ChildRun {
 public:
  explicit ChildRun(const QStringList& arguments) {
    m_process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    m_process.start(QCoreApplication::applicationFilePath(), arguments);
    m_process.waitForStarted();
  }
  ~ChildRun() { kill(); }
  ChildRun(const ChildRun&) = delete;
  ChildRun& operator=(const ChildRun&) = delete;

  /// The next `count` lines; fewer if the child ended.
  QList<QByteArray> readLines(int count) {
    QList<QByteArray> lines;
    while (lines.size() < count) {
      if (m_process.canReadLine()) {
        lines.append(m_process.readLine());
      } else if (!m_process.waitForReadyRead(30000)) {
        break;
      }
    }
    return lines;
  }
  void kill() {
    m_process.kill();
    m_process.waitForFinished();
  }
  /// Whole lines that were written before the end.
  QList<QByteArray> readRest() {
    QList<QByteArray> lines;
    while (m_process.canReadLine()) {
      lines.append(m_process.readLine());
    }
    return lines;
  }

 private:
  QProcess m_process;
};

}  // namespace bookwheel
