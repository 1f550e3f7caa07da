// SPDX-License-Identifier: Apache-2.0
// ThreadPool: every unit once, results visible, no work lost over many short runs, idle means idle.
#include "engine/backend/thread_pool.h"

#include "engine/error.h"

#include <QTest>
#include <time.h>

#include <atomic>
#include <numeric>
#include <vector>

using bookwheel::Error;
using bookwheel::ErrorCode;
using bookwheel::ThreadPool;
using bookwheel::kernels::Slice;

class ThreadPoolTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void everyUnitOnce_data() {
    QTest::addColumn<int>("threads");
    QTest::addColumn<qint64>("units");
    QTest::addColumn<qint64>("grain");
    for (const int threads : {1, 2, 3, 8}) {
      for (const qint64 units : {0, 1, 2, 7, 64, 1000, 4097}) {
        for (const qint64 grain : {1, 3, 64, 5000}) {
          QTest::addRow("%d threads, %lld units by %lld", threads, units, grain)
              << threads << units << grain;
        }
      }
    }
  }
  void everyUnitOnce() {
    QFETCH(int, threads);
    QFETCH(qint64, units);
    QFETCH(qint64, grain);
    ThreadPool pool(threads);
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(units));
    std::atomic<int> badSlices{0};
    pool.run(units, grain, [&](Slice slice, int worker) {
      const bool whole = (slice.end - slice.begin) % grain == 0 || slice.end == units;
      if (worker < 0 || worker >= pool.workers() || slice.begin >= slice.end ||
          slice.begin % grain != 0 || !whole) {
        badSlices.fetch_add(1);
      }
      for (std::int64_t unit = slice.begin; unit < slice.end; ++unit) {
        seen[static_cast<std::size_t>(unit)].fetch_add(1);
      }
    });
    QCOMPARE(badSlices.load(), 0);
    for (const std::atomic<int>& times : seen) {
      QCOMPARE(times.load(), 1);
    }
  }

  // Plain memory written by workers, read by the caller after run(), and the other way round: a
  // missing release or acquire shows under ThreadSanitizer, a lost unit everywhere.
  void manyShortRuns() {
    ThreadPool pool(4);
    std::vector<int> values(64, 0);
    int expected = 0;
    for (int run = 0; run < 20000; ++run) {
      const int step = run % 7;
      pool.run(64, 4, [&](Slice slice, int) {
        for (std::int64_t unit = slice.begin; unit < slice.end; ++unit) {
          values[static_cast<std::size_t>(unit)] += step;
        }
      });
      expected += step;
      if (run % 1000 == 0) {
        QCOMPARE(values, std::vector<int>(64, expected));
      }
    }
    QCOMPARE(values, std::vector<int>(64, expected));
  }

  // Two slices are only ever handed to two callers: while one worker sits in a slice, others take
  // the rest.
  void slowSliceDoesNotHoldUpTheRest() {
    ThreadPool pool(2);
    std::atomic<std::int64_t> others{0};
    std::int64_t stuck = 0;
    pool.run(16, 1, [&](Slice slice, int) {
      const std::int64_t units = slice.end - slice.begin;
      if (slice.begin == 0) {
        stuck = units;
        // Ends only when another worker has done all units of other slices.
        while (others.load() < 16 - units) {
          std::this_thread::yield();
        }
      } else {
        others.fetch_add(units);
      }
    });
    // An even share, no more.
    QCOMPARE(stuck, 8);
    QCOMPARE(others.load(), 8);
  }

  void destroyedAtOnce() {
    for (int round = 0; round < 200; ++round) {
      ThreadPool pool(4);
      if (round % 2 == 1) {
        pool.run(8, 1, [](Slice, int) {});
      }
    }
  }

  void idleUsesNoProcessor() {
    ThreadPool pool(4);
    pool.run(1000, 1, [](Slice, int) {});
    // After its moment of spinning a pool must be parked: 50 ms of wall time cost less than 5 ms of
    // all threads together (three spinning workers would cost 150).
    const auto processorMs = [] {
      timespec now{};
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
      return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
    };
    double used = 1e9;
    for (int attempt = 0; attempt < 20 && used >= 5; ++attempt) {
      const double before = processorMs();
      const timespec interval{0,
                              50'000'000};  // the interval that is measured, nothing waits for it
      nanosleep(&interval, nullptr);
      used = processorMs() - before;
    }
    QVERIFY2(used < 5, qPrintable(QString::number(used)));
  }

  void refusesImpossibleCounts() {
    QVERIFY_THROWS_EXCEPTION(Error, ThreadPool(0));
    QVERIFY_THROWS_EXCEPTION(Error, ThreadPool(-1));
    QVERIFY_THROWS_EXCEPTION(Error, ThreadPool(100'000));
    QVERIFY(ThreadPool::defaultThreads() >= 1);
  }
};

QTEST_APPLESS_MAIN(ThreadPoolTest)
#include "thread_pool_test.moc"
