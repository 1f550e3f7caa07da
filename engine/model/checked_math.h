// SPDX-License-Identifier: Apache-2.0
// Sums, products and padding of sizes that come from a file: a result, or nothing if it does not
// fit.
#pragma once

#include <cstdint>
#include <optional>

namespace bookwheel {

inline std::optional<std::uint64_t> checkedAdd(std::uint64_t a, std::uint64_t b) {
  std::uint64_t result;
  if (__builtin_add_overflow(a, b, &result)) {
    return std::nullopt;
  }
  return result;
}

inline std::optional<std::uint64_t> checkedMultiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t result;
  if (__builtin_mul_overflow(a, b, &result)) {
    return std::nullopt;
  }
  return result;
}

/// The next multiple of `alignment` (a power of two) that is at least `value`.
inline std::optional<std::uint64_t> checkedAlign(std::uint64_t value, std::uint64_t alignment) {
  const std::optional<std::uint64_t> raised = checkedAdd(value, alignment - 1);
  return raised ? std::optional(*raised & ~(alignment - 1)) : std::nullopt;
}

}  // namespace bookwheel
