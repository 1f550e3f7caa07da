// SPDX-License-Identifier: Apache-2.0
// SentencePiece BPE vocabularies, merged by the sentencepiece library.
#pragma once

#include "engine/model/text_model.h"
#include "engine/model/vocabulary.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace bookwheel {

class Gguf;

/// The library gets the vocabulary as a ModelProto written here from the checked arrays. It never
/// sees a whole text: text is cut wherever no piece of the vocabulary has the two neighbouring
/// characters side by side. No merge can reach across such a place, so the ids are exactly those of
/// one call over the whole text, in linear time and with each word merged once.
class SpmModel final : public TextModel {
 public:
  /// Throws Error(BadModelFile) if the library refuses the vocabulary. `vocabulary` must outlive
  /// the object.
  SpmModel(const Gguf& file, const Vocabulary& vocabulary);
  ~SpmModel() override;

  std::unique_ptr<TextEncoder> encoder() const override;
  std::string description() const override;

  /// A stretch of text that became one token; id -1: bytes that the vocabulary has no token for.
  struct Part {
    TokenId id;
    std::uint32_t bytes;
  };
  /// Whether tokens may reach across the border between two characters.
  bool joins(char32_t left, char32_t right) const;
  /// The parts of a stretch between two borders: valid UTF-8, not empty.
  void merge(std::string_view text, std::vector<Part>& out) const;
  /// A byte that is no part of valid UTF-8.
  Part byte(unsigned char value) const;

 private:
  void addJoins(std::string_view piece);
  std::size_t slot(std::uint64_t key) const;
  void fallBack(std::string_view text, std::vector<Part>& out) const;

  const Vocabulary& m_vocabulary;
  std::unique_ptr<sentencepiece::SentencePieceProcessor> m_processor;
  std::array<TokenId, 256> m_byteIds;               // -1 where there is none
  std::unordered_map<char32_t, TokenId> m_charIds;  // pieces of one character
  std::vector<std::uint64_t> m_joins;  // pairs side by side in a piece; open addressing, 0 = free
  std::size_t m_joinCount = 0;
};

}  // namespace bookwheel
