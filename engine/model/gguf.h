// SPDX-License-Identifier: Apache-2.0
// Gguf: the metadata and the tensor table of a model file, checked before anything uses them.
#pragma once

#include "engine/model/gguf_arrays.h"
#include "engine/model/mapped_file.h"
#include "engine/model/tensor_type.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bookwheel {

/// What the parser refuses beyond, whatever the file's size: no model comes near.
struct GgufLimits {
  static constexpr std::uint64_t kEntries = 65'536;
  static constexpr std::uint64_t kTensors = 100'000;
  static constexpr std::uint64_t kNameBytes = 65'535;
  static constexpr std::uint64_t kStringBytes = 16u << 20;
  static constexpr std::uint64_t kArrayElements = 4u << 20;
  static constexpr std::uint64_t kStringArrayBytes = 1u << 30;
  static constexpr std::uint64_t kMinAlignment = 8;
  static constexpr std::uint64_t kMaxAlignment = 65'536;
};

/// One metadata entry. For an array, `type` is GgufType::Array and `elementType` and `elements` say
/// what is in it; otherwise elements is 1.
struct GgufEntry {
  std::string_view key;  // UTF-8, unique in the file
  GgufType type;
  GgufType elementType;
  std::size_t elements;
  std::span<const std::byte> value;    // as stored, any alignment; a string without its length
  std::vector<std::uint32_t> strings;  // of an array of strings: where in `value` each one begins
};

/// One tensor of the table. Rows are along dimensions[0].
struct GgufTensor {
  std::string_view name;                   // UTF-8, unique in the file
  TensorType type;                         // known or not: see TensorType::readable()
  int dimensionCount;                      // 1..4
  std::array<std::int64_t, 4> dimensions;  // ne[0] (elements of a row), ne[1] (rows), ...; all >= 1
  std::uint64_t offset;                    // from the start of the file; a multiple of alignment()
  std::uint64_t
      bytes;  // inside the file, overlapping no other tensor; 0 if the type's size is not known
};

/// A GGUF file of version 2 or 3, little-endian. When an object exists, every length,
/// count, type, name, offset and product in it has been checked against the file; what callers get
/// are views into the file, so a Gguf must outlive everything taken from it (moving it is fine).
/// Building it allocates a few bytes per entry, tensor and array string, never more than a small
/// multiple of the file's own header. Immutable; any thread.
class Gguf {
 public:
  /// Maps and checks. Throws Error(FileMissing or FileIo) as MappedFile; Error(BadModelFile) for a
  /// file that is empty, cut, damaged or something else (the message says which field, or what the
  /// file looks like); Error(UnsupportedModel) for other versions and for big-endian files.
  static Gguf open(const std::filesystem::path& path);
  /// The same for bytes in memory, which must outlive the object. `name` stands for the file in
  /// messages.
  static Gguf parse(std::span<const std::byte> bytes, std::string name = "model");

  /// The file's name without its folder: for messages.
  const std::string& name() const { return m_name; }
  int version() const { return m_version; }
  std::uint64_t alignment() const { return m_alignment; }
  std::uint64_t fileBytes() const { return m_bytes.size(); }

  /// All entries and tensors in the order of the file.
  std::span<const GgufEntry> entries() const { return m_entries; }
  std::span<const GgufTensor> tensors() const { return m_tensors; }
  const GgufEntry* find(std::string_view key) const;          // null if absent
  const GgufTensor* findTensor(std::string_view name) const;  // null if absent

  /// Typed values: nullopt if the key is absent; Error(BadModelFile) naming the key and both types
  /// if it holds something else. No value is ever reinterpreted as another type.
  std::optional<std::string_view> text(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  /// Any integer type; a UINT64 above the range of int64 is Error(BadModelFile).
  std::optional<std::int64_t> integer(std::string_view key) const;
  /// FLOAT32, FLOAT64 or any integer type; NaN and infinity are Error(BadModelFile).
  std::optional<double> number(std::string_view key) const;
  std::optional<StringArray> stringArray(std::string_view key) const;
  /// FLOAT32 elements only. The elements themselves may be anything, NaN included.
  std::optional<FloatArray> floatArray(std::string_view key) const;
  /// Any integer element type.
  std::optional<IntegerArray> integerArray(std::string_view key) const;

  /// The tensor's bytes in the mapping. Reading them can raise SIGBUS if the file is cut meanwhile:
  /// see MappedFile. Empty if the type's size is not known.
  std::span<const std::byte> data(const GgufTensor& tensor) const;
  /// Copies bytes of the file from `offset` on through pread: Error(FileIo) if the file was cut.
  void read(std::uint64_t offset, std::span<std::byte> out) const;
  /// Hints as in MappedFile for bytes [offset, offset + size) of the file.
  void willNeed(std::uint64_t offset, std::uint64_t size) const noexcept;
  void discard(std::uint64_t offset, std::uint64_t size) const noexcept;

  /// Throws Error(BadModelFile) "The model file NAME is damaged: WHAT; ...". For values whose range
  /// only the caller knows.
  [[noreturn]] void refuse(const std::string& what,
                           std::source_location where = std::source_location::current()) const;

 private:
  Gguf() = default;
  const GgufEntry* findArray(std::string_view key) const;
  [[noreturn]] void refuseType(const GgufEntry& entry, const char* expected) const;

  std::optional<MappedFile> m_file;  // empty for bytes in memory
  std::span<const std::byte> m_bytes;
  std::string m_name;
  int m_version = 0;
  std::uint64_t m_alignment = 0;
  std::vector<GgufEntry> m_entries;
  std::vector<GgufTensor> m_tensors;
  std::unordered_map<std::string_view, std::size_t> m_entryIndex;
  std::unordered_map<std::string_view, std::size_t> m_tensorIndex;

  friend class GgufParser;
};

}  // namespace bookwheel
