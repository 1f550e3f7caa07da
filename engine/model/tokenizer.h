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
class SpecialTokens;
class TextModel;
class Vocabulary;

/// A model's vocabulary. Built from the checked arrays of a GGUF file, of which it keeps nothing;
/// immutable afterwards, so any thread may use it. Expected ids are those of llama.cpp for the same
/// file: no Unicode normalization, control tokens only in Markup pieces, user-defined pieces
/// always.
///
/// decode(encode(text).ids) == text for all text, with two exceptions that the vocabularies force:
/// SentencePiece reads U+2581 as a space, and a byte-level vocabulary may lack bytes (SmolLM2 has
/// no token for 0x04 and 20 others), which models with it never see.
class Tokenizer {
 public:
  /// Throws Error(BadModelFile or UnsupportedModel) naming the field.
  static std::unique_ptr<Tokenizer> create(const Gguf& file);
  ~Tokenizer();

  /// Invalid UTF-8 is encoded byte by byte where the vocabulary has bytes; ranges always refer to
  /// the input's bytes. Bos::AsModel begins with the BOS token if the file asks for it (once: not
  /// if the first piece is Markup that begins with it). Throws Error(InvalidRequest) for text of 2
  /// GiB and more.
  enum class Bos { None, AsModel };
  Encoding encode(std::span<const PromptPiece> pieces, Bos bos) const;
  /// One Text piece without BOS.
  Encoding encode(std::string_view text) const;

  /// The bytes of tokens, concatenated. Control tokens give nothing unless `control` is Show. The
  /// space that encoding puts before text, at the start and after special tokens, is taken away
  /// again. Throws Error(BadText) for an id outside the vocabulary.
  enum class Control { Hide, Show };
  std::string decode(std::span<const TokenId> ids, Control control = Control::Hide) const;
  /// The bytes one token stands for (a space prefix stays as it is). `id` is in the vocabulary,
  /// here and below.
  std::string_view bytes(TokenId id) const;

  int vocabularySize() const;
  bool isControl(TokenId id) const;
  /// True for every token that ends an answer (EOS, end of turn, end of message).
  bool endsAnswer(TokenId id) const;
  std::optional<TokenId> bos() const;
  std::optional<TokenId> eos() const;
  /// The id of a control or user-defined token with exactly this text.
  std::optional<TokenId> specialToken(std::string_view text) const;
  /// Whether text at the start and after special tokens gets a space in front.
  bool addsSpacePrefix() const;
  /// "BPE (qwen2)", "SentencePiece BPE": for `info`.
  std::string description() const;

 private:
  explicit Tokenizer(const Gguf& file);
  Encoding encode(std::string_view text, std::span<const ByteRange> markup,
                  std::span<const std::size_t> cuts, Bos bos) const;
  bool isSpecial(TokenId id) const;

  std::unique_ptr<const Vocabulary> m_vocabulary;
  std::unique_ptr<const SpecialTokens> m_special;
  std::unique_ptr<const TextModel> m_text;
};

/// Turns a stream of tokens into valid UTF-8: holds back the bytes of an unfinished character. One
/// thread.
class StreamDecoder {
 public:
  /// `tokenizer` must outlive the object.
  explicit StreamDecoder(const Tokenizer& tokenizer)
      : m_tokenizer(tokenizer), m_dropSpace(tokenizer.addsSpacePrefix()) {}
  /// The text that is complete after this token; may be empty. Control tokens give none; bytes that
  /// are no UTF-8 become U+FFFD. Throws Error(BadText) for an id outside the vocabulary.
  std::string push(TokenId id);
  /// What is left; an unfinished character becomes U+FFFD. Then ready for another stream.
  std::string finish();

 private:
  const Tokenizer& m_tokenizer;
  std::string m_pending;
  bool m_dropSpace;  // the next token's leading space was put there by the model's convention
};

}  // namespace bookwheel
