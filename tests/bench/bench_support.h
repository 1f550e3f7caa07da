// SPDX-License-Identifier: Apache-2.0
// What the parts of kernels_bench share: a team of threads, memory, the fastest of some runs.
#pragma once

#include "kernels/cpu.h"

#include <algorithm>
#include <barrier>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <new>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bookwheel::bench {

/// Threads that do one job together; run() returns when all are done.
class Team {
 public:
  explicit Team(int threads) : m_count(threads), m_start(threads), m_end(threads) {
    for (int i = 1; i < threads; ++i) {
      m_threads.emplace_back([this, i](std::stop_token stop) {
        for (;;) {
          m_start.arrive_and_wait();
          if (stop.stop_requested()) {
            return;
          }
          m_job(i);
          m_end.arrive_and_wait();
        }
      });
    }
  }
  ~Team() {
    for (std::jthread& thread : m_threads) {
      thread.request_stop();
    }
    m_start.arrive_and_wait();
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  int size() const { return m_count; }
  void run(std::function<void(int)> job) {
    m_job = std::move(job);
    m_start.arrive_and_wait();
    m_job(0);
    m_end.arrive_and_wait();
  }
  kernels::Slice share(std::int64_t units, int thread) const {
    return {units * thread / m_count, units * (thread + 1) / m_count};
  }

 private:
  int m_count;
  std::function<void(int)> m_job;
  std::barrier<> m_start;
  std::barrier<> m_end;
  std::vector<std::jthread> m_threads;
};

using Memory = std::unique_ptr<std::byte, void (*)(std::byte*)>;

/// 64-byte aligned and written once, so that its pages exist.
inline Memory allocate(std::int64_t bytes) {
  auto* data = static_cast<std::byte*>(
      ::operator new(static_cast<std::size_t>(bytes), std::align_val_t{64}));
  std::memset(data, 1, static_cast<std::size_t>(bytes));
  return {data, [](std::byte* p) { ::operator delete(p, std::align_val_t{64}); }};
}

/// Seconds since some moment. Of a single thread processor time, so that other programs do not
/// count.
inline double secondsOf(const Team& team) {
  timespec now{};
  clock_gettime(team.size() == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Seconds of the fastest run, over at least half a second and five runs.
inline double fastest(const Team& team, const std::function<void()>& run) {
  run();
  double best = 1e30;
  double total = 0;
  for (int i = 0; i < 5 || total < 0.5; ++i) {
    const double start = secondsOf(team);
    run();
    const double seconds = secondsOf(team) - start;
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

/// The step of corrected low-bit attention beside exact decode attention (lowbit_bench.cpp), for
/// the instruction set that is set; `wanted` says by its name whether a row is to be measured.
void lowBitSteps(Team& team, const std::function<bool(const char*)>& wanted);

}  // namespace bookwheel::bench
