// SPDX-License-Identifier: Apache-2.0
// GgufParser: bytes of a file to checked entries and tensors; only gguf.cpp uses it.
#pragma once

#include "engine/model/gguf.h"

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bookwheel {

/// One pass over the header of `file.m_bytes` that fills `file`. Throws as Gguf::open.
class GgufParser {
 public:
  explicit GgufParser(Gguf& file);
  void run();

 private:
  void readPreamble();
  void readEntry();
  void readArray(GgufEntry& entry);
  void readAlignment();
  void readTensor();
  void placeTensors();
  void checkOverlaps() const;

  std::uint64_t remaining() const;
  /// The next `bytes` bytes; throws that the file is cut short if there are fewer.
  std::span<const std::byte> take(std::uint64_t bytes, const char* field);
  template <typename T>
  T takeValue(const char* field);
  std::string_view takeName(const char* field);

  /// "FIELD of the metadata entry KEY", for messages.
  std::string where(const char* field) const;
  [[noreturn]] void refuse(const std::string& what,
                           std::source_location at = std::source_location::current()) const;
  [[noreturn]] void cutShort(const std::string& what) const;

  Gguf& m_file;
  std::uint64_t m_position = 0;
  std::uint64_t m_entryCount = 0;
  std::uint64_t m_tensorCount = 0;

  // What is being read, for messages.
  enum class Part { Preamble, Entry, Tensor };
  Part m_part = Part::Preamble;
  std::uint64_t m_number = 0;  // of the entry or tensor, from 1
  std::string_view m_name;     // its name once it is read
};

}  // namespace bookwheel
