// SPDX-License-Identifier: Apache-2.0
// DiskSync: makes what was written outlast a power cut, beside the work that goes on.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace bookwheel {

/// A thread that syncs when it is asked to. Requests that come while it does become one. A sync
/// that failed is not repeated: the system may have thrown away what it could not write, and the
/// next one would say that all is well. Called from one thread.
class DiskSync {
 public:
  /// `sync` returns 0 or an error number, and is called from the thread only.
  explicit DiskSync(std::function<int()> sync);
  /// Ends when the sync at work has ended; requests that are left are dropped.
  ~DiskSync();
  DiskSync(const DiskSync&) = delete;
  DiskSync& operator=(const DiskSync&) = delete;

  /// Returns at once.
  void request();
  /// Returns when all that was requested has been done.
  void wait();
  /// Of the sync that failed; 0 as long as none has.
  int error() const;

 private:
  void loop();

  const std::function<int()> m_sync;
  mutable std::mutex m_mutex;
  std::condition_variable m_hasChanged;
  // Guarded by m_mutex.
  bool m_isRequested = false;
  bool m_isBusy = false;
  bool m_isEnding = false;
  int m_error = 0;

  std::jthread m_thread;  // last: it ends before what it uses
};

}  // namespace bookwheel
