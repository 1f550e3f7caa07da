// SPDX-License-Identifier: Apache-2.0
// Decode: a step allocates nothing, in any thread.
#include "engine/run/decode.h"

#include "engine/backend/cpu_backend.h"
#include "engine/cache/planner.h"
#include "engine/run/prefill.h"
#include "engine/run/sampler.h"
#include "tests/engine/engine_fixtures.h"

#include <QTest>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>

// Every allocation of the process is counted, whichever thread makes it.
namespace {
std::atomic<std::int64_t> allocations{0};
}

void* operator new(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes)) {
    return memory;
  }
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const auto unit = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit)) {
    return memory;
  }
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

using namespace bookwheel;

class DecodeTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void theCounterCounts() {
    const std::int64_t before = allocations.load();
    const auto number = std::make_unique<int>(1);
    QVERIFY(*number == 1 && allocations.load() > before);
  }

  void stepsAllocateNothing_data() {
    QTest::addColumn<double>("temperature");
    QTest::newRow("greedy") << 0.0;
    QTest::newRow("sampled") << 1.0;
  }
  void stepsAllocateNothing() {
    QFETCH(double, temperature);
    const TinyModelFile file;
    const Gguf gguf = file.parse();
    const ModelShape shape = readShape(gguf);
    CpuBackend backend(3, ActivationRounding::Int8);
    const LoadedModel model = loadModel(gguf, shape, backend, {});
    CapacityTier cache(kvShape(shape), 2048);
    Forward forward(backend, model, 64, 2048);
    ReadingTime readingTime(shape);
    Prefill prefill(backend, forward, cache, shape, readingTime);
    Decode decode(backend, forward, cache, shape);
    SamplingOptions options;
    options.temperature = static_cast<float>(temperature);
    options.topK = 40;
    options.topP = 0.9f;
    options.repeatPenalty = 1.1f;
    Sampler sampler(options, shape.vocabulary);

    // Reading allocates nothing either.
    const auto prompt = someTokens(700, shape.vocabulary);
    const std::int64_t before = allocations.load();
    prefill.run(prompt, Prefill::Logits::OfLastToken, {}, {}, {});
    QCOMPARE(allocations.load() - before, 0);

    std::span<const float> logits = decode.logitsAfterPrefill();
    const std::int64_t start = allocations.load();
    for (int step = 0; step < 400; ++step) {
      logits = decode.step(sampler.next(logits));
    }
    QCOMPARE(allocations.load() - start, 0);
    QCOMPARE(cache.tokens(), 1100);
  }

  void findsEveryKindOfNotFinite() {
    std::vector<float> numbers(1000, -3e38f);
    QVERIFY(allFinite(numbers));
    for (const float bad : {std::nanf(""), -std::nanf(""), INFINITY, -INFINITY}) {
      for (const std::size_t at : {std::size_t{0}, std::size_t{517}, std::size_t{999}}) {
        numbers[at] = bad;
        QVERIFY(!allFinite(numbers));
        numbers[at] = 1.0f;
      }
    }
    QVERIFY(allFinite({}));
  }
};

QTEST_APPLESS_MAIN(DecodeTest)
#include "decode_test.moc"
