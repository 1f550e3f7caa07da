// SPDX-License-Identifier: Apache-2.0
// What fetching exact pairs from a capacity file costs a layer, and how much of it work hides.
//
//   prefetch_bench [FOLDER]      the file, of about 400 and 800 MB, is made there (default: /tmp),
//                                stays in the page cache, and is deleted at the end
//
// Each figure is the median over the layers of many steps; settings take turns, so that a busy
// machine slows all of them.
#include "engine/cache/prefetch_buffer.h"
#include "engine/error.h"
#include "tests/support/seeded_random.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace bookwheel;

namespace {

constexpr int kLayers = 30;
constexpr int kHeads = 3;
constexpr std::int64_t kTokens = 16'384;
constexpr int kPairs = 256;      // k
constexpr double kWorkUs = 100;  // of a layer
constexpr int kRounds = 4;
constexpr int kColdLayers = 5;
constexpr std::array kReaders{1, 2, 4, 8};

using Tokens = std::vector<std::uint32_t>;
using Clock = std::chrono::steady_clock;

double usSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

void work(double us) {
  for (const auto begin = Clock::now(); usSince(begin) < us;) {
  }
}

/// How the winners of a step lie.
enum class Pattern {
  Random,    ///< anywhere, all new in each step
  Passages,  ///< in runs of 16 with gaps of up to 3 tokens, all new
  Drifting,  ///< anywhere, a quarter new
};

Tokens winners(SeededRandom& random, Pattern pattern, const Tokens& before) {
  std::set<std::uint32_t> chosen;
  if (pattern == Pattern::Drifting) {
    for (const std::uint32_t token : before) {
      if (random.below(4) != 0) {
        chosen.insert(token);
      }
    }
  }
  while (chosen.size() < kPairs) {
    std::uint32_t token = random.below(kTokens - 64);
    const int run = pattern == Pattern::Passages ? 16 : 1;
    for (int i = 0; i < run && chosen.size() < kPairs; ++i) {
      chosen.insert(token);
      token += 1 + random.below(3);
    }
  }
  return {chosen.begin(), chosen.end()};
}

/// A second core that computes, as a thread pool's worker does.
class BusyCore {
 public:
  explicit BusyCore(bool isBusy) {
    if (isBusy) {
      m_thread = std::jthread([](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
        }
      });
    }
  }

 private:
  std::jthread m_thread;
};

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Figures {
  std::vector<double> aloneUs;    // want and wait, nothing between
  std::vector<double> exposedUs;  // want and wait, without the work between them
};

void step(PrefetchBuffer& buffer, SeededRandom& random, Pattern pattern,
          std::vector<Tokens>& before, int layers, double workUs, std::vector<double>& us) {
  std::vector<std::uint32_t> slotsOut(kPairs);
  buffer.beginStep();
  for (int layer = 0; layer < layers; ++layer) {
    for (int head = 0; head < kHeads; ++head) {
      Tokens& kappa = before[static_cast<std::size_t>(layer * kHeads + head)];
      kappa = winners(random, pattern, kappa);
    }
    const auto begin = Clock::now();
    for (int head = 0; head < kHeads; ++head) {
      buffer.want(layer, head, before[static_cast<std::size_t>(layer * kHeads + head)],
                  slotsOut.data());
    }
    double fetchUs = usSince(begin);
    work(workUs);
    const auto waiting = Clock::now();
    buffer.wait(layer);
    fetchUs += usSince(waiting);
    us.push_back(fetchUs);
  }
}

void measure(CapacityFile& file, Pattern pattern, bool isBusy, Figures& figures,
             std::uint64_t seed) {
  const BusyCore core(isBusy);
  // Twice k: what drifts away stays for a while.
  PrefetchBuffer buffer(file, 2 * kPairs);
  SeededRandom random(seed);
  std::vector<Tokens> before(kLayers * kHeads);
  std::vector<double> warmUp;
  step(buffer, random, pattern, before, kLayers, 0, warmUp);
  step(buffer, random, pattern, before, kLayers, 0, figures.aloneUs);
  step(buffer, random, pattern, before, kLayers, kWorkUs, figures.exposedUs);
}

/// A file that goes with the object.
class FilledFile {
 public:
  FilledFile(const std::filesystem::path& folder, int headDim)
      : m_path(folder / ("prefetch_bench." + std::to_string(::getpid()))),
        m_shape{kLayers, kHeads, headDim} {
    fill(*CapacityFile::named(m_path, m_shape, kTokens));
  }
  ~FilledFile() {
    std::error_code ignored;
    std::filesystem::remove(m_path, ignored);
  }
  FilledFile(const FilledFile&) = delete;
  FilledFile& operator=(const FilledFile&) = delete;

  /// The next reads come from the disk.
  void leaveCache() const {
    const int descriptor = ::open(m_path.c_str(), O_RDONLY | O_CLOEXEC);
    ::fdatasync(descriptor);
    ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
    ::close(descriptor);
  }
  std::unique_ptr<CapacityFile> open(int readers) const {
    auto file = CapacityFile::named(m_path, m_shape, kTokens, readers);
    file->adopt(kTokens);
    return file;
  }

 private:
  void fill(CapacityFile& file) const;

  std::filesystem::path m_path;
  KvShape m_shape;
};

void FilledFile::fill(CapacityFile& file) const {
  const int headDim = m_shape.headDim;
  std::vector<std::uint16_t> memory(static_cast<std::size_t>(kHeads * 512 * 2 * headDim), 0x3c00);
  const kernels::KvRows rows{memory.data(), std::int64_t{512} * 2 * headDim, 2 * headDim, kHeads,
                             headDim};
  const auto begin = Clock::now();
  for (std::int64_t token = 0; token < kTokens; token += 512) {
    file.reserve(512);
    for (int layer = 0; layer < kLayers; ++layer) {
      file.write(layer, token, rows, 512);
    }
    file.commit(512);
  }
  static_cast<void>(file.sync());
  const double writeUs = usSince(begin);
  const auto reading = Clock::now();
  for (int layer = 0; layer < kLayers; ++layer) {
    for (std::int64_t token = 0; token < kTokens; token += 512) {
      file.readLayer(layer, token, 512, rows);
    }
  }
  const double readUs = usSince(reading);
  const auto bytes = static_cast<double>(file.fileBytes());
  std::printf(
      "rows of %d bytes, %.0f MB: appended and synced at %.2f GB/s, read in order at %.2f GB/s\n",
      4 * headDim, bytes / 1e6, bytes / 1e3 / writeUs, bytes / 1e3 / readUs);
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // lines as they come, in a file as well
  const std::filesystem::path folder = argc > 1 ? argv[1] : "/tmp";
  try {
    for (const int headDim : {64, 128}) {
      const FilledFile filled(folder, headDim);
      std::printf("%d layers of %d heads, %d pairs of each, 2 k slots; us a layer\n", kLayers,
                  kHeads, kPairs);
      std::printf("%-10s %-6s %8s %10s %22s %8s\n", "winners", "core", "readers", "fetch alone",
                  "left of it by 100 us", "hidden");
      for (const auto& [name, pattern] : {std::pair{"random", Pattern::Random},
                                          {"passages", Pattern::Passages},
                                          {"drifting", Pattern::Drifting}}) {
        for (const bool isBusy : {false, true}) {
          std::array<Figures, kReaders.size()> figures;
          for (int round = 0; round < kRounds; ++round) {
            for (std::size_t i = 0; i < kReaders.size(); ++i) {
              const auto file = filled.open(kReaders[i]);
              measure(*file, pattern, isBusy, figures[i], static_cast<std::uint64_t>(round));
            }
          }
          for (std::size_t i = 0; i < kReaders.size(); ++i) {
            Figures& f = figures[i];
            const double alone = median(f.aloneUs);
            const double exposed = median(f.exposedUs);
            std::printf("%-10s %-6s %8d %11.0f %22.0f %7.0f%%\n", name, isBusy ? "busy" : "free",
                        kReaders[i], alone, exposed, 100 * (1 - exposed / alone));
          }
        }
      }
      std::printf("from the disk, %d layers, winners random: readers, us a layer\n", kColdLayers);
      for (const int readers : kReaders) {
        filled.leaveCache();
        const auto file = filled.open(readers);
        PrefetchBuffer buffer(*file, 2 * kPairs);
        SeededRandom random(7);
        std::vector<Tokens> before(kLayers * kHeads);
        std::vector<double> us;
        step(buffer, random, Pattern::Random, before, kColdLayers, 0, us);
        std::printf("%35d %10.0f\n", readers, median(us));
      }
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
