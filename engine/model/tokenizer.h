// SPDX-License-Identifier: Apache-2.0
// Text to token ids with byte ranges, and back.
#pragma once

#include "engine/model/prompt.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bookwheel {

class Gguf;

/// A model's vocabulary. Built from the checked arrays of a GGUF file; immutable afterwards, so any
/// thread may use it. Expected ids are those of llama.cpp for the same file: no Unicode normalization,
/// control tokens only in Markup pieces, user-defined pieces always.
class Tokenizer {
 public:
  /// Throws Error(BadModelFile or UnsupportedModel) naming the field.
  static std::unique_ptr<Tokenizer> create(const Gguf& file);
  virtual ~Tokenizer() = default;

  /// Invalid UTF-8 is encoded byte by byte where the vocabulary has bytes; ranges always refer to the
  /// input's bytes. addBos: AsModel adds the BOS token the file asks for.
  enum class Bos { None, AsModel };
  Encoding encode(std::span<const PromptPiece> pieces, Bos bos) const;
  /// One Text piece without BOS.
  Encoding encode(std::string_view text) const;

  /// The bytes of tokens, concatenated. Control tokens give nothing unless `showControl`.
  enum class Control { Hide, Show };
  std::string decode(std::span<const TokenId> ids, Control control = Control::Hide) const;
  /// The bytes one token stands for (a space prefix stays as it is).
  std::string_view bytes(TokenId id) const;

  int vocabularySize() const;
  bool isControl(TokenId id) const;
  /// True for every token that ends an answer (EOS, end of turn, end of message).
  bool endsAnswer(TokenId id) const;
  std::optional<TokenId> bos() const;
  std::optional<TokenId> eos() const;
  /// The id of a control or user-defined token with exactly this text.
  std::optional<TokenId> specialToken(std::string_view text) const;
  /// "BPE (qwen2)", "SentencePiece BPE": for `info`.
  std::string description() const;
};

/// Turns a stream of tokens into valid UTF-8: holds back the bytes of an unfinished character.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer) : m_tokenizer(tokenizer) {}
  /// The text that is complete after this token; may be empty.
  std::string push(TokenId id);
  /// What is left; an unfinished character becomes U+FFFD.
  std::string finish();

 private:
  const Tokenizer& m_tokenizer;
  std::string m_pending;
};

}  // namespace bookwheel
