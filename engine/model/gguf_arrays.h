// SPDX-License-Identifier: Apache-2.0
// Views of the arrays in a GGUF file: indexed like vectors, read from the file's bytes at any
// alignment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace bookwheel {

/// Value types of GGUF metadata; the values are the file's own numbers.
enum class GgufType : std::uint32_t {
  Uint8 = 0,
  Int8 = 1,
  Uint16 = 2,
  Int16 = 3,
  Uint32 = 4,
  Int32 = 5,
  Float32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  Uint64 = 10,
  Int64 = 11,
  Float64 = 12,
};

/// "UINT32", "STRING", ...; "unknown" for a number that is none of the above.
const char* name(GgufType type);
/// Bytes of one value; 0 for strings, arrays and unknown types.
std::size_t valueBytes(GgufType type);
bool isInteger(GgufType type);

/// `size()` strings (any bytes, not always UTF-8). Valid as long as the Gguf it came from.
class StringArray {
 public:
  StringArray(std::span<const std::byte> bytes, std::span<const std::uint32_t> begins)
      : m_bytes(bytes), m_begins(begins) {}

  std::size_t size() const { return m_begins.size(); }
  std::string_view operator[](std::size_t index) const {
    const std::size_t begin = m_begins[index];
    // The next string's 64-bit length lies between two strings.
    const std::size_t end =
        index + 1 < m_begins.size() ? m_begins[index + 1] - sizeof(std::uint64_t) : m_bytes.size();
    return {reinterpret_cast<const char*>(m_bytes.data()) + begin, end - begin};
  }

 private:
  std::span<const std::byte> m_bytes;
  std::span<const std::uint32_t> m_begins;
};

/// `size()` FLOAT32 values.
class FloatArray {
 public:
  explicit FloatArray(std::span<const std::byte> bytes) : m_bytes(bytes) {}

  std::size_t size() const { return m_bytes.size() / sizeof(float); }
  float operator[](std::size_t index) const {
    float value;
    std::memcpy(&value, m_bytes.data() + index * sizeof value, sizeof value);
    return value;
  }

 private:
  std::span<const std::byte> m_bytes;
};

/// `size()` integers of the width and signedness the file gives them; a UINT64 above the range of
/// int64 reads as INT64_MAX.
class IntegerArray {
 public:
  IntegerArray(std::span<const std::byte> bytes, GgufType type) : m_bytes(bytes), m_type(type) {}

  std::size_t size() const { return m_bytes.size() / valueBytes(m_type); }
  std::int64_t operator[](std::size_t index) const;

 private:
  std::span<const std::byte> m_bytes;
  GgufType m_type;
};

}  // namespace bookwheel
