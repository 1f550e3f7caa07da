// SPDX-License-Identifier: Apache-2.0
#include "engine/model/digest.h"

#include "engine/model/gguf.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

namespace bookwheel {

namespace {

// What fits the processor's cache beside the pages it is copied from.
constexpr std::uint64_t kPieceBytes = 256 << 10;

Digest canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Digest digest;
  static_assert(sizeof bytes.digest == sizeof digest);
  std::memcpy(digest.data(), bytes.digest, digest.size());
  return digest;
}

}  // namespace

struct Digester::State {
  State() : hash(XXH3_createState()) {
    if (hash == nullptr) {
      throw std::bad_alloc();
    }
  }
  ~State() { XXH3_freeState(hash); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  XXH3_state_t* const hash;
};

Digester::Digester() : m_state(std::make_unique<State>()) { restart(); }

Digester::~Digester() = default;

void Digester::restart() { XXH3_128bits_reset(m_state->hash); }

void Digester::add(std::span<const std::byte> bytes) {
  XXH3_128bits_update(m_state->hash, bytes.data(), bytes.size());
}

Digest Digester::digest() const { return canonical(XXH3_128bits_digest(m_state->hash)); }

std::uint64_t Digester::shortDigest() const { return XXH3_128bits_digest(m_state->hash).low64; }

Digest digestOf(std::span<const std::byte> bytes) {
  return canonical(XXH3_128bits(bytes.data(), bytes.size()));
}

std::uint64_t shortDigestOf(std::span<const std::byte> bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Digest digestOf(const Gguf& file) {
  Digester digester;
  std::vector<std::byte> piece(std::min(kPieceBytes, file.fileBytes()));
  for (std::uint64_t offset = 0; offset < file.fileBytes();) {
    const std::span<std::byte> bytes =
        std::span(piece).first(std::min<std::uint64_t>(piece.size(), file.fileBytes() - offset));
    file.read(offset, bytes);
    digester.add(bytes);
    offset += bytes.size();
  }
  return digester.digest();
}

}  // namespace bookwheel
