// SPDX-License-Identifier: Apache-2.0
// Byte-level BPE: words cut by a pre-tokenizer, merged by the ranks of tokenizer.ggml.merges.
#pragma once

#include "engine/model/pre_tokenizer.h"
#include "engine/model/text_model.h"
#include "engine/model/vocabulary.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bookwheel {

class Gguf;

class BpeModel final : public TextModel {
 public:
  /// Throws Error(UnsupportedModel) for an unknown pre-tokenizer, Error(BadModelFile) for merges
  /// that name tokens the vocabulary does not have. `vocabulary` must outlive the object.
  BpeModel(const Gguf& file, const Vocabulary& vocabulary);

  std::unique_ptr<TextEncoder> encoder() const override;
  std::string description() const override;

  /// A stretch of a word that became one token; id -1: a byte that the vocabulary has no token for.
  struct Part {
    TokenId id;
    std::uint32_t bytes;
  };
  /// The parts of one word. Merges in O(n log n).
  void merge(std::string_view word, std::vector<Part>& out) const;
  PreTokenizer rule() const { return m_rule; }

 private:
  struct Merge {
    std::uint64_t pair;  // left id << 32 | right id; kFree where the slot is empty
    std::uint32_t rank;
    TokenId result;
  };
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};

  void addMerge(TokenId left, TokenId right, std::uint32_t rank, TokenId result);
  const Merge* findMerge(TokenId left, TokenId right) const;
  std::size_t slot(std::uint64_t pair) const;

  const Vocabulary& m_vocabulary;
  PreTokenizer m_rule;
  bool m_wholeWordsFirst;              // llama-bpe: a word that is a token needs no merges
  std::array<TokenId, 256> m_byteIds;  // -1 where there is none
  std::unordered_map<std::string_view, TokenId> m_ids;  // by bytes; views into the vocabulary
  std::vector<Merge> m_merges;  // open addressing, a power of two of slots, at most half full
};

}  // namespace bookwheel
