// SPDX-License-Identifier: Apache-2.0
// GgufDraft: a model file in parts, written as it stands, also where its numbers lie.
#pragma once

#include "engine/model/gguf_arrays.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bookwheel {

/// What a piece of a written file is, so that a mutation can aim at it. All are numbers but Text,
/// the bytes of a string in an array.
enum class GgufFieldKind { Version, Count, Length, Type, Dimension, Offset, Value, Text };

struct GgufField {
  std::size_t offset;
  std::size_t bytes;
  GgufFieldKind kind;
};

/// A written file and what is where in it.
struct GgufImage {
  std::vector<std::byte> bytes;
  std::vector<GgufField> fields;
};

/// Entries and tensors in the order they are added. The optional members replace what would be
/// written there, to make a file that lies; everything else follows from the content.
class GgufDraft {
 public:
  struct Entry {
    std::string key;
    std::uint32_t type;
    std::vector<std::byte> value;  // as stored; for arrays with element type and count
    std::optional<std::uint64_t> keyLength;
  };
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> dimensions;  // ne[0] first
    std::uint32_t type;
    std::vector<std::byte> data;
    std::optional<std::uint64_t> offset;
    std::optional<std::uint32_t> dimensionCount;
    std::optional<std::uint64_t> nameLength;
  };

  void text(std::string key, std::string_view value);
  void boolean(std::string key, bool value);
  void uint32(std::string key, std::uint32_t value);
  void int32(std::string key, std::int32_t value);
  void uint64(std::string key, std::uint64_t value);
  void float32(std::string key, float value);
  void float64(std::string key, double value);
  void texts(std::string key, const std::vector<std::string>& values);
  void floats(std::string key, const std::vector<float>& values);
  void ints(std::string key, const std::vector<std::int32_t>& values);
  /// An entry of any type with any bytes.
  void raw(std::string key, GgufType type, std::vector<std::byte> value);
  void tensor(std::string name, std::vector<std::uint64_t> dimensions, std::uint32_t type,
              std::vector<std::byte> data);

  /// Removes the entry if it is there.
  void remove(std::string_view key);
  Tensor& tensorNamed(std::string_view name);  // must be there
  void removeTensor(std::string_view name);

  GgufImage image() const;
  std::vector<std::byte> bytes() const { return image().bytes; }
  void write(const std::filesystem::path& path) const;

  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;  // of the data; the entry general.alignment is not added by itself
  std::optional<std::uint64_t> entryCount;
  std::optional<std::uint64_t> tensorCount;
  std::vector<Entry> entries;
  std::vector<Tensor> tensors;
};

/// The bytes of a value as they lie in memory.
template <typename T>
std::vector<std::byte> bytesOf(const T& value) {
  const auto* first = reinterpret_cast<const std::byte*>(&value);
  return {first, first + sizeof value};
}

/// Writes bytes to a file, replacing it; throws std::runtime_error if that fails.
void writeFile(const std::filesystem::path& path, const std::vector<std::byte>& bytes);

}  // namespace bookwheel
