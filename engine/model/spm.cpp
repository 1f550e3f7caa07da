// SPDX-License-Identifier: Apache-2.0
#include "engine/model/spm.h"

#include "engine/model/gguf.h"
#include "engine/model/printable.h"
#include "engine/model/unicode.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <optional>
#include <string>

namespace bookwheel {

namespace {

constexpr char32_t kWordMark = 0x2581;

constexpr std::size_t kCachedTextBytes = 64;
constexpr std::size_t kCachedTexts = 1u << 18;

/// Spaces are word marks in pieces.
char32_t asInPieces(char32_t c) { return c == ' ' ? kWordMark : c; }

/// Writes sentencepiece's ModelProto (sentencepiece_model.proto of the library) field by field: the
/// package ships no generated header, and protobuf must not be linked beside the library's own
/// copy.
class ProtoWriter {
 public:
  void varint(int field, std::uint64_t value) {
    raw(static_cast<std::uint64_t>(field) << 3);
    raw(value);
  }
  void fixed32(int field, float value) {
    raw(static_cast<std::uint64_t>(field) << 3 | 5);
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) {
      m_out.push_back(static_cast<char>(bits >> shift & 0xFF));
    }
  }
  void bytes(int field, std::string_view value) {
    raw(static_cast<std::uint64_t>(field) << 3 | 2);
    raw(value.size());
    m_out.append(value);
  }
  const std::string& out() const { return m_out; }
  void clear() { m_out.clear(); }

 private:
  void raw(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
      m_out.push_back(static_cast<char>((value & 0x7F) | 0x80));
    }
    m_out.push_back(static_cast<char>(value));
  }

  std::string m_out;
};

enum ProtoPieceType { kProtoNormal = 1, kProtoUnknown = 2, kProtoControl = 3 };

std::string modelProto(const Vocabulary& vocabulary, const std::vector<bool>& reachable) {
  ProtoWriter model;
  ProtoWriter piece;
  for (std::size_t i = 0; i <= vocabulary.size(); ++i) {
    piece.clear();
    const bool isExtra = i == vocabulary.size();  // the library insists on one unknown piece
    if (!isExtra && reachable[i]) {
      const auto id = static_cast<TokenId>(i);
      piece.bytes(1, vocabulary.piece(id));
      piece.fixed32(2, vocabulary.score(id));
      piece.varint(3, kProtoNormal);
    } else {
      // A unique name that is no UTF-8, so no text is ever equal to it.
      piece.bytes(1, std::string("\xFF").append(std::to_string(i)));
      piece.fixed32(2, 0.0f);
      piece.varint(3, isExtra ? kProtoUnknown : kProtoControl);
    }
    model.bytes(1, piece.out());
  }
  constexpr std::uint64_t kNone = ~std::uint64_t{0};  // -1
  ProtoWriter trainer;
  trainer.varint(3, 2);                   // model_type: BPE
  trainer.varint(40, vocabulary.size());  // unk_id
  trainer.varint(41, kNone);
  trainer.varint(42, kNone);
  trainer.varint(43, kNone);
  model.bytes(2, trainer.out());
  ProtoWriter normalizer;
  normalizer.bytes(1, "identity");
  normalizer.varint(3, 0);  // add_dummy_prefix
  normalizer.varint(4, 0);  // remove_extra_whitespaces
  normalizer.varint(5, 1);  // escape_whitespaces
  model.bytes(3, normalizer.out());
  return model.out();
}

class SpmEncoder final : public TextEncoder {
 public:
  SpmEncoder(const SpmModel& model, bool addSpacePrefix)
      : m_model(model), m_addSpacePrefix(addSpacePrefix) {}

  void encode(std::string_view text, std::size_t offset, Before before, Encoding& out) override {
    m_out = &out;
    m_position = offset;
    m_prefix = 0;
    std::string prefixed;
    if (m_addSpacePrefix && before == Before::Special && !text.empty()) {
      prefixed.reserve(text.size() + 1);
      prefixed.append(" ").append(text);
      text = prefixed;
      m_prefix = 1;
    }
    std::size_t begin = 0;
    std::optional<char32_t> previous;
    for (std::size_t position = 0; position < text.size();) {
      const Utf8Char c = utf8At(text, position);
      if (previous && (!c.valid || !m_model.joins(*previous, c.codePoint))) {
        emit(text.substr(begin, position - begin));
        begin = position;
      }
      previous = c.codePoint;
      if (!c.valid) {
        emit(m_model.byte(static_cast<unsigned char>(text[position])));
        begin = position + 1;
        previous.reset();
      }
      position += c.bytes;
    }
    emit(text.substr(begin));
  }

 private:
  struct Slice {
    std::size_t begin;
    std::size_t count;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  void emit(std::string_view text) {
    if (text.empty()) {
      return;
    }
    if (text.size() > kCachedTextBytes) {
      m_parts.clear();
      m_model.merge(text, m_parts);
      for (const SpmModel::Part& part : m_parts) {
        emit(part);
      }
      return;
    }
    auto known = m_cache.find(text);
    if (known == m_cache.end()) {
      if (m_cache.size() == kCachedTexts) {
        m_cache.clear();
        m_known.clear();
      }
      const std::size_t begin = m_known.size();
      m_model.merge(text, m_known);
      known = m_cache.emplace(std::string(text), Slice{begin, m_known.size() - begin}).first;
    }
    for (std::size_t i = 0; i < known->second.count; ++i) {
      emit(m_known[known->second.begin + i]);
    }
  }

  void emit(const SpmModel::Part& part) {
    // The space that was put in front stands for no bytes of the input.
    const std::size_t inserted = std::min<std::size_t>(m_prefix, part.bytes);
    m_prefix -= inserted;
    const std::size_t end = m_position + part.bytes - inserted;
    if (part.id >= 0) {
      m_out->ids.push_back(part.id);
      m_out->ranges.push_back({m_position, end});
    }
    m_position = end;
  }

  const SpmModel& m_model;
  const bool m_addSpacePrefix;
  std::unordered_map<std::string, Slice, Hash, std::equal_to<>> m_cache;
  std::vector<SpmModel::Part> m_known;  // parts of the cached stretches
  std::vector<SpmModel::Part> m_parts;  // parts of a long stretch
  Encoding* m_out = nullptr;
  std::size_t m_position = 0;  // in the input
  std::size_t m_prefix = 0;    // inserted bytes not yet passed
};

}  // namespace

SpmModel::SpmModel(const Gguf& file, const Vocabulary& vocabulary)
    : m_vocabulary(vocabulary),
      m_processor(std::make_unique<sentencepiece::SentencePieceProcessor>()) {
  m_byteIds.fill(-1);
  std::vector<bool> reachable(vocabulary.size(), false);
  std::unordered_map<std::string_view, std::size_t> byPiece;
  byPiece.reserve(vocabulary.size());
  std::size_t characters = 0;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string_view piece = vocabulary.piece(id);
    if (vocabulary.type(id) == TokenType::Byte) {
      m_byteIds[static_cast<unsigned char>(vocabulary.bytes(id)[0])] = id;
      continue;
    }
    // A space never reaches the merging as such, and control tokens never come from text.
    if (vocabulary.isControl(id) || piece.empty() || !isValidUtf8(piece) ||
        piece.find(' ') != std::string_view::npos) {
      continue;
    }
    byPiece.insert_or_assign(piece, i);
    reachable[i] = true;
    characters += piece.size();
  }
  // Of pieces with the same text the last one counts, as in llama.cpp.
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    if (reachable[i] && byPiece.find(vocabulary.piece(static_cast<TokenId>(i)))->second != i) {
      reachable[i] = false;
    }
  }
  m_joins.assign(std::bit_ceil(2 * characters + 2), 0);
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    if (reachable[i]) {
      const auto id = static_cast<TokenId>(i);
      const std::string_view piece = vocabulary.piece(id);
      const Utf8Char first = utf8At(piece, 0);
      if (first.bytes == piece.size()) {
        m_charIds.emplace(first.codePoint, id);
      }
      addJoins(piece);
    }
  }
  const auto status = m_processor->LoadFromSerializedProto(modelProto(vocabulary, reachable));
  if (!status.ok()) {
    file.refuse("its SentencePiece vocabulary cannot be used (" + printable(status.message(), 120) +
                ")");
  }
}

SpmModel::~SpmModel() = default;

std::size_t SpmModel::slot(std::uint64_t key) const {
  // Fibonacci hashing: the high bits of the product depend on all bits of the key.
  const int bits = std::countr_zero(m_joins.size());
  return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> (64 - bits));
}

void SpmModel::addJoins(std::string_view piece) {
  std::optional<char32_t> left;
  for (std::size_t position = 0; position < piece.size();) {
    const Utf8Char right = utf8At(piece, position);
    if (left) {
      const std::uint64_t key = (std::uint64_t{*left} << 32 | right.codePoint) + 1;
      std::size_t index = slot(key);
      while (m_joins[index] != 0 && m_joins[index] != key) {
        index = (index + 1) & (m_joins.size() - 1);
      }
      m_joins[index] = key;
    }
    left = right.codePoint;
    position += right.bytes;
  }
}

bool SpmModel::joins(char32_t left, char32_t right) const {
  const std::uint64_t key = (std::uint64_t{asInPieces(left)} << 32 | asInPieces(right)) + 1;
  for (std::size_t index = slot(key); m_joins[index] != 0;
       index = (index + 1) & (m_joins.size() - 1)) {
    if (m_joins[index] == key) {
      return true;
    }
  }
  return false;
}

SpmModel::Part SpmModel::byte(unsigned char value) const {
  const TokenId id = m_byteIds[value];
  return {id >= 0 ? id : m_vocabulary.unknown().value_or(-1), 1};
}

void SpmModel::fallBack(std::string_view text, std::vector<Part>& out) const {
  const bool hasBytes = std::all_of(text.begin(), text.end(), [this](char c) {
    return m_byteIds[static_cast<unsigned char>(c)] >= 0;
  });
  if (hasBytes) {
    for (const char c : text) {
      out.push_back(byte(static_cast<unsigned char>(c)));
    }
  } else {
    out.push_back({m_vocabulary.unknown().value_or(-1), static_cast<std::uint32_t>(text.size())});
  }
}

void SpmModel::merge(std::string_view text, std::vector<Part>& out) const {
  const Utf8Char first = utf8At(text, 0);
  if (first.bytes == text.size()) {
    const auto found = m_charIds.find(asInPieces(first.codePoint));
    if (found != m_charIds.end()) {
      out.push_back({found->second, static_cast<std::uint32_t>(text.size())});
    } else {
      fallBack(text, out);
    }
    return;
  }
  const auto encoded = m_processor->EncodeAsImmutableProto(text);
  for (std::size_t i = 0; i < encoded.pieces_size(); ++i) {
    const auto piece = encoded.pieces(static_cast<int>(i));
    const std::string_view surface = text.substr(piece.begin(), piece.end() - piece.begin());
    if (m_vocabulary.contains(static_cast<TokenId>(piece.id()))) {
      out.push_back({static_cast<TokenId>(piece.id()), static_cast<std::uint32_t>(surface.size())});
    } else {
      fallBack(surface, out);
    }
  }
}

std::unique_ptr<TextEncoder> SpmModel::encoder() const {
  return std::make_unique<SpmEncoder>(*this, m_vocabulary.addSpacePrefix());
}

std::string SpmModel::description() const { return "SentencePiece BPE"; }

}  // namespace bookwheel
