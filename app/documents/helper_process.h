// SPDX-License-Identifier: Apache-2.0
// One running bookwheel-import: its pipes, its deadline, its end.
#pragma once

#include "app/import/protocol.h"

#include <QByteArray>
#include <QList>
#include <QObject>
#include <QProcess>
#include <QString>
#include <QTimer>

#include <chrono>
#include <functional>
#include <memory>

namespace bookwheel {

enum class HelperEnd {
  NotStarted,  ///< the program could not be started
  Exited,      ///< it ended, by itself or by a signal
  Stalled,     ///< it was killed after the stall limit without a frame
  Broken,      ///< it was killed because it broke the protocol
};

/// Belongs to one thread with an event loop. The handlers are called from that loop, never from
/// start(); after `onEnd` nothing more is called. A handler must not delete this object: see
/// retire().
class HelperProcess : public QObject {
 public:
  std::function<void(const wire::Frame&)> onFrame;
  std::function<void(HelperEnd)> onEnd;

  HelperProcess();
  ~HelperProcess() override;  ///< kills without calling a handler

  /// `inherited` are the descriptors that `arguments` name; all others stay here.
  void start(const QString& program, const QStringList& arguments, const QList<int>& inherited,
             std::chrono::milliseconds stallLimit);
  void send(const QByteArray& frame);
  /// The deadline runs only while something is expected.
  void expectAnswer(bool expected);
  /// Kills it and ends with HelperEnd::Broken: for a handler that cannot accept a frame.
  void breakOff();
  /// Kills it and calls no handler any more.
  void silence();
  qint64 pid() const { return m_process.processId(); }

 private:
  void readFrames();
  void end(HelperEnd how);

  QProcess m_process;
  QTimer m_stall;
  wire::FrameReader m_reader;
  bool m_ended = false;
};

/// Kills the helper, silences it and deletes it from the event loop; fine from its own handlers.
void retire(std::unique_ptr<HelperProcess>& helper);

/// Allows the helper more CPU time now that its document's page count is known.
void raiseCpuLimit(qint64 pid, int pages);

/// Takes the helper's first frame: false if it is no greeting of this protocol version. Says once
/// per process in the log when the helper's jail is weaker than it should be.
bool takeHello(const wire::Frame& frame);

}  // namespace bookwheel
