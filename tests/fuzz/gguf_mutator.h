// SPDX-License-Identifier: Apache-2.0
// GgufMutator: valid model files made wrong, mostly where the parser decides something.
#pragma once

#include "tests/support/gguf_writer.h"
#include "tests/support/seeded_random.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bookwheel {

class GgufMutator {
 public:
  /// `seeds` must not be empty and outlives the object.
  explicit GgufMutator(std::span<const GgufImage> seeds) : m_seeds(seeds) {}

  /// The input of this number: the same for the same seeds and number. One to four mutations of one
  /// of the seeds; about one input in 64 is a seed as it is. Valid until the next call.
  std::span<const std::byte> input(std::uint64_t number);

 private:
  void mutate(const GgufImage& seed, SeededRandom& random);
  void replaceNumber(const GgufImage& seed, SeededRandom& random);
  void copyNumber(const GgufImage& seed, SeededRandom& random);
  void changeText(const GgufImage& seed, SeededRandom& random);
  void truncate(const GgufImage& seed, SeededRandom& random);
  void splice(SeededRandom& random);
  std::size_t position(const GgufImage& seed, SeededRandom& random) const;

  std::span<const GgufImage> m_seeds;
  std::vector<std::byte> m_bytes;
};

}  // namespace bookwheel
