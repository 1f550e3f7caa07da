// SPDX-License-Identifier: Apache-2.0
#include "engine/model/gguf.h"

#include "engine/error.h"
#include "engine/model/gguf_parser.h"
#include "engine/model/printable.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace bookwheel {
namespace {

template <typename T>
T load(const GgufEntry& entry) {
  T value;
  std::memcpy(&value, entry.value.data(), sizeof value);
  return value;
}

}  // namespace

Gguf Gguf::open(const std::filesystem::path& path) {
  Gguf file;
  file.m_file.emplace(path);
  file.m_bytes = file.m_file->bytes();
  file.m_name = printable(path.filename().native(), 255);
  GgufParser(file).run();
  return file;
}

Gguf Gguf::parse(std::span<const std::byte> bytes, std::string name) {
  Gguf file;
  file.m_bytes = bytes;
  file.m_name = std::move(name);
  GgufParser(file).run();
  return file;
}

const GgufEntry* Gguf::find(std::string_view key) const {
  const auto found = m_entryIndex.find(key);
  return found == m_entryIndex.end() ? nullptr : &m_entries[found->second];
}

const GgufTensor* Gguf::findTensor(std::string_view tensorName) const {
  const auto found = m_tensorIndex.find(tensorName);
  return found == m_tensorIndex.end() ? nullptr : &m_tensors[found->second];
}

std::optional<std::string_view> Gguf::text(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (entry == nullptr) {
    return std::nullopt;
  }
  if (entry->type != GgufType::String) {
    refuseType(*entry, "STRING");
  }
  return std::string_view(reinterpret_cast<const char*>(entry->value.data()), entry->value.size());
}

std::optional<bool> Gguf::boolean(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (entry == nullptr) {
    return std::nullopt;
  }
  if (entry->type != GgufType::Bool) {
    refuseType(*entry, "BOOL");
  }
  return entry->value[0] != std::byte{0};
}

std::optional<std::int64_t> Gguf::integer(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (entry == nullptr) {
    return std::nullopt;
  }
  if (!isInteger(entry->type)) {
    refuseType(*entry, "an integer");
  }
  if (entry->type == GgufType::Uint64 &&
      load<std::uint64_t>(*entry) > std::numeric_limits<std::int64_t>::max()) {
    refuse("the value of " + printable(key) + " is " + grouped(load<std::uint64_t>(*entry)));
  }
  return IntegerArray(entry->value, entry->type)[0];
}

std::optional<double> Gguf::number(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (entry == nullptr) {
    return std::nullopt;
  }
  double value;
  if (entry->type == GgufType::Float32) {
    value = double{load<float>(*entry)};
  } else if (entry->type == GgufType::Float64) {
    value = load<double>(*entry);
  } else if (isInteger(entry->type)) {
    value = static_cast<double>(*integer(key));
  } else {
    refuseType(*entry, "a number");
  }
  if (!std::isfinite(value)) {
    refuse("the value of " + printable(key) + " is no finite number");
  }
  return value;
}

std::optional<StringArray> Gguf::stringArray(std::string_view key) const {
  const GgufEntry* entry = findArray(key);
  if (entry == nullptr) {
    return std::nullopt;
  }
  if (entry->elementType != GgufType::String) {
    refuseType(*entry, "an array of STRING");
  }
  return StringArray(entry->value, entry->strings);
}

std::optional<FloatArray> Gguf::floatArray(std::string_view key) const {
  const GgufEntry* entry = findArray(key);
  if (entry == nullptr) {
    return std::nullopt;
  }
  if (entry->elementType != GgufType::Float32) {
    refuseType(*entry, "an array of FLOAT32");
  }
  return FloatArray(entry->value);
}

std::optional<IntegerArray> Gguf::integerArray(std::string_view key) const {
  const GgufEntry* entry = findArray(key);
  if (entry == nullptr) {
    return std::nullopt;
  }
  if (!isInteger(entry->elementType)) {
    refuseType(*entry, "an array of integers");
  }
  return IntegerArray(entry->value, entry->elementType);
}

std::span<const std::byte> Gguf::data(const GgufTensor& tensor) const {
  return m_bytes.subspan(tensor.offset, tensor.bytes);
}

void Gguf::read(std::uint64_t offset, std::span<std::byte> out) const {
  BOOKWHEEL_ASSERT(offset <= m_bytes.size() && out.size() <= m_bytes.size() - offset);
  if (m_file) {
    m_file->read(offset, out);
  } else if (!out.empty()) {
    std::memcpy(out.data(), m_bytes.data() + offset, out.size());
  }
}

void Gguf::willNeed(std::uint64_t offset, std::uint64_t size) const noexcept {
  if (m_file) {
    m_file->willNeed({offset, offset + size});
  }
}

void Gguf::discard(std::uint64_t offset, std::uint64_t size) const noexcept {
  if (m_file) {
    m_file->discard({offset, offset + size});
  }
}

void Gguf::refuse(const std::string& what, std::source_location where) const {
  throw Error(ErrorCode::BadModelFile,
              "The model file " + m_name + " is damaged: " + what +
                  "; download it again, or use another file of the same model.",
              where);
}

const GgufEntry* Gguf::findArray(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (entry != nullptr && entry->type != GgufType::Array) {
    refuseType(*entry, "an array");
  }
  return entry;
}

void Gguf::refuseType(const GgufEntry& entry, const char* expected) const {
  const std::string found = entry.type == GgufType::Array
                                ? std::string("an array of ") + bookwheel::name(entry.elementType)
                                : bookwheel::name(entry.type);
  refuse("the metadata entry " + printable(entry.key) + " is " + found + " where " + expected +
         " is expected");
}

}  // namespace bookwheel
