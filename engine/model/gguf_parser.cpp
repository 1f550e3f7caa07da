// SPDX-License-Identifier: Apache-2.0
// Source of the format: the GGUF specification in the ggml project (docs/gguf.md), versions 2 and
// 3:
//
//   "GGUF" | version u32 | tensors u64 | entries u64
//   entries times: key (u64 length, bytes) | type u32 | value
//   tensors times: name | dimensions u32 | ne u64 ... | type u32 | offset u64 (from the data's
//   start) padding to general.alignment | data
#include "engine/model/gguf_parser.h"

#include "engine/error.h"
#include "engine/model/checked_math.h"
#include "engine/model/foreign_file.h"
#include "engine/model/printable.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace bookwheel {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF values are read as they lie");

constexpr std::uint64_t kSmallestEntry = 8 + 1 + 4 + 1;           // key of one byte, one byte value
constexpr std::uint64_t kSmallestTensor = 8 + 1 + 4 + 8 + 4 + 8;  // name of one byte, one dimension
constexpr std::uint32_t kLargestTypeNumber = 255;
// Above this a size in the tensor table is damage, not the rest of a file that was cut.
constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 50;

}  // namespace

GgufParser::GgufParser(Gguf& file) : m_file(file) {}

void GgufParser::run() {
  readPreamble();

  m_part = Part::Entry;
  m_file.m_entries.reserve(m_entryCount);
  m_file.m_entryIndex.reserve(m_entryCount);
  for (m_number = 1; m_number <= m_entryCount; ++m_number) {
    m_name = {};
    readEntry();
  }
  readAlignment();

  m_part = Part::Tensor;
  m_file.m_tensors.reserve(m_tensorCount);
  m_file.m_tensorIndex.reserve(m_tensorCount);
  for (m_number = 1; m_number <= m_tensorCount; ++m_number) {
    m_name = {};
    readTensor();
  }
  placeTensors();
  checkOverlaps();
}

void GgufParser::readPreamble() {
  const std::span<const std::byte> bytes = m_file.m_bytes;
  if (bytes.empty()) {
    throw Error(ErrorCode::BadModelFile,
                "The model file " + m_file.m_name + " is empty (0 bytes); download it again.");
  }
  if (bytes.size() < 4 || std::memcmp(bytes.data(), "GGUF", 4) != 0) {
    throw Error(ErrorCode::BadModelFile, "The file " + m_file.m_name + " is not a GGUF model file" +
                                             foreignFileHint(bytes) +
                                             "; choose a file that ends in .gguf.");
  }
  m_position = 4;
  const auto version = takeValue<std::uint32_t>("the version");
  if ((version & 0xFFFF) == 0 && version != 0) {
    throw Error(ErrorCode::UnsupportedModel,
                "The model file " + m_file.m_name +
                    " is big-endian, which Bookwheel does not read; use the little-endian file of "
                    "the same model.");
  }
  if (version == 1) {
    throw Error(ErrorCode::UnsupportedModel,
                "The model file " + m_file.m_name +
                    " has GGUF version 1; Bookwheel reads versions 2 and 3, which every newer "
                    "download of the model has.");
  }
  if (version == 0 || version > 0xFFFF) {
    refuse("the version is " + grouped(version));
  }
  if (version > 3) {
    throw Error(ErrorCode::UnsupportedModel, "The model file " + m_file.m_name +
                                                 " has GGUF version " + grouped(version) +
                                                 "; this Bookwheel reads versions 2 and 3.");
  }
  m_file.m_version = static_cast<int>(version);

  m_tensorCount = takeValue<std::uint64_t>("the number of tensors");
  m_entryCount = takeValue<std::uint64_t>("the number of metadata entries");
  const auto check = [&](std::uint64_t count, std::uint64_t smallest, std::uint64_t limit,
                         const char* what) {
    if (count > limit) {
      refuse(std::string("the number of ") + what + " is " + grouped(count) +
             ", above the limit of " + grouped(limit));
    }
    if (count > remaining() / smallest) {
      cutShort(std::string("the number of ") + what + " is " + grouped(count));
    }
  };
  check(m_tensorCount, kSmallestTensor, GgufLimits::kTensors, "tensors");
  check(m_entryCount, kSmallestEntry, GgufLimits::kEntries, "metadata entries");
}

void GgufParser::readEntry() {
  GgufEntry entry{};
  entry.key = takeName("the key");
  m_name = entry.key;
  entry.type = static_cast<GgufType>(takeValue<std::uint32_t>("the type"));
  entry.elementType = entry.type;
  entry.elements = 1;
  switch (entry.type) {
    case GgufType::Array:
      readArray(entry);
      break;
    case GgufType::String: {
      const auto length = takeValue<std::uint64_t>("the length");
      entry.value = take(length, "the text");
      if (length > GgufLimits::kStringBytes) {
        refuse(where("the text") + " has " + grouped(length) + " bytes, above the limit of " +
               grouped(GgufLimits::kStringBytes));
      }
      break;
    }
    default:
      if (valueBytes(entry.type) == 0) {
        refuse(where("the type") + " is " + grouped(static_cast<std::uint32_t>(entry.type)) +
               ", which no GGUF file uses");
      }
      entry.value = take(valueBytes(entry.type), "the value");
  }
  const bool isBool = entry.elementType == GgufType::Bool;
  if (isBool && std::any_of(entry.value.begin(), entry.value.end(),
                            [](std::byte value) { return value > std::byte{1}; })) {
    refuse(where("a truth value") + " is neither 0 nor 1");
  }
  const bool isNew = m_file.m_entryIndex.emplace(entry.key, m_file.m_entries.size()).second;
  if (!isNew) {
    refuse("the metadata key " + printable(entry.key) + " is there twice");
  }
  m_file.m_entries.push_back(std::move(entry));
}

void GgufParser::readArray(GgufEntry& entry) {
  entry.elementType = static_cast<GgufType>(takeValue<std::uint32_t>("the element type"));
  const auto count = takeValue<std::uint64_t>("the number of elements");
  const bool isString = entry.elementType == GgufType::String;
  const std::uint64_t smallest = isString ? sizeof(std::uint64_t) : valueBytes(entry.elementType);
  if (entry.elementType == GgufType::Array) {
    refuse(where("the element type") + " is ARRAY; an array of arrays has no use in a model file");
  }
  if (smallest == 0) {
    refuse(where("the element type") + " is " +
           grouped(static_cast<std::uint32_t>(entry.elementType)) + ", which no GGUF file uses");
  }
  if (count > GgufLimits::kArrayElements) {
    refuse(where("the number of elements") + " is " + grouped(count) + ", above the limit of " +
           grouped(GgufLimits::kArrayElements));
  }
  if (count > remaining() / smallest) {
    cutShort(where("the number of elements") + " is " + grouped(count) + " and only " +
             grouped(remaining()) + " bytes are left");
  }
  entry.elements = static_cast<std::size_t>(count);
  if (!isString) {
    entry.value = take(count * smallest, "the elements");  // <= remaining(), checked above
    return;
  }
  const std::uint64_t begin = m_position;
  entry.strings.reserve(entry.elements);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto length = takeValue<std::uint64_t>("the length of an element");
    if (m_position - begin > GgufLimits::kStringArrayBytes) {
      refuse(where("the list of texts") + " has more than " +
             grouped(GgufLimits::kStringArrayBytes) + " bytes");
    }
    entry.strings.push_back(static_cast<std::uint32_t>(m_position - begin));
    take(length, "an element");
    if (length > GgufLimits::kStringBytes) {
      refuse(where("an element") + " has " + grouped(length) + " bytes, above the limit of " +
             grouped(GgufLimits::kStringBytes));
    }
  }
  entry.value = m_file.m_bytes.subspan(begin, m_position - begin);
}

void GgufParser::readAlignment() {
  constexpr const char* kKey = "general.alignment";
  const GgufEntry* entry = m_file.find(kKey);
  m_file.m_alignment = 32;
  if (entry == nullptr) {
    return;
  }
  if (entry->type != GgufType::Uint32) {
    refuse(std::string(kKey) + " has type " + bookwheel::name(entry->type) +
           " where UINT32 is expected");
  }
  m_file.m_alignment = static_cast<std::uint64_t>(*m_file.integer(kKey));
  if (!std::has_single_bit(m_file.m_alignment) || m_file.m_alignment < GgufLimits::kMinAlignment ||
      m_file.m_alignment > GgufLimits::kMaxAlignment) {
    refuse(std::string(kKey) + " is " + grouped(m_file.m_alignment) +
           ", not a power of two from 8 to 65,536");
  }
}

void GgufParser::readTensor() {
  GgufTensor tensor{};
  tensor.name = takeName("the name");
  m_name = tensor.name;
  const auto dimensions = takeValue<std::uint32_t>("the number of dimensions");
  if (dimensions < 1 || dimensions > tensor.dimensions.size()) {
    refuse(where("the number of dimensions") + " is " + grouped(dimensions) + ", not 1 to 4");
  }
  tensor.dimensionCount = static_cast<int>(dimensions);
  tensor.dimensions.fill(1);
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    const auto elements = takeValue<std::uint64_t>("a dimension");
    if (elements == 0 || elements > std::numeric_limits<std::int64_t>::max()) {
      refuse(where("a dimension") + " is " + grouped(elements));
    }
    tensor.dimensions[i] = static_cast<std::int64_t>(elements);
  }
  tensor.type = TensorType(takeValue<std::uint32_t>("the type"));
  if (tensor.type.number() > kLargestTypeNumber) {
    refuse(where("the type") + " is " + grouped(tensor.type.number()) +
           ", which no GGUF file uses");
  }
  tensor.offset = takeValue<std::uint64_t>("the offset");  // placeTensors() adds the data's start
  if (tensor.offset % m_file.m_alignment != 0) {
    refuse(where("the offset") + " is " + grouped(tensor.offset) +
           ", not a multiple of the alignment " + grouped(m_file.m_alignment));
  }
  if (const auto block = static_cast<std::uint64_t>(tensor.type.blockElements()); block > 0) {
    const auto columns = static_cast<std::uint64_t>(tensor.dimensions[0]);
    if (columns % block != 0) {
      refuse(where("the first dimension") + " is " + grouped(columns) +
             ", not a multiple of the block of " + grouped(block) + " that " + tensor.type.name() +
             " stores together");
    }
    std::optional<std::uint64_t> bytes =
        checkedMultiply(columns / block, static_cast<std::uint64_t>(tensor.type.blockBytes()));
    for (std::size_t i = 1; i < tensor.dimensions.size() && bytes; ++i) {
      bytes = checkedMultiply(*bytes, static_cast<std::uint64_t>(tensor.dimensions[i]));
    }
    if (!bytes || *bytes > kLargestFile) {
      refuse(where("the size") + " is beyond any file: its dimensions cannot be right");
    }
    tensor.bytes = *bytes;
  }
  if (!m_file.m_tensorIndex.emplace(tensor.name, m_file.m_tensors.size()).second) {
    refuse("the tensor " + printable(tensor.name) + " is there twice");
  }
  m_file.m_tensors.push_back(tensor);
}

void GgufParser::placeTensors() {
  if (m_file.m_tensors.empty()) {
    return;  // a vocabulary without weights may end without padding
  }
  const std::optional<std::uint64_t> dataBegin = checkedAlign(m_position, m_file.m_alignment);
  std::uint64_t fileEnd = 0;
  const GgufTensor* last = nullptr;
  for (GgufTensor& tensor : m_file.m_tensors) {
    const std::optional<std::uint64_t> begin =
        dataBegin ? checkedAdd(*dataBegin, tensor.offset) : std::nullopt;
    const std::optional<std::uint64_t> end =
        begin ? checkedAdd(*begin, tensor.bytes) : std::nullopt;
    if (!end || *end > kLargestFile) {
      m_name = tensor.name;
      refuse("the offset of the tensor " + printable(tensor.name) + " is " +
             grouped(tensor.offset) + ", beyond any file");
    }
    tensor.offset = *begin;
    if (*end >= fileEnd) {
      fileEnd = *end;
      last = &tensor;
    }
  }
  if (fileEnd > m_file.m_bytes.size()) {
    cutShort("its last tensor " + printable(last->name) + " needs " + grouped(fileEnd));
  }
}

void GgufParser::checkOverlaps() const {
  std::vector<const GgufTensor*> sorted;
  sorted.reserve(m_file.m_tensors.size());
  for (const GgufTensor& tensor : m_file.m_tensors) {
    sorted.push_back(&tensor);
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const GgufTensor* a, const GgufTensor* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    // Both sums are at most the file's size. A type of unknown size gets one byte: it, too, has a
    // place of its own.
    if (sorted[i - 1]->offset + std::max<std::uint64_t>(sorted[i - 1]->bytes, 1) >
        sorted[i]->offset) {
      refuse("the tensors " + printable(sorted[i - 1]->name) + " and " +
             printable(sorted[i]->name) + " overlap");
    }
  }
}

std::uint64_t GgufParser::remaining() const { return m_file.m_bytes.size() - m_position; }

std::span<const std::byte> GgufParser::take(std::uint64_t bytes, const char* field) {
  if (bytes > remaining()) {
    cutShort(where(field) + " needs " + grouped(bytes) + " bytes from byte " + grouped(m_position) +
             " on");
  }
  const std::span<const std::byte> taken = m_file.m_bytes.subspan(m_position, bytes);
  m_position += bytes;
  return taken;
}

template <typename T>
T GgufParser::takeValue(const char* field) {
  T value;
  std::memcpy(&value, take(sizeof value, field).data(), sizeof value);
  return value;
}

std::string_view GgufParser::takeName(const char* field) {
  const auto length = takeValue<std::uint64_t>(field);
  if (length == 0 || length > GgufLimits::kNameBytes) {
    refuse("the length of " + where(field) + " is " + grouped(length) + ", not 1 to " +
           grouped(GgufLimits::kNameBytes));
  }
  const std::span<const std::byte> bytes = take(length, field);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!isValidUtf8(text)) {
    refuse(where(field) + " is no UTF-8 text");
  }
  return text;
}

std::string GgufParser::where(const char* field) const {
  if (m_part == Part::Preamble) {
    return field;
  }
  const std::string owner = m_part == Part::Entry ? "metadata entry " : "tensor ";
  return std::string(field) + " of " +
         (m_name.empty() ? owner + grouped(m_number) : "the " + owner + printable(m_name));
}

void GgufParser::refuse(const std::string& what, std::source_location at) const {
  m_file.refuse(what, at);
}

void GgufParser::cutShort(const std::string& what) const {
  throw Error(ErrorCode::BadModelFile,
              "The model file " + m_file.m_name + " is cut short: it has " +
                  grouped(m_file.m_bytes.size()) + " bytes, but " + what + "; download it again.");
}

}  // namespace bookwheel
