// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/gguf_mutator.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace bookwheel {
namespace {

using namespace std::string_view_literals;

constexpr std::uint32_t kLargestChunk = 96;

/// Behind the last number of the tables; what follows is padding and tensor data.
std::size_t headerBytes(const GgufImage& seed) {
  const GgufField& last = seed.fields.back();
  return last.offset + last.bytes;
}

/// A number that a check might get wrong.
std::uint64_t boundary(std::uint64_t old, std::size_t fileBytes, SeededRandom& random) {
  const std::uint64_t power = std::uint64_t{1} << random.below(64);
  switch (random.below(12)) {
    case 0:
      return 0;
    case 1:
      return ~std::uint64_t{0} - random.below(64);
    case 2:
      return power;
    case 3:
      return power - 1;
    case 4:
      return ~power + 1;
    case 5:
      return old + 1;
    case 6:
      return old - 1;
    case 7:
      return old * (2 + random.below(8));
    case 8:
      return fileBytes - std::min<std::size_t>(fileBytes, random.below(64));
    case 9:
      return ~std::uint64_t{0} / (1 + random.below(512));  // products that wrap
    case 10:
      return random.below(64);
    default:
      return random.next();
  }
}

}  // namespace

std::span<const std::byte> GgufMutator::input(std::uint64_t number) {
  SeededRandom random(number);
  const GgufImage& seed = m_seeds[random.below(static_cast<std::uint32_t>(m_seeds.size()))];
  m_bytes = seed.bytes;
  if (random.below(64) != 0) {
    for (std::uint32_t i = 1 + random.below(4); i > 0; --i) {
      mutate(seed, random);
    }
  }
  return m_bytes;
}

void GgufMutator::mutate(const GgufImage& seed, SeededRandom& random) {
  if (m_bytes.empty()) {
    return;
  }
  const std::uint32_t choice = random.below(18);
  if (choice < 7) {
    replaceNumber(seed, random);
  } else if (choice < 9) {
    copyNumber(seed, random);
  } else if (choice < 11) {
    changeText(seed, random);
  } else if (choice < 14) {
    m_bytes[position(seed, random)] ^= std::byte{1} << random.below(8);
  } else if (choice < 15) {
    m_bytes[position(seed, random)] = static_cast<std::byte>(random.below(256));
  } else if (choice < 16) {
    truncate(seed, random);
  } else {
    splice(random);
  }
}

void GgufMutator::replaceNumber(const GgufImage& seed, SeededRandom& random) {
  const GgufField& field =
      seed.fields[random.below(static_cast<std::uint32_t>(seed.fields.size()))];
  if (field.kind == GgufFieldKind::Text || field.offset + field.bytes > m_bytes.size()) {
    return;
  }
  std::uint64_t value = 0;
  std::memcpy(&value, &m_bytes[field.offset], std::min(field.bytes, sizeof value));
  value = boundary(value, m_bytes.size(), random);
  if (field.kind == GgufFieldKind::Type && random.below(4) != 0) {
    value = random.below(44);
  }
  std::memcpy(&m_bytes[field.offset], &value, std::min(field.bytes, sizeof value));
}

/// One number in the place of another of the same kind: plausible values in wrong places.
void GgufMutator::copyNumber(const GgufImage& seed, SeededRandom& random) {
  const auto any = [&]() -> const GgufField& {
    return seed.fields[random.below(static_cast<std::uint32_t>(seed.fields.size()))];
  };
  const GgufField& from = any();
  for (int attempt = 0; attempt < 16; ++attempt) {
    const GgufField& to = any();
    if (to.kind == from.kind && to.bytes == from.bytes &&
        std::max(to.offset, from.offset) + to.bytes <= m_bytes.size()) {
      std::memmove(&m_bytes[to.offset], &m_bytes[from.offset], to.bytes);
      return;
    }
  }
}

/// Letters, spaces, brackets and bytes that are no text, where a tokenizer reads pieces and merges.
void GgufMutator::changeText(const GgufImage& seed, SeededRandom& random) {
  static constexpr std::string_view kLetters = "<>|0x- aA\xC4\xA0\x80\xFF\xE2\x96\x81\0\n"sv;
  for (int attempt = 0; attempt < 16; ++attempt) {
    const GgufField& field =
        seed.fields[random.below(static_cast<std::uint32_t>(seed.fields.size()))];
    if (field.kind == GgufFieldKind::Text && field.offset + field.bytes <= m_bytes.size()) {
      const std::size_t place = random.below(static_cast<std::uint32_t>(field.bytes));
      m_bytes[field.offset + place] = static_cast<std::byte>(
          kLetters[random.below(static_cast<std::uint32_t>(kLetters.size()))]);
      return;
    }
  }
}

void GgufMutator::truncate(const GgufImage& seed, SeededRandom& random) {
  const GgufField& field =
      seed.fields[random.below(static_cast<std::uint32_t>(seed.fields.size()))];
  const std::size_t size = random.below(2) == 0
                               ? random.below(static_cast<std::uint32_t>(m_bytes.size()))
                               : field.offset + random.below(9);
  m_bytes.resize(std::min(size, m_bytes.size()));
}

/// Moves a chunk of some seed here: over what is there, or in between; or takes a chunk out.
void GgufMutator::splice(SeededRandom& random) {
  const std::vector<std::byte>& source =
      m_seeds[random.below(static_cast<std::uint32_t>(m_seeds.size()))].bytes;
  const std::size_t length =
      std::min<std::size_t>({1 + random.below(kLargestChunk), source.size(), m_bytes.size()});
  const std::size_t from = random.below(static_cast<std::uint32_t>(source.size() - length + 1));
  const std::size_t to = random.below(static_cast<std::uint32_t>(m_bytes.size() - length + 1));
  const auto begin = source.begin() + static_cast<std::ptrdiff_t>(from);
  const auto place = m_bytes.begin() + static_cast<std::ptrdiff_t>(to);
  const auto chunk = static_cast<std::ptrdiff_t>(length);
  switch (random.below(3)) {
    case 0:
      std::copy(begin, begin + chunk, place);
      break;
    case 1:
      m_bytes.insert(place, begin, begin + chunk);
      break;
    default:
      m_bytes.erase(place, place + chunk);
  }
}

/// Mostly in the header: tensor data is not looked at.
std::size_t GgufMutator::position(const GgufImage& seed, SeededRandom& random) const {
  const std::size_t end =
      random.below(16) == 0 ? m_bytes.size() : std::min(m_bytes.size(), headerBytes(seed));
  return random.below(static_cast<std::uint32_t>(end));
}

}  // namespace bookwheel
