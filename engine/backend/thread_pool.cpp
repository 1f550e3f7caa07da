// SPDX-License-Identifier: Apache-2.0
// ThreadPool: the CPU workers that share the units of one operation at a time.
#include "engine/backend/thread_pool.h"

#include "engine/backend/signals_blocked.h"
#include "engine/error.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>
#include <string>

namespace bookwheel {

namespace {

// m_state: workers may enter while kOpen is set; the low bits count those inside.
constexpr std::uint32_t kOpen = 0x8000;
constexpr std::uint32_t kInsideMask = 0x7fff;
constexpr std::uint32_t kGenerationStep = 0x10000;

// How long a worker without work spins before it parks: longer than the serial parts between two
// operations of a step, short enough to cost nothing that anybody could measure.
constexpr std::chrono::microseconds kSpinTime{150};
constexpr int kPausesPerLook = 8;
// How often the caller of run() looks whether the others are done before it sleeps: some 100
// microseconds.
constexpr int kLooksBeforeSleep = 4000;

void pauseCpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

std::uint32_t generationOf(std::uint32_t state) { return state / kGenerationStep; }

}  // namespace

ThreadPool::ThreadPool(int threads) : m_workers(threads) {
  constexpr int kMostThreads = 1024;
  if (threads < 1 || threads > kMostThreads) {
    throw Error(ErrorCode::InvalidRequest, "The number of threads must be between 1 and " +
                                               std::to_string(kMostThreads) + ", not " +
                                               std::to_string(threads) + ".");
  }
  const SignalsBlocked blocked;
  m_threads.reserve(static_cast<std::size_t>(threads - 1));
  for (int worker = 1; worker < threads; ++worker) {
    m_threads.emplace_back(
        [this, worker](const std::stop_token& stop) { workerLoop(worker, stop); });
  }
}

ThreadPool::~ThreadPool() {
  for (std::jthread& thread : m_threads) {
    thread.request_stop();
  }
  m_state.fetch_add(kGenerationStep, std::memory_order_release);  // a job nobody may enter
  m_state.notify_all();
}

void ThreadPool::run(std::int64_t units, std::int64_t grain, Work work) {
  if (units <= 0) {
    return;
  }
  grain = std::max<std::int64_t>(grain, 1);
  if (m_workers == 1 || units <= grain) {
    work(kernels::Slice{0, units}, 0);
    return;
  }
  m_units = units;
  m_grain = grain;
  m_work = &work;
  m_next.store(0, std::memory_order_relaxed);
  // Closed and empty here, so adding the flag is enough to open the next generation.
  m_state.fetch_add(kGenerationStep | kOpen, std::memory_order_seq_cst);
  m_state.notify_all();

  claimUnits(0);

  // Nothing is left to claim: close the job, and wait for those who are inside.
  std::uint32_t state = m_state.fetch_and(~kOpen, std::memory_order_acq_rel);
  for (int looks = 0; (state & kInsideMask) != 0; ++looks) {
    if (looks < kLooksBeforeSleep) {
      pauseCpu();
      state = m_state.load(std::memory_order_acquire);
      continue;
    }
    // Somebody inside lost his processor to another program: let the system run him.
    const std::uint32_t leavers = m_leavers.load(std::memory_order_acquire);
    state = m_state.load(std::memory_order_acquire);
    if ((state & kInsideMask) != 0) {
      m_leavers.wait(leavers, std::memory_order_acquire);
    }
  }
}

void ThreadPool::claimUnits(int worker) {
  std::int64_t begin = m_next.load(std::memory_order_relaxed);
  while (begin < m_units) {
    // An even share of what is left: units next to each other stay in one slice while there are
    // many, so that what is prefetched for the next one is used by the same core, and the last
    // slices are small enough to end together.
    const std::int64_t left = m_units - begin;
    const std::int64_t grains = left / (m_workers * m_grain);
    const std::int64_t share = std::min(left, std::max<std::int64_t>(grains, 1) * m_grain);
    if (m_next.compare_exchange_weak(begin, begin + share, std::memory_order_relaxed)) {
      (*m_work)(kernels::Slice{begin, begin + share}, worker);
      begin = m_next.load(std::memory_order_relaxed);
    }
  }
}

void ThreadPool::workerLoop(int worker, const std::stop_token& stop) {
  std::uint32_t seen = 0;  // the generation this worker has dealt with
  while (!stop.stop_requested()) {
    std::uint32_t state = m_state.load(std::memory_order_acquire);
    if (generationOf(state) == seen) {
      const auto parkAt = std::chrono::steady_clock::now() + kSpinTime;
      while (generationOf(state) == seen && std::chrono::steady_clock::now() < parkAt) {
        for (int i = 0; i < kPausesPerLook; ++i) {
          pauseCpu();
        }
        state = m_state.load(std::memory_order_acquire);
      }
      while (generationOf(state) == seen) {
        m_state.wait(state, std::memory_order_acquire);
        state = m_state.load(std::memory_order_acquire);
      }
    }
    seen = generationOf(state);
    // Enter if the job of this generation is still open.
    bool entered = false;
    while (generationOf(state) == seen && (state & kOpen) != 0 && !entered) {
      entered = m_state.compare_exchange_weak(state, state + 1, std::memory_order_acquire,
                                              std::memory_order_acquire);
    }
    if (entered) {
      claimUnits(worker);
      const std::uint32_t before = m_state.fetch_sub(1, std::memory_order_release);
      if ((before & (kOpen | kInsideMask)) == 1) {  // the last one, of a closed job
        m_leavers.fetch_add(1, std::memory_order_release);
        m_leavers.notify_one();
      }
    }
  }
}

int ThreadPool::defaultThreads() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }
  // Hardware threads of one core name the same list of siblings.
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) {
      continue;
    }
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list");
    std::string siblings;
    if (!std::getline(file, siblings)) {
      siblings = std::to_string(cpu);
    }
    cores.insert(siblings);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

}  // namespace bookwheel
