// SPDX-License-Identifier: Apache-2.0
// MeteredApplication: how long single events keep the GUI thread, on a machine that is busy.
#include "tests/ui/turn_meter.h"

#include <QEvent>
#include <QMetaEnum>
#include <QThread>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace bookwheel {

using Clock = std::chrono::steady_clock;

MeteredApplication::MeteredApplication(int& argc, char** argv)
    : QApplication(argc, argv),
      m_schedstat(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}

MeteredApplication::~MeteredApplication() {
  if (m_schedstat >= 0) {
    ::close(m_schedstat);
  }
}

/// Nanoseconds in which this thread was ready and did not run, since it began.
long long MeteredApplication::waitedNs() const {
  std::array<char, 96> text{};
  const ssize_t size = ::pread(m_schedstat, text.data(), text.size() - 1, 0);
  if (size <= 0) {
    return 0;  // no such kernel: the wall clock counts in full
  }
  char* end = nullptr;
  std::strtoll(text.data(), &end, 10);  // time on a processor
  return std::strtoll(end, nullptr, 10);
}

void MeteredApplication::restart() {
  m_longest = {};
  m_what.clear();
  m_events = 0;
}

bool MeteredApplication::notify(QObject* receiver, QEvent* event) {
  // Events of other threads come through here as well.
  if (QThread::currentThread() != thread() || m_depth > 0) {
    return QApplication::notify(receiver, event);
  }
  // The receiver may be gone behind the event.
  const QString name = QString::fromLatin1(receiver->metaObject()->className());
  const QEvent::Type type = event->type();
  const long long waited = waitedNs();
  const Clock::time_point start = Clock::now();
  ++m_depth;
  const bool taken = QApplication::notify(receiver, event);
  --m_depth;
  const std::chrono::duration<double, std::milli> wall = Clock::now() - start;
  const std::chrono::duration<double, std::milli> own =
      wall - std::chrono::nanoseconds(waitedNs() - waited);
  ++m_events;
  if (own > m_longest) {
    m_longest = own;
    m_what =
        QStringLiteral("%1, event %2, %3 ms of %4")
            .arg(name, QString::fromLatin1(QMetaEnum::fromType<QEvent::Type>().valueToKey(type)))
            .arg(own.count(), 0, 'f', 1)
            .arg(wall.count(), 0, 'f', 1);
  }
  return taken;
}

}  // namespace bookwheel
