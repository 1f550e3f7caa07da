// SPDX-License-Identifier: Apache-2.0
#include "engine/run/disk_sync.h"

#include "engine/backend/signals_blocked.h"

#include <utility>

namespace bookwheel {

DiskSync::DiskSync(std::function<int()> sync) : m_sync(std::move(sync)) {
  const SignalsBlocked blocked;
  m_thread = std::jthread([this] { loop(); });
}

DiskSync::~DiskSync() {
  {
    const std::lock_guard lock(m_mutex);
    m_isEnding = true;
  }
  m_hasChanged.notify_all();
}

void DiskSync::request() {
  {
    const std::lock_guard lock(m_mutex);
    m_isRequested = true;
  }
  m_hasChanged.notify_all();
}

void DiskSync::wait() {
  std::unique_lock lock(m_mutex);
  m_hasChanged.wait(lock, [this] { return !m_isRequested && !m_isBusy; });
}

int DiskSync::error() const {
  const std::lock_guard lock(m_mutex);
  return m_error;
}

void DiskSync::loop() {
  std::unique_lock lock(m_mutex);
  for (;;) {
    m_hasChanged.wait(lock, [this] { return m_isRequested || m_isEnding; });
    if (m_isEnding) {
      return;
    }
    m_isRequested = false;
    if (m_error == 0) {
      m_isBusy = true;
      lock.unlock();
      const int error = m_sync();
      lock.lock();
      m_error = error;
      m_isBusy = false;
    }
    m_hasChanged.notify_all();
  }
}

}  // namespace bookwheel
