// SPDX-License-Identifier: Apache-2.0
// Speed of the CPU kernels beside what the machine can do: memory bandwidth and int8 multiply-add
// peak. usage: kernels_bench [threads] [only]      `only`: part of a row's name, for example "Q4_K"
// or "attention"
#include "tests/bench/bench_support.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#ifdef __x86_64__
#include <immintrin.h>
#endif

using namespace bookwheel::kernels;
using bookwheel::bench::allocate;
using bookwheel::bench::fastest;
using bookwheel::bench::Memory;
using bookwheel::bench::Team;

namespace {

// ---- What the machine can do -----------------------------------------------------------------

double bandwidth(Team& team) {
  const std::int64_t bytes = std::int64_t{256} << 20;
  const Memory memory = allocate(bytes);
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(team.size()) * 8);
  const double seconds = fastest(team, [&] {
    team.run([&](int thread) {
      const Slice part = team.share(bytes / 64, thread);
      const auto* words = reinterpret_cast<const std::uint64_t*>(memory.get());
      std::uint64_t sum[8] = {};
      for (std::int64_t i = part.begin * 8; i < part.end * 8; i += 8) {
        for (int j = 0; j < 8; ++j) {
          sum[j] += words[i + j];
        }
      }
      for (int j = 1; j < 8; ++j) {
        sum[0] += sum[j];
      }
      sums[static_cast<std::size_t>(thread) * 8] = sum[0];
    });
  });
  return static_cast<double>(bytes) / seconds * 1e-9;
}

#ifdef __x86_64__
constexpr int kPeakSteps = 2000000;

// Twelve accumulators that start apart, so that the compiler cannot take equal ones for one.
__attribute__((target("avx512f,avx512bw,avx512vnni"))) int peakAvx512() {
  __m512i acc[12];
#pragma GCC unroll 12
  for (int j = 0; j < 12; ++j) {
    acc[j] = _mm512_set1_epi32(j);
  }
  const __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(5);
  for (int i = 0; i < kPeakSteps; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < 12; ++j) {
      acc[j] = _mm512_dpbusd_epi32(acc[j], a, b);
    }
  }
  alignas(64) int lanes[12][16];
#pragma GCC unroll 12
  for (int j = 0; j < 12; ++j) {
    _mm512_store_si512(lanes[j], acc[j]);
  }
  int all = 0;  // every accumulator is used, so none can be dropped
  for (int j = 0; j < 12; ++j) {
    all += lanes[j][j];
  }
  return all;
}

__attribute__((target("avx2"))) int peakAvx2() {
  __m256i acc[12];
#pragma GCC unroll 12
  for (int j = 0; j < 12; ++j) {
    acc[j] = _mm256_set1_epi16(static_cast<short>(j));
  }
  __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(5);
  for (int i = 0; i < kPeakSteps; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < 12; ++j) {
      asm("" : "+x"(a));  // the product must be made again
      acc[j] = _mm256_add_epi16(acc[j], _mm256_maddubs_epi16(a, b));
    }
  }
  alignas(32) std::int16_t lanes[12][16];
#pragma GCC unroll 12
  for (int j = 0; j < 12; ++j) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes[j]), acc[j]);
  }
  int all = 0;  // every accumulator is used, so none can be dropped
  for (int j = 0; j < 12; ++j) {
    all += lanes[j][j];
  }
  return all;
}
#endif

/// Billions of multiplications and additions a second; 0 where there is no such loop. For AVX2 the
/// loop adds in 16 bits, as narrow codes allow.
double int8Peak(Team& team, InstructionSet set) {
#ifdef __x86_64__
  if (set == InstructionSet::Portable) {
    return 0;
  }
  const bool wide = set == InstructionSet::Avx512Vnni;
  std::vector<int> results(static_cast<std::size_t>(team.size()) * 16);
  const double seconds = fastest(team, [&] {
    team.run([&](int thread) {
      results[static_cast<std::size_t>(thread) * 16] = wide ? peakAvx512() : peakAvx2();
    });
  });
  return 2.0 * (wide ? 64 : 32) * 12 * kPeakSteps * team.size() / seconds * 1e-9;
#else
  static_cast<void>(team);
  static_cast<void>(set);
  return 0;
#endif
}

// ---- Products
// ---------------------------------------------------------------------------------------

struct Activations {
  std::vector<float> x;
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
  std::vector<std::int16_t> sums;
  QuantizedRows rows;
  Activations(std::int64_t count, std::int64_t columns)
      : x(static_cast<std::size_t>(count * columns)),
        codes(x.size()),
        scales(x.size() / 32),
        sums(x.size() / 16),
        rows{count, columns, codes.data(), scales.data(), sums.data()} {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& v : x) {
      v = normal(random);
    }
    quantizeRows({x.data(), columns, rows}, {0, count});
  }
};

double product(Team& team, const PackedMatrix& matrix, std::int64_t tokens) {
  Activations x(tokens, matrix.columns);
  std::vector<float> y(static_cast<std::size_t>(tokens * matrix.rows));
  const std::int64_t units = matmulUnits(matrix);
  return fastest(team, [&] {
    team.run([&](int thread) {
      matmul({matrix, x.rows, nullptr, y.data(), matrix.rows, false}, team.share(units, thread));
    });
  });
}

void products(Team& team, WeightType type, double memory, double peak) {
  const std::int64_t columns = 1536;
  const std::int64_t large = (std::int64_t{96} << 20) / weightRowBytes(type, columns) / 16 * 16;
  const std::int64_t bytes = packedBytes(type, large, columns);
  const Memory data = allocate(bytes);  // any bytes are valid codes and finite scales
  const PackedMatrix matrix{type, large, columns, data.get()};
  std::printf("%-9s %-5s gemv GB/s", name(instructionSet()), weightBlock(type).name);
  for (const std::int64_t tokens : {1, 2, 4, 8}) {
    const double rate = static_cast<double>(bytes) / product(team, matrix, tokens) * 1e-9;
    std::printf(" T=%d %5.1f (%3.0f%%)", static_cast<int>(tokens), rate, 100 * rate / memory);
  }
  std::printf("  GEMM GOP/s");
  for (const auto& [rows, k] : {std::pair<std::int64_t, std::int64_t>{1536, 512}, {1536, 8960}}) {
    const PackedMatrix shape{type, rows, k, data.get()};
    const double rate =
        2.0 * static_cast<double>(rows * k * 512) / product(team, shape, 512) * 1e-9;
    std::printf("  k=%d %6.1f", static_cast<int>(k), rate);
    if (peak > 0) {
      std::printf(" (%2.0f%%)", 100 * rate / peak);
    }
  }
  std::printf("\n");
  std::fflush(stdout);
}

// ---- Attention
// ----------------------------------------------------------------------------------------

struct Heads {
  int heads;
  int kvHeads;
  int headDim;
};

void attention(Team& team, const Heads& h, std::int64_t rows, std::int64_t first) {
  const std::int64_t tokens = first + rows;
  const std::int64_t width = std::int64_t{h.heads} * h.headDim;
  const std::int64_t row = 2 * h.headDim;
  // Several layers' worth, so that decode reads from memory and not from the last call's cache.
  const std::int64_t layerElements = tokens * h.kvHeads * row;
  const std::int64_t layers =
      rows > 8 ? 1 : std::max<std::int64_t>(1, (std::int64_t{160} << 20) / (layerElements * 2));
  const Memory cache = allocate(layers * layerElements * 2);
  auto* halves = reinterpret_cast<std::uint16_t*>(cache.get());
  for (std::int64_t i = 0; i < layers * layerElements; ++i) {
    halves[i] = static_cast<std::uint16_t>(0x2E00 + i * 7919 % 1024);
  }
  std::vector<float> queries(static_cast<std::size_t>(rows * width));
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (float& v : queries) {
    v = normal(random);
  }
  std::vector<float> out(queries.size());
  std::vector<float> partials(static_cast<std::size_t>(
      attentionPartialFloats(h.heads, h.headDim, std::min<std::int64_t>(rows, 8), tokens)));
  std::vector<Memory> scratch;
  for (int i = 0; i < team.size(); ++i) {
    scratch.push_back(allocate(attentionScratchBytes(h.heads, h.kvHeads, h.headDim)));
  }
  const double seconds = fastest(team, [&] {
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      const AttentionArgs args{
          {halves + layer * layerElements, tokens * row, row, h.kvHeads, h.headDim},
          queries.data(),
          width,
          rows,
          first,
          h.heads,
          1.0F / std::sqrt(static_cast<float>(h.headDim)),
          out.data(),
          width,
          partials.data(),
          nullptr};
      if (rows > 8) {
        team.run([&](int thread) {
          AttentionArgs mine = args;
          mine.scratch = scratch[static_cast<std::size_t>(thread)].get();
          attentionPrefill(mine, team.share(attentionPrefillUnits(args), thread));
        });
      } else {
        team.run([&](int thread) {
          AttentionArgs mine = args;
          mine.scratch = scratch[static_cast<std::size_t>(thread)].get();
          attentionDecode(mine, team.share(attentionDecodeUnits(args), thread));
        });
        attentionCombine(args, {0, rows * h.heads});
      }
    }
  });
  const double perLayer = seconds / static_cast<double>(layers);
  std::printf("%-9s %s %2d/%d x %3d  T=%3d at %6d: ", name(instructionSet()),
              rows > 8 ? "prefill" : "decode ", h.heads, h.kvHeads, h.headDim,
              static_cast<int>(rows), static_cast<int>(first));
  if (rows > 8) {
    const double pairs = static_cast<double>(rows) *
                         (static_cast<double>(first) + static_cast<double>(rows + 1) / 2);
    std::printf("%7.1f GFLOP/s\n", 4.0 * pairs * static_cast<double>(width) / perLayer * 1e-9);
  } else {
    std::printf("%7.2f core ns per token and KV head, %5.1f GB/s\n",
                perLayer * 1e9 * team.size() / static_cast<double>(tokens * h.kvHeads),
                static_cast<double>(layerElements * 2) / perLayer * 1e-9);
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1]))
                               : static_cast<int>(std::thread::hardware_concurrency());
  const std::string only = argc > 2 ? argv[2] : "";
  const auto wanted = [&](InstructionSet set, const char* what, const char* shape) {
    char row[128];
    std::snprintf(row, sizeof row, "%s %s%s", name(set), what, shape);
    return std::strstr(row, only.c_str()) != nullptr;
  };
  Team team(threads);
  const double memory = bandwidth(team);
  std::printf("%d threads; memory read %.1f GB/s\n", threads, memory);
  constexpr WeightType kTypes[] = {
      WeightType::Q4_0, WeightType::Q4_1, WeightType::Q5_0, WeightType::Q5_1, WeightType::Q8_0,
      WeightType::Q2_K, WeightType::Q3_K, WeightType::Q4_K, WeightType::Q5_K, WeightType::Q6_K,
      WeightType::F16,  WeightType::BF16, WeightType::F32};
  const auto sets = supportedInstructionSets();
  for (auto set = sets.rbegin(); set != sets.rend(); ++set) {
    setInstructionSet(*set);
    const double peak = int8Peak(team, *set);
    std::printf("%s: int8 peak %.0f GOP/s\n", name(*set), peak);
    for (const WeightType type : kTypes) {
      if (wanted(*set, weightBlock(type).name, "")) {
        products(team, type, memory, peak);
      }
    }
    for (const Heads& h : {Heads{9, 3, 64}, {14, 2, 64}, {12, 2, 128}, {32, 8, 128}}) {
      char shape[64];
      std::snprintf(shape, sizeof shape, " %d/%d x %d", h.heads, h.kvHeads, h.headDim);
      if (wanted(*set, "decode", shape)) {
        attention(team, h, 1, 4095);
        attention(team, h, 1, 16383);
        attention(team, h, 2, 4094);
        attention(team, h, 8, 4088);
      }
      if (wanted(*set, "prefill", shape)) {
        attention(team, h, 512, 0);
        attention(team, h, 512, 3584);
      }
    }
    bookwheel::bench::lowBitSteps(team, [&](const char* row) { return wanted(*set, row, ""); });
  }
  return 0;
}
