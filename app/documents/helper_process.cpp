// SPDX-License-Identifier: Apache-2.0
// One running bookwheel-import: its pipes, its deadline, its end.
#include "app/documents/helper_process.h"

#include "app/import/import_limits.h"

#include <QLoggingCategory>
#include <QProcessEnvironment>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <utility>

namespace bookwheel {

Q_LOGGING_CATEGORY(lcImport, "bookwheel.import")

HelperProcess::HelperProcess() {
  m_stall.setSingleShot(true);
  connect(&m_stall, &QTimer::timeout, this, [this] { end(HelperEnd::Stalled); });
  connect(&m_process, &QProcess::readyReadStandardOutput, this, [this] { readFrames(); });
  connect(&m_process, &QProcess::finished, this, [this] {
    readFrames();
    end(HelperEnd::Exited);
  });
  connect(
      &m_process, &QProcess::errorOccurred, this,
      [this](QProcess::ProcessError error) {
        if (error == QProcess::FailedToStart) {
          end(HelperEnd::NotStarted);
        }
      },
      Qt::QueuedConnection);
}

HelperProcess::~HelperProcess() {
  m_ended = true;
  m_process.disconnect();
  if (m_process.state() != QProcess::NotRunning) {
    m_process.kill();
    m_process.waitForFinished();  // a killed process ends at once
  }
}

void HelperProcess::start(const QString& program, const QStringList& arguments,
                          const QList<int>& inherited, std::chrono::milliseconds stallLimit) {
  // Nothing of our environment but what finds the libraries and steers the sanitizers.
  const QProcessEnvironment ours = QProcessEnvironment::systemEnvironment();
  QProcessEnvironment environment;
  for (const char* name : {"LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS"}) {
    const QString key = QString::fromLatin1(name);
    if (ours.contains(key)) {
      environment.insert(key, ours.value(key));
    }
  }
  environment.insert(QStringLiteral("LC_ALL"), QStringLiteral("C.UTF-8"));
  m_process.setProcessEnvironment(environment);
  m_process.setStandardErrorFile(QProcess::nullDevice());
  // Between fork and exec: only calls that are safe there.
  m_process.setChildProcessModifier([inherited] {
    for (const int fd : inherited) {
      ::fcntl(fd, F_SETFD, 0);
    }
  });
  m_stall.setInterval(stallLimit);
  m_stall.start();
  m_process.start(program, arguments);
}

void HelperProcess::send(const QByteArray& frame) { m_process.write(frame); }

void HelperProcess::expectAnswer(bool expected) {
  if (expected && !m_ended) {
    m_stall.start();
  } else {
    m_stall.stop();
  }
}

void HelperProcess::breakOff() { end(HelperEnd::Broken); }

void HelperProcess::silence() {
  m_ended = true;
  m_stall.stop();
  if (m_process.state() != QProcess::NotRunning) {
    m_process.kill();
  }
}

void HelperProcess::readFrames() {
  if (m_ended) {
    return;
  }
  m_reader.feed(m_process.readAllStandardOutput());
  while (auto frame = m_reader.next()) {
    if (m_stall.isActive()) {
      m_stall.start();
    }
    onFrame(*frame);
    if (m_ended) {
      return;
    }
  }
  if (m_reader.isBroken()) {
    end(HelperEnd::Broken);
  }
}

void HelperProcess::end(HelperEnd how) {
  if (std::exchange(m_ended, true)) {
    return;
  }
  m_stall.stop();
  if (m_process.state() != QProcess::NotRunning) {
    m_process.kill();
  }
  onEnd(how);
}

void retire(std::unique_ptr<HelperProcess>& helper) {
  if (helper) {
    helper->silence();
    helper.release()->deleteLater();
  }
}

void raiseCpuLimit(qint64 pid, int pages) {
  const rlim_t seconds =
      rlim_t{kCpuSeconds} + rlim_t{kCpuSecondsPerPage} * static_cast<rlim_t>(pages);
  rlimit limit{};
  const auto process = static_cast<pid_t>(pid);
  if (pid > 0 && ::prlimit(process, RLIMIT_CPU, nullptr, &limit) == 0 &&
      seconds <= limit.rlim_max) {
    limit.rlim_cur = seconds;
    ::prlimit(process, RLIMIT_CPU, &limit, nullptr);
  }
}

bool takeHello(const wire::Frame& frame) {
  const auto hello = wire::Hello::parse(frame.payload);
  if (!hello || hello->version != wire::kVersion) {
    return false;
  }
  static std::atomic<bool> noted{false};
  if (noted.exchange(true)) {
    return true;
  }
  if (!hello->seccomp) {
    qCWarning(lcImport) << "The document reader runs without a system call filter.";
  }
  if (hello->landlock == 0) {
    qCInfo(lcImport)
        << "This kernel has no Landlock: the document reader opens no files at all, so "
           "PDF fonts that are not embedded are shown in a built-in font.";
  }
  return true;
}

}  // namespace bookwheel
