// SPDX-License-Identifier: Apache-2.0
// MeteredApplication: how long single events keep the GUI thread, on a machine that is busy.
#pragma once

#include <QApplication>
#include <QString>

#include <chrono>

namespace bookwheel {

/// Measures every event from its delivery to its return (nested ones are part of the outer one).
/// What counts is the time in which the thread computed or slept, waiting for a lock, a disk or
/// another thread; the time in which it was ready to run and the kernel ran somebody else is taken
/// off (second number of /proc/thread-self/schedstat): a test machine with more work than
/// processors would else fail a program that never blocks.
class MeteredApplication : public QApplication {
 public:
  MeteredApplication(int& argc, char** argv);
  ~MeteredApplication() override;

  bool notify(QObject* receiver, QEvent* event) override;

  void restart();
  std::chrono::duration<double, std::milli> longest() const { return m_longest; }
  /// Receiver and type of the event that took longest.
  const QString& longestWhat() const { return m_what; }
  /// Events that were measured.
  long long events() const { return m_events; }

 private:
  long long waitedNs() const;

  int m_schedstat;
  int m_depth = 0;
  std::chrono::duration<double, std::milli> m_longest{};
  QString m_what;
  long long m_events = 0;
};

}  // namespace bookwheel
