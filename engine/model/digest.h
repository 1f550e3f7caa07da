// SPDX-License-Identifier: Apache-2.0
// Checksums: whether bytes are those they were. XXH3, which finds damage and keeps nobody out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace bookwheel {

class Gguf;

using Digest = std::array<std::uint8_t, 16>;

/// Of the bytes given to add(), in order, however they are cut. One thread.
class Digester {
 public:
  Digester();
  ~Digester();
  Digester(const Digester&) = delete;
  Digester& operator=(const Digester&) = delete;

  void add(std::span<const std::byte> bytes);
  Digest digest() const;              // XXH3, 128 bits
  std::uint64_t shortDigest() const;  // the lower 64 of them
  void restart();

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

Digest digestOf(std::span<const std::byte> bytes);
std::uint64_t shortDigestOf(std::span<const std::byte> bytes, std::uint64_t seed);

/// Of a whole model file, read from its beginning to its end. Throws Error(FileIo) if it is cut
/// meanwhile. Any thread.
Digest digestOf(const Gguf& file);

}  // namespace bookwheel
