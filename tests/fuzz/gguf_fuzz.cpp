// SPDX-License-Identifier: Apache-2.0
// Runs numbered mutants of valid model files through the loader. Any signal, sanitizer report,
// exception that is no Error, allocation above 16 MiB or 10 ms of processor time is a failure; the
// number that is printed then makes the same input again:
//
//   gguf_fuzz [--models N] [--vocabularies N] [--seed S]     run
//   gguf_fuzz --model-input NUMBER | --vocabulary-input NUMBER [--write FILE]
#include "tests/fuzz/gguf_mutator.h"
#include "tests/fuzz/model_target.h"
#include "tests/fuzz/seeds.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

// Present where a sanitizer is linked in.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

// Called by the address sanitizer, if it is there. Millions of short-lived blocks: the usual 256
// MiB of freed memory held back and 30 stack frames noted for each block take most of the time.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=8:malloc_context_size=4";
}

namespace bookwheel {
namespace {

// Inputs are a few kilobytes: the loader has no reason to ask for more at once, or to take longer.
constexpr std::size_t kLargestAllocation = 16u << 20;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kLongestMs = 100.0;  // sentencepiece and the sanitizer together
#else
constexpr double kLongestMs = 10.0;
#endif

std::size_t largestAllocation = 0;
const char* currentKind = "";
std::uint64_t currentNumber = 0;

/// Async-signal-safe.
void reportInput() {
  std::array<char, 128> line;
  const int length =
      std::snprintf(line.data(), line.size(), "\ngguf_fuzz: failed at --%s-input %llu\n",
                    currentKind, static_cast<unsigned long long>(currentNumber));
  [[maybe_unused]] const ssize_t written =
      ::write(STDERR_FILENO, line.data(), static_cast<std::size_t>(length));
}

void onSignal(int signal) {
  reportInput();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

double processorMs() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

struct Tally {
  std::array<std::uint64_t, 4> reached{};  // by Reached; of vocabularies [0] refused, [1] read
  double longestMs = 0;
  std::uint64_t longestNumber = 0;
};

template <typename Target>
void runOne(GgufMutator& mutator, std::uint64_t number, Tally& tally, Target target) {
  currentNumber = number;
  const std::span<const std::byte> mutant = mutator.input(number);
  // In a block of its own size, where the sanitizer sees one byte too far.
  const std::unique_ptr<std::byte[]> exact(new std::byte[mutant.size()]);
  std::copy(mutant.begin(), mutant.end(), exact.get());
  largestAllocation = 0;
  const double begin = processorMs();
  ++tally.reached[static_cast<std::size_t>(target(std::span(exact.get(), mutant.size())))];
  const double ms = processorMs() - begin;
  if (ms > tally.longestMs) {
    tally.longestMs = ms;
    tally.longestNumber = number;
  }
  if (ms > kLongestMs) {
    throw std::logic_error("it took " + std::to_string(ms) + " ms");
  }
  if (largestAllocation > kLargestAllocation) {
    throw std::logic_error("it allocated " + std::to_string(largestAllocation) + " bytes");
  }
}

template <typename Target>
Tally run(const char* kind, std::span<const GgufImage> seeds, std::uint64_t first,
          std::uint64_t count, Target target) {
  currentKind = kind;
  GgufMutator mutator(seeds);
  Tally tally;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t number = first; number < first + count; ++number) {
    runOne(mutator, number, tally, target);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%s inputs %llu..%llu: %.1f s, %.0f a second; reached", kind,
              static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + count - 1), seconds,
              static_cast<double>(count) / seconds);
  for (const std::uint64_t reached : tally.reached) {
    std::printf(" %llu", static_cast<unsigned long long>(reached));
  }
  std::printf("; longest %.2f ms (%llu)\n", tally.longestMs,
              static_cast<unsigned long long>(tally.longestNumber));
  return tally;
}

struct Options {
  std::uint64_t models = 1'000'000;
  std::uint64_t vocabularies = 30'000;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> modelInput;
  std::optional<std::uint64_t> vocabularyInput;
  std::string file;
};

std::optional<Options> parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    const char* value = arguments[i + 1];
    const std::uint64_t number = std::strtoull(value, nullptr, 10);
    if (name == "--models") {
      options.models = number;
    } else if (name == "--vocabularies") {
      options.vocabularies = number;
    } else if (name == "--seed") {
      options.seed = number;
    } else if (name == "--model-input") {
      options.modelInput = number;
    } else if (name == "--vocabulary-input") {
      options.vocabularyInput = number;
    } else if (name == "--write") {
      options.file = value;
    } else {
      return std::nullopt;
    }
  }
  return count % 2 == 1 ? std::optional(options) : std::nullopt;
}

/// One input again, written to a file if asked.
int repeat(const Options& options) {
  const bool isModel = options.modelInput.has_value();
  const std::vector<GgufImage> seeds = isModel ? modelSeeds() : vocabularySeeds();
  const std::uint64_t number = isModel ? *options.modelInput : *options.vocabularyInput;
  if (!options.file.empty()) {
    const std::span<const std::byte> bytes = GgufMutator(seeds).input(number);
    writeFile(options.file, {bytes.begin(), bytes.end()});
  }
  if (isModel) {
    run("model", seeds, number, 1, loadModel);
  } else {
    run("vocabulary", seeds, number, 1, loadTokenizer);
  }
  return EXIT_SUCCESS;
}

int runAll(const Options& options) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  std::fflush(stdout);
  const std::uint64_t first = options.seed << 32;
  const Tally models = run("model", modelSeeds(), first, options.models, loadModel);
  const Tally vocabularies =
      run("vocabulary", vocabularySeeds(), first, options.vocabularies, loadTokenizer);
  // A run that never gets past the first checks, or is never refused, tests nothing: of many
  // inputs some must end at every stage.
  const auto allStages = [](const Tally& tally, std::size_t stages) {
    return std::all_of(tally.reached.begin(),
                       tally.reached.begin() + static_cast<std::ptrdiff_t>(stages),
                       [](std::uint64_t reached) { return reached > 0; });
  };
  if ((options.models >= 10'000 && !allStages(models, 4)) ||
      (options.vocabularies >= 1'000 && !allStages(vocabularies, 2))) {
    std::fprintf(stderr, "gguf_fuzz: some stage was never reached\n");
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace bookwheel

void* operator new(std::size_t bytes) {
  bookwheel::largestAllocation = std::max(bookwheel::largestAllocation, bytes);
  void* memory = std::malloc(bytes);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

int main(int count, char** arguments) {
  using namespace bookwheel;
  const std::optional<Options> options = parse(count, arguments);
  if (!options) {
    std::fprintf(stderr,
                 "usage: gguf_fuzz [--models N] [--vocabularies N] [--seed S]\n"
                 "       gguf_fuzz --model-input N | --vocabulary-input N [--write FILE]\n");
    return 2;
  }
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(reportInput);
  } else {
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
      ::signal(signal, onSignal);
    }
  }
  try {
    return options->modelInput || options->vocabularyInput ? repeat(*options) : runAll(*options);
  } catch (const std::exception& error) {
    reportInput();
    std::fprintf(stderr, "gguf_fuzz: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
