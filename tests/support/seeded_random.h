// SPDX-License-Identifier: Apache-2.0
// SeededRandom: the same numbers for the same seed on every machine and standard library.
#pragma once

#include <cstdint>

namespace bookwheel {

/// SplitMix64 (Steele, Lea, Flood 2014).
class SeededRandom {
 public:
  explicit SeededRandom(std::uint64_t seed) : m_state(seed) {}

  std::uint64_t next() {
    m_state += 0x9E3779B97F4A7C15u;
    std::uint64_t z = m_state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  /// 0 .. limit - 1; limit >= 1.
  std::uint32_t below(std::uint32_t limit) {
    return static_cast<std::uint32_t>(((next() >> 32) * limit) >> 32);
  }
  /// [0, 1) in steps of 2^-24.
  float unit() { return static_cast<float>(next() >> 40) * 0x1p-24f; }

 private:
  std::uint64_t m_state;
};

}  // namespace bookwheel
