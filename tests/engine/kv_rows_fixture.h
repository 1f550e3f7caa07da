// SPDX-License-Identifier: Apache-2.0
// 16-bit rows whose every element tells where it belongs, and memory to keep some of them in.
#pragma once

#include "engine/cache/capacity_file.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace bookwheel {

/// What element `i` of the row of (layer, head, token) holds; `text` tells two sequences apart.
inline std::uint16_t kvElement(int layer, int head, std::int64_t token, int i, int text = 0) {
  const std::uint64_t place =
      static_cast<std::uint64_t>(token) * 1'000'003 + static_cast<std::uint64_t>(layer) * 7'919 +
      static_cast<std::uint64_t>(head) * 131 + static_cast<std::uint64_t>(text) * 104'729;
  return static_cast<std::uint16_t>((place * 0x9E37'79B9'7F4A'7C15u >> 40) +
                                    static_cast<std::uint64_t>(i) * 257);
}

/// Rows of one layer in memory: (Hkv, tokens, stride), every element kGuard at first.
class KvMemory {
 public:
  static constexpr std::uint16_t kGuard = 0xABCD;

  KvMemory(const KvShape& shape, std::int64_t tokens, std::int64_t stride)
      : m_shape(shape),
        m_tokens(tokens),
        m_stride(stride),
        m_data(static_cast<std::size_t>(shape.kvHeads * tokens * stride), kGuard) {}

  kernels::KvRows rows() {
    return {m_data.data(), m_tokens * m_stride, m_stride, m_shape.kvHeads, m_shape.headDim};
  }
  /// Row i becomes the row of token firstToken + i.
  void fill(int layer, std::int64_t firstToken, int text = 0) {
    for (int head = 0; head < m_shape.kvHeads; ++head) {
      for (std::int64_t row = 0; row < m_tokens; ++row) {
        for (int i = 0; i < 2 * m_shape.headDim; ++i) {
          at(head, row, i) = kvElement(layer, head, firstToken + row, i, text);
        }
      }
    }
  }
  std::uint16_t& at(int head, std::int64_t row, int i) {
    return m_data[static_cast<std::size_t>((head * m_tokens + row) * m_stride + i)];
  }

 private:
  KvShape m_shape;
  std::int64_t m_tokens;
  std::int64_t m_stride;
  std::vector<std::uint16_t> m_data;
};

inline bool isRowOf(const std::uint16_t* row, const KvShape& shape, int layer, int head,
                    std::int64_t token, int text = 0) {
  for (int i = 0; i < 2 * shape.headDim; ++i) {
    if (row[i] != kvElement(layer, head, token, i, text)) {
      return false;
    }
  }
  return true;
}

/// Writes the rows of `count` tokens past tokens() in all layers; does not commit them.
inline void writeTokens(CapacityFile& file, std::int64_t count, int text = 0) {
  file.reserve(count);
  KvMemory memory(file.shape(), count, 2 * file.shape().headDim);
  for (int layer = 0; layer < file.shape().layers; ++layer) {
    memory.fill(layer, file.tokens(), text);
    file.write(layer, file.tokens(), memory.rows(), count);
  }
}

inline void appendTokens(CapacityFile& file, std::int64_t count, int text = 0) {
  writeTokens(file, count, text);
  file.commit(count);
}

/// Every row of every token holds what it should.
inline bool isWhole(const CapacityFile& file, int text = 0) {
  const KvShape& shape = file.shape();
  const std::int64_t stride = 2 * shape.headDim;
  for (int layer = 0; layer < shape.layers; ++layer) {
    KvMemory memory(shape, file.tokens(), stride);
    file.readLayer(layer, 0, file.tokens(), memory.rows());
    for (int head = 0; head < shape.kvHeads; ++head) {
      for (std::int64_t token = 0; token < file.tokens(); ++token) {
        if (!isRowOf(&memory.at(head, token, 0), shape, layer, head, token, text)) {
          return false;
        }
      }
    }
  }
  return true;
}

}  // namespace bookwheel
