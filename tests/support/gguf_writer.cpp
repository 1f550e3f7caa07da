// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gguf_writer.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace bookwheel {
namespace {

void append(std::vector<std::byte>& out, const void* data, std::size_t bytes) {
  const auto* first = static_cast<const std::byte*>(data);
  out.insert(out.end(), first, first + bytes);
}

template <typename T>
void appendValue(std::vector<std::byte>& out, T value) {
  append(out, &value, sizeof value);
}

void appendText(std::vector<std::byte>& out, std::string_view text) {
  appendValue(out, std::uint64_t{text.size()});
  append(out, text.data(), text.size());
}

/// Element type and count of an array.
std::vector<std::byte> arrayHead(GgufType elementType, std::size_t count) {
  std::vector<std::byte> value;
  appendValue(value, static_cast<std::uint32_t>(elementType));
  appendValue(value, std::uint64_t{count});
  return value;
}

std::uint64_t aligned(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

/// Appends to an image and notes what the number is.
class ImageWriter {
 public:
  template <typename T>
  void number(T value, GgufFieldKind kind) {
    m_image.fields.push_back({m_image.bytes.size(), sizeof value, kind});
    appendValue(m_image.bytes, value);
  }
  void text(std::string_view text) { append(m_image.bytes, text.data(), text.size()); }

  /// The entry's value; what is in it is noted as far as it is well-formed.
  void value(const GgufDraft::Entry& entry) {
    m_position = m_image.bytes.size();
    append(m_image.bytes, entry.value.data(), entry.value.size());
    switch (static_cast<GgufType>(entry.type)) {
      case GgufType::String:
        note(sizeof(std::uint64_t), GgufFieldKind::Length);
        break;
      case GgufType::Array:
        noteArray();
        break;
      default:
        note(entry.value.size(), GgufFieldKind::Value);
    }
  }

  GgufImage m_image;

 private:
  /// The next `bytes` bytes; false if there are not so many.
  bool note(std::size_t bytes, GgufFieldKind kind) {
    if (bytes > m_image.bytes.size() - m_position) {
      return false;
    }
    if (bytes > 0) {
      m_image.fields.push_back({m_position, bytes, kind});
    }
    m_position += bytes;
    return true;
  }
  template <typename T>
  T numberAt(std::size_t position) const {
    T value;
    std::memcpy(&value, &m_image.bytes[position], sizeof value);
    return value;
  }
  void noteArray() {
    const std::size_t begin = m_position;
    if (!note(sizeof(std::uint32_t), GgufFieldKind::Type) ||
        !note(sizeof(std::uint64_t), GgufFieldKind::Count)) {
      return;
    }
    const auto type = static_cast<GgufType>(numberAt<std::uint32_t>(begin));
    if (type != GgufType::String) {
      while (valueBytes(type) > 0 && m_position < m_image.bytes.size() &&
             note(valueBytes(type), GgufFieldKind::Value)) {
      }
      return;
    }
    while (note(sizeof(std::uint64_t), GgufFieldKind::Length) &&
           note(numberAt<std::uint64_t>(m_position - sizeof(std::uint64_t)), GgufFieldKind::Text)) {
    }
  }

  std::size_t m_position = 0;
};

}  // namespace

void GgufDraft::text(std::string key, std::string_view value) {
  std::vector<std::byte> bytes;
  appendText(bytes, value);
  raw(std::move(key), GgufType::String, std::move(bytes));
}

void GgufDraft::boolean(std::string key, bool value) {
  raw(std::move(key), GgufType::Bool, {std::byte{value}});
}

void GgufDraft::uint32(std::string key, std::uint32_t value) {
  raw(std::move(key), GgufType::Uint32, bytesOf(value));
}

void GgufDraft::int32(std::string key, std::int32_t value) {
  raw(std::move(key), GgufType::Int32, bytesOf(value));
}

void GgufDraft::uint64(std::string key, std::uint64_t value) {
  raw(std::move(key), GgufType::Uint64, bytesOf(value));
}

void GgufDraft::float32(std::string key, float value) {
  raw(std::move(key), GgufType::Float32, bytesOf(value));
}

void GgufDraft::float64(std::string key, double value) {
  raw(std::move(key), GgufType::Float64, bytesOf(value));
}

void GgufDraft::texts(std::string key, const std::vector<std::string>& values) {
  std::vector<std::byte> bytes = arrayHead(GgufType::String, values.size());
  for (const std::string& value : values) {
    appendText(bytes, value);
  }
  raw(std::move(key), GgufType::Array, std::move(bytes));
}

void GgufDraft::floats(std::string key, const std::vector<float>& values) {
  std::vector<std::byte> bytes = arrayHead(GgufType::Float32, values.size());
  append(bytes, values.data(), values.size() * sizeof(float));
  raw(std::move(key), GgufType::Array, std::move(bytes));
}

void GgufDraft::ints(std::string key, const std::vector<std::int32_t>& values) {
  std::vector<std::byte> bytes = arrayHead(GgufType::Int32, values.size());
  append(bytes, values.data(), values.size() * sizeof(std::int32_t));
  raw(std::move(key), GgufType::Array, std::move(bytes));
}

void GgufDraft::raw(std::string key, GgufType type, std::vector<std::byte> value) {
  entries.push_back({std::move(key), static_cast<std::uint32_t>(type), std::move(value), {}});
}

void GgufDraft::tensor(std::string name, std::vector<std::uint64_t> dimensions, std::uint32_t type,
                       std::vector<std::byte> data) {
  tensors.push_back({std::move(name), std::move(dimensions), type, std::move(data), {}, {}, {}});
}

void GgufDraft::remove(std::string_view key) {
  std::erase_if(entries, [&](const Entry& entry) { return entry.key == key; });
}

GgufDraft::Tensor& GgufDraft::tensorNamed(std::string_view name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const Tensor& tensor) { return tensor.name == name; });
  if (found == tensors.end()) {
    throw std::runtime_error("no tensor " + std::string(name) + " in the draft");
  }
  return *found;
}

void GgufDraft::removeTensor(std::string_view name) {
  std::erase_if(tensors, [&](const Tensor& tensor) { return tensor.name == name; });
}

GgufImage GgufDraft::image() const {
  ImageWriter out;
  out.text(magic);
  out.number(version, GgufFieldKind::Version);
  out.number(tensorCount.value_or(tensors.size()), GgufFieldKind::Count);
  out.number(entryCount.value_or(entries.size()), GgufFieldKind::Count);
  for (const Entry& entry : entries) {
    out.number(entry.keyLength.value_or(entry.key.size()), GgufFieldKind::Length);
    out.text(entry.key);
    out.number(entry.type, GgufFieldKind::Type);
    out.value(entry);
  }
  std::uint64_t offset = 0;
  std::vector<std::uint64_t> places;
  for (const Tensor& tensor : tensors) {
    out.number(tensor.nameLength.value_or(tensor.name.size()), GgufFieldKind::Length);
    out.text(tensor.name);
    out.number(tensor.dimensionCount.value_or(static_cast<std::uint32_t>(tensor.dimensions.size())),
               GgufFieldKind::Count);
    for (const std::uint64_t dimension : tensor.dimensions) {
      out.number(dimension, GgufFieldKind::Dimension);
    }
    out.number(tensor.type, GgufFieldKind::Type);
    out.number(tensor.offset.value_or(offset), GgufFieldKind::Offset);
    places.push_back(offset);
    offset = aligned(offset + tensor.data.size(), alignment);
  }
  GgufImage image = std::move(out.m_image);
  if (!tensors.empty()) {
    const std::uint64_t dataBegin = aligned(image.bytes.size(), alignment);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      image.bytes.resize(dataBegin + places[i]);
      append(image.bytes, tensors[i].data.data(), tensors[i].data.size());
    }
  }
  return image;
}

void GgufDraft::write(const std::filesystem::path& path) const { writeFile(path, bytes()); }

void writeFile(const std::filesystem::path& path, const std::vector<std::byte>& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) {
    throw std::runtime_error("cannot write " + path.string());
  }
}

}  // namespace bookwheel
