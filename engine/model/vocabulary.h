// SPDX-License-Identifier: Apache-2.0
// Vocabulary: the token table of a model file, checked: what each id stands for and which ids are
// special.
#pragma once

#include "engine/model/prompt.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bookwheel {

class Gguf;

/// The values are those of tokenizer.ggml.token_type (and of SentencePiece's piece types).
enum class TokenType : std::uint8_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5,
  Byte = 6,
};

enum class VocabularyKind { Bpe, SentencePiece };

struct VocabularyLimits {
  static constexpr std::size_t kTokens = 1'000'000;
  static constexpr std::size_t kPieceBytes = 1024;
};

/// Immutable after construction and independent of the Gguf it came from; any thread.
class Vocabulary {
 public:
  /// Throws Error(BadModelFile) naming the array or key that is missing, too long or out of range,
  /// and Error(UnsupportedModel) for a tokenizer.ggml.model other than "gpt2" and "llama".
  explicit Vocabulary(const Gguf& file);

  VocabularyKind kind() const { return m_kind; }
  std::size_t size() const { return m_types.size(); }
  bool contains(TokenId id) const { return id >= 0 && static_cast<std::size_t>(id) < size(); }

  /// The piece as the file spells it: byte-level BPE in its visible alphabet, SentencePiece with
  /// U+2581 for a space, bytes as "<0x0A>".
  std::string_view piece(TokenId id) const { return view(m_pieces, m_pieceEnds, id); }
  /// The bytes of text it stands for.
  std::string_view bytes(TokenId id) const { return view(m_bytes, m_byteEnds, id); }
  TokenType type(TokenId id) const { return m_types[static_cast<std::size_t>(id)]; }
  /// Control and unknown tokens: never text.
  bool isControl(TokenId id) const {
    return type(id) == TokenType::Control || type(id) == TokenType::Unknown;
  }
  /// Only SentencePiece vocabularies have scores; finite.
  float score(TokenId id) const { return m_scores[static_cast<std::size_t>(id)]; }

  std::optional<TokenId> bos() const { return m_bos; }
  std::optional<TokenId> eos() const { return m_eos; }
  std::optional<TokenId> unknown() const { return m_unknown; }
  /// Whether a prompt begins with bos(); true only if there is one.
  bool addBos() const { return m_addBos; }
  /// Whether a space is put before text at the start and after special tokens.
  bool addSpacePrefix() const { return m_addSpacePrefix; }
  bool endsAnswer(TokenId id) const { return m_endsAnswer[static_cast<std::size_t>(id)]; }

 private:
  static std::string_view view(const std::string& text, const std::vector<std::uint32_t>& ends,
                               TokenId id) {
    const auto index = static_cast<std::size_t>(id);
    const std::size_t begin = index == 0 ? 0 : ends[index - 1];
    return {text.data() + begin, ends[index] - begin};
  }
  void readPieces(const Gguf& file);
  void readTypes(const Gguf& file);
  void readScores(const Gguf& file);
  void decodePieces(const Gguf& file);
  void readSpecialIds(const Gguf& file);
  /// Makes control tokens of the well-known turn and answer markers, whatever type the file gives
  /// them (a common mistake of converters, which would let documents forge turns), as llama.cpp
  /// does.
  void secureMarkers();

  VocabularyKind m_kind = VocabularyKind::Bpe;
  std::string m_pieces;                    // all pieces joined
  std::vector<std::uint32_t> m_pieceEnds;  // (size)
  std::string m_bytes;                     // their bytes joined
  std::vector<std::uint32_t> m_byteEnds;   // (size)
  std::vector<TokenType> m_types;          // (size)
  std::vector<float> m_scores;             // (size) or empty
  std::vector<bool> m_endsAnswer;          // (size)
  std::optional<TokenId> m_bos;
  std::optional<TokenId> m_eos;
  std::optional<TokenId> m_unknown;
  bool m_addBos = false;
  bool m_addSpacePrefix = false;
};

/// The byte that "<0x00>" ... "<0xFF>" names; nullopt for anything else.
std::optional<unsigned char> byteOfPiece(std::string_view piece);

/// The bytes that a piece of a byte-level BPE vocabulary spells in GPT-2's visible alphabet (one
/// character a byte); nullopt if a character is not in it.
std::optional<std::string> bytesOfVisible(std::string_view piece);

}  // namespace bookwheel
