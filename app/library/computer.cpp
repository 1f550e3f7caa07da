// SPDX-License-Identifier: Apache-2.0
// What this computer can hold: main memory and disk, as of the moment of asking.
#include "app/library/computer.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QStorageInfo>
#include <QThread>

namespace bookwheel {
namespace {

/// "MemAvailable:   23456789 kB" -> bytes; 0 if the line is not there.
std::int64_t meminfoBytes(const QByteArray& meminfo, const QByteArray& name) {
  for (const QByteArray& line : meminfo.split('\n')) {
    if (line.startsWith(name)) {
      return line.mid(name.size()).simplified().split(' ').value(0).toLongLong() * 1024;
    }
  }
  return 0;
}

}  // namespace

ComputerFacts readComputer(const QString& folder) {
  ComputerFacts facts;
  QFile meminfo(QStringLiteral("/proc/meminfo"));
  if (meminfo.open(QIODevice::ReadOnly)) {
    const QByteArray text = meminfo.readAll();
    facts.memoryTotalBytes = meminfoBytes(text, "MemTotal:");
    facts.memoryAvailableBytes = meminfoBytes(text, "MemAvailable:");
  }
  QString existing = folder;
  while (!existing.isEmpty() && !QFileInfo::exists(existing)) {
    const QString parent = QFileInfo(existing).path();
    if (parent == existing) {
      break;
    }
    existing = parent;
  }
  const QStorageInfo disk(existing.isEmpty() ? QDir::rootPath() : existing);
  if (disk.isValid()) {
    facts.diskTotalBytes = disk.bytesTotal();
    facts.diskAvailableBytes = disk.bytesAvailable();
  }
  facts.cores = QThread::idealThreadCount();
  return facts;
}

}  // namespace bookwheel
