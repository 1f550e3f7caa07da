// SPDX-License-Identifier: Apache-2.0
#include "engine/model/gguf_arrays.h"

#include <algorithm>
#include <limits>

namespace bookwheel {
namespace {

template <typename T>
T load(const std::byte* bytes, std::size_t index) {
  T value;
  std::memcpy(&value, bytes + index * sizeof value, sizeof value);
  return value;
}

}  // namespace

const char* name(GgufType type) {
  switch (type) {
    case GgufType::Uint8:
      return "UINT8";
    case GgufType::Int8:
      return "INT8";
    case GgufType::Uint16:
      return "UINT16";
    case GgufType::Int16:
      return "INT16";
    case GgufType::Uint32:
      return "UINT32";
    case GgufType::Int32:
      return "INT32";
    case GgufType::Float32:
      return "FLOAT32";
    case GgufType::Bool:
      return "BOOL";
    case GgufType::String:
      return "STRING";
    case GgufType::Array:
      return "ARRAY";
    case GgufType::Uint64:
      return "UINT64";
    case GgufType::Int64:
      return "INT64";
    case GgufType::Float64:
      return "FLOAT64";
  }
  return "unknown";
}

std::size_t valueBytes(GgufType type) {
  switch (type) {
    case GgufType::Uint8:
    case GgufType::Int8:
    case GgufType::Bool:
      return 1;
    case GgufType::Uint16:
    case GgufType::Int16:
      return 2;
    case GgufType::Uint32:
    case GgufType::Int32:
    case GgufType::Float32:
      return 4;
    case GgufType::Uint64:
    case GgufType::Int64:
    case GgufType::Float64:
      return 8;
    case GgufType::String:
    case GgufType::Array:
      return 0;
  }
  return 0;
}

bool isInteger(GgufType type) {
  return valueBytes(type) > 0 && type != GgufType::Bool && type != GgufType::Float32 &&
         type != GgufType::Float64;
}

std::int64_t IntegerArray::operator[](std::size_t index) const {
  const std::byte* bytes = m_bytes.data();
  switch (m_type) {
    case GgufType::Uint8:
      return load<std::uint8_t>(bytes, index);
    case GgufType::Int8:
      return load<std::int8_t>(bytes, index);
    case GgufType::Uint16:
      return load<std::uint16_t>(bytes, index);
    case GgufType::Int16:
      return load<std::int16_t>(bytes, index);
    case GgufType::Uint32:
      return load<std::uint32_t>(bytes, index);
    case GgufType::Int32:
      return load<std::int32_t>(bytes, index);
    case GgufType::Uint64:
      return static_cast<std::int64_t>(
          std::min(load<std::uint64_t>(bytes, index),
                   std::uint64_t{std::numeric_limits<std::int64_t>::max()}));
    default:
      return load<std::int64_t>(bytes, index);
  }
}

}  // namespace bookwheel
