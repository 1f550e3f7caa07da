// SPDX-License-Identifier: Apache-2.0
// Synthetic KV: fills a cache to a depth without reading, for benchmarks.
#include "engine/run/synthetic_kv.h"

#include <algorithm>
#include <random>
#include <vector>

namespace bookwheel {

namespace {

// Numbers are drawn from a table that is read at a pseudo-random place for each row: drawing each
// one anew would take longer than reading the document.
constexpr std::size_t kTableSize = 1 << 16;

/// Seeded halves with magnitudes of 1/8 to 2.
std::vector<std::uint16_t> makeTable(std::mt19937_64& random, std::size_t rowElements) {
  std::vector<std::uint16_t> table(kTableSize + rowElements);
  for (std::uint16_t& half : table) {
    // 10 random bits of mantissa under the exponents of 1/8 .. 1, and a sign.
    const std::uint64_t bits = random();
    const auto exponent = static_cast<std::uint16_t>(12 + bits % 4);
    const auto mantissa = static_cast<std::uint16_t>((bits >> 8) & 0x3ff);
    const auto sign = static_cast<std::uint16_t>((bits >> 20) & 1);
    half = static_cast<std::uint16_t>(sign << 15 | exponent << 10 | mantissa);
  }
  return table;
}

}  // namespace

void fillWithSyntheticKv(KvStore& cache, int layers, std::int64_t tokens, std::uint64_t seed) {
  const std::int64_t first = cache.tokens();
  std::mt19937_64 random(seed + static_cast<std::uint64_t>(first));
  cache.reserve(tokens);
  const std::int64_t place = first - cache.firstNewest();
  const std::size_t rowElements = static_cast<std::size_t>(cache.newestRows(0).headDim) * 2;
  static const std::vector<std::uint16_t> table = [] {
    constexpr std::size_t kLargestRow = 512;
    std::mt19937_64 tableRandom(1);
    return makeTable(tableRandom, kLargestRow);
  }();
  for (int layer = 0; layer < layers; ++layer) {
    const kernels::KvRows rows = cache.newestRows(layer);
    for (int head = 0; head < rows.kvHeads; ++head) {
      for (std::int64_t token = place; token < place + tokens; ++token) {
        const std::uint16_t* from = table.data() + random() % kTableSize;
        std::copy(from, from + rowElements,
                  rows.data + head * rows.headStride + token * rows.tokenStride);
      }
    }
  }
  cache.commit(tokens);
}

}  // namespace bookwheel
