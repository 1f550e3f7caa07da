// SPDX-License-Identifier: Apache-2.0
// ThreadPool: the CPU workers that share the units of one operation at a time.
#pragma once

#include "engine/backend/function_ref.h"
#include "kernels/args.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace bookwheel {

/// Workers for data-parallel loops. run() is called from one thread at a time, which takes part as
/// worker 0. Between runs the other workers spin for a moment (a decode step is hundreds of short
/// runs) and then park, so an idle pool uses no CPU time.
class ThreadPool {
 public:
  /// Must not throw; called at the same time from several workers with disjoint slices.
  using Work = FunctionRef<void(kernels::Slice units, int worker)>;

  /// threads: workers with the caller of run(), at least 1. Throws Error(InvalidRequest) for less,
  /// std::system_error if the system gives no more threads.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Calls work for slices that cover [0, units) exactly once, each a multiple of `grain` units
  /// long except the last. Returns when all are done; what the workers wrote is then visible to the
  /// caller. A worker that is still parked when the units have run out is not waited for.
  void run(std::int64_t units, std::int64_t grain, Work work);

  /// Workers, the caller of run() included; worker numbers are 0 .. workers() - 1.
  int workers() const { return m_workers; }

  /// One for each core this process may run on (hardware threads of one core count once).
  static int defaultThreads();

 private:
  void workerLoop(int worker, const std::stop_token& stop);
  void claimUnits(int worker);

  // Constant after construction.
  int m_workers;

  // The job: written by run() while no worker is inside, read by workers inside.
  std::int64_t m_units = 0;
  std::int64_t m_grain = 1;
  const Work* m_work = nullptr;

  // Claimed by workers. On its own cache line, apart from what spinning workers read.
  alignas(64) std::atomic<std::int64_t> m_next{0};
  // generation << 16 | kOpen | number of workers inside (without the caller).
  alignas(64) std::atomic<std::uint32_t> m_state{0};
  // Counts the jobs whose last worker has left after they were closed: what run() sleeps on.
  alignas(64) std::atomic<std::uint32_t> m_leavers{0};

  std::vector<std::jthread> m_threads;  // last: they end before what they use
};

}  // namespace bookwheel
