// SPDX-License-Identifier: Apache-2.0
#include "engine/model/vocabulary.h"

#include "engine/error.h"
#include "engine/model/gguf.h"
#include "engine/model/pre_tokenizer.h"
#include "engine/model/printable.h"
#include "engine/model/unicode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace bookwheel {

namespace {

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kTypesKey = "tokenizer.ggml.token_type";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";
constexpr std::string_view kWordMark = "\xE2\x96\x81";  // U+2581

/// GPT-2's alphabet: printable Latin-1 characters stand for their own byte, the other bytes in
/// ascending order for U+0100, U+0101, ...
std::optional<unsigned char> byteOfVisible(char32_t c) {
  const auto visible = [](char32_t b) {
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xFF && b != 0xAD);
  };
  if (c < 0x100) {
    return visible(c) ? std::optional(static_cast<unsigned char>(c)) : std::nullopt;
  }
  static const std::array<unsigned char, 68> kOthers = [&] {
    std::array<unsigned char, 68> others{};
    std::size_t count = 0;
    for (char32_t b = 0; b < 0x100; ++b) {
      if (!visible(b)) {
        others[count++] = static_cast<unsigned char>(b);
      }
    }
    return others;
  }();
  const char32_t index = c - 0x100;
  return index < kOthers.size() ? std::optional(kOthers[index]) : std::nullopt;
}

/// Names under which models end an answer.
constexpr std::array<std::string_view, 13> kAnswerEnds{
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>",        "<|end|>",       "<end_of_turn>",
    "<eos>",      "</s>",       "<|end_of_text|>",   "<|endoftext|>", "<EOT>",
    "[EOS]",      "[EOT]",      "<end_of_utterance>"};

/// Names under which models begin a turn.
constexpr std::array<std::string_view, 7> kTurnMarkers{
    "<|im_start|>", "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>",
    "<|user|>",     "<|assistant|>",       "<|system|>"};

template <std::size_t Size>
bool isOneOf(const std::array<std::string_view, Size>& names, std::string_view piece) {
  return std::find(names.begin(), names.end(), piece) != names.end();
}

std::string describe(std::string_view key, std::size_t index) {
  return std::string(key) + "[" + grouped(index) + "]";
}

}  // namespace

std::optional<unsigned char> byteOfPiece(std::string_view piece) {
  if (piece.size() != 6 || piece.substr(0, 3) != "<0x" || piece[5] != '>') {
    return std::nullopt;
  }
  int value = 0;
  for (const char c : piece.substr(3, 2)) {
    if (c >= '0' && c <= '9') {
      value = value * 16 + (c - '0');
    } else if (c >= 'A' && c <= 'F') {
      value = value * 16 + (c - 'A' + 10);
    } else if (c >= 'a' && c <= 'f') {
      value = value * 16 + (c - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return static_cast<unsigned char>(value);
}

std::optional<std::string> bytesOfVisible(std::string_view piece) {
  std::string bytes;
  for (std::size_t position = 0; position < piece.size();) {
    const Utf8Char c = utf8At(piece, position);
    const auto byte = c.valid ? byteOfVisible(c.codePoint) : std::nullopt;
    if (!byte) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<char>(*byte));
    position += c.bytes;
  }
  return bytes;
}

Vocabulary::Vocabulary(const Gguf& file) {
  const auto model = file.text("tokenizer.ggml.model");
  if (!model) {
    file.refuse("it has no tokenizer.ggml.model, so its vocabulary cannot be read");
  }
  if (*model == "gpt2") {
    m_kind = VocabularyKind::Bpe;
  } else if (*model == "llama") {
    m_kind = VocabularyKind::SentencePiece;
  } else {
    throw Error(ErrorCode::UnsupportedModel,
                "The model file " + file.name() + " has a vocabulary of the kind \"" +
                    printable(*model) +
                    "\"; Bookwheel reads the kinds \"gpt2\" (byte-level BPE) and \"llama\" "
                    "(SentencePiece). Choose another model file.");
  }
  readPieces(file);
  readTypes(file);
  readScores(file);
  decodePieces(file);
  m_endsAnswer.assign(size(), false);
  secureMarkers();
  readSpecialIds(file);
}

void Vocabulary::readPieces(const Gguf& file) {
  const auto tokens = file.stringArray(kTokensKey);
  if (!tokens || tokens->size() == 0) {
    file.refuse("it has no " + std::string(kTokensKey) + ", so its vocabulary cannot be read");
  }
  if (tokens->size() > VocabularyLimits::kTokens) {
    file.refuse(std::string(kTokensKey) + " has " + grouped(tokens->size()) + " tokens; at most " +
                grouped(VocabularyLimits::kTokens) + " make sense");
  }
  m_pieceEnds.reserve(tokens->size());
  for (std::size_t i = 0; i < tokens->size(); ++i) {
    const std::string_view piece = (*tokens)[i];
    if (piece.size() > VocabularyLimits::kPieceBytes) {
      file.refuse(describe(kTokensKey, i) + " has " + grouped(piece.size()) + " bytes; at most " +
                  grouped(VocabularyLimits::kPieceBytes) + " make sense");
    }
    m_pieces.append(piece);  // at most 1e6 x 1 KiB: below 2^32
    m_pieceEnds.push_back(static_cast<std::uint32_t>(m_pieces.size()));
  }
}

void Vocabulary::readTypes(const Gguf& file) {
  const std::size_t count = m_pieceEnds.size();
  const auto types = file.integerArray(kTypesKey);
  m_types.assign(count, TokenType::Normal);
  if (!types) {
    return;
  }
  if (types->size() != count) {
    file.refuse(std::string(kTypesKey) + " has " + grouped(types->size()) + " values for " +
                grouped(count) + " tokens");
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t value = (*types)[i];
    if (value < 0 || value > 6) {
      file.refuse(describe(kTypesKey, i) + " is " + std::to_string(value) + "; 0 to 6 are known");
    }
    // 0 ("undefined") is written by old converters for ordinary tokens.
    m_types[i] = value == 0 ? TokenType::Normal : static_cast<TokenType>(value);
  }
}

void Vocabulary::readScores(const Gguf& file) {
  if (m_kind != VocabularyKind::SentencePiece) {
    return;
  }
  const std::size_t count = size();
  const auto scores = file.floatArray(kScoresKey);
  if (!scores) {
    file.refuse("it has no " + std::string(kScoresKey) + ", which say what its tokens merge to");
  }
  if (scores->size() != count) {
    file.refuse(std::string(kScoresKey) + " has " + grouped(scores->size()) + " values for " +
                grouped(count) + " tokens");
  }
  m_scores.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const float score = (*scores)[i];
    if (!std::isfinite(score)) {
      file.refuse(describe(kScoresKey, i) + " is not a finite number");
    }
    m_scores.push_back(score);
  }
}

void Vocabulary::decodePieces(const Gguf& file) {
  m_bytes.reserve(m_pieces.size());
  m_byteEnds.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string_view spelled = piece(id);
    switch (type(id)) {
      case TokenType::Byte: {
        const auto byte = byteOfPiece(spelled);
        if (!byte) {
          file.refuse(describe(kTokensKey, i) + " is \"" + printable(spelled, 40) +
                      "\", but its type says it is a byte like <0x0A>");
        }
        m_bytes.push_back(static_cast<char>(*byte));
        break;
      }
      case TokenType::Normal:
      case TokenType::Unused:
        if (m_kind == VocabularyKind::Bpe) {
          const auto bytes = bytesOfVisible(spelled);
          m_bytes.append(bytes ? std::string_view(*bytes) : spelled);
        } else {
          for (std::size_t at = 0; at < spelled.size();) {
            const bool mark = spelled.substr(at, kWordMark.size()) == kWordMark;
            m_bytes.push_back(mark ? ' ' : spelled[at]);
            at += mark ? kWordMark.size() : 1;
          }
        }
        break;
      case TokenType::Unknown:
      case TokenType::Control:
      case TokenType::UserDefined:
        m_bytes.append(spelled);
        break;
    }
    m_byteEnds.push_back(static_cast<std::uint32_t>(m_bytes.size()));
  }
}

void Vocabulary::readSpecialIds(const Gguf& file) {
  const auto read = [&](std::string_view key) -> std::optional<TokenId> {
    const auto value = file.integer(key);
    // Converters write -1 (or 2^32-1) for "none".
    if (!value || *value == -1 || *value == std::numeric_limits<std::uint32_t>::max()) {
      return std::nullopt;
    }
    if (*value < 0 || static_cast<std::uint64_t>(*value) >= size()) {
      file.refuse(std::string(key) + " is " + std::to_string(*value) + ", but the vocabulary has " +
                  grouped(size()) + " tokens");
    }
    return static_cast<TokenId>(*value);
  };
  m_bos = read("tokenizer.ggml.bos_token_id");
  m_eos = read("tokenizer.ggml.eos_token_id");
  m_unknown = read("tokenizer.ggml.unknown_token_id");
  const auto eot = read("tokenizer.ggml.eot_token_id");
  const auto eom = read("tokenizer.ggml.eom_token_id");

  const bool sentencePiece = m_kind == VocabularyKind::SentencePiece;
  m_addSpacePrefix =
      sentencePiece && file.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  // Without the key, SentencePiece models and Llama 3 begin with BOS.
  const bool llama3 =
      preTokenizer(file.text("tokenizer.ggml.pre").value_or("")) == PreTokenizer::LlamaBpe;
  m_addBos = file.boolean("tokenizer.ggml.add_bos_token").value_or(sentencePiece || llama3);
  // SentencePiece's own ids where the file names none; trusted only if the token's type agrees.
  const auto fallback = [&](std::optional<TokenId>& id, std::string_view key, TokenId usual,
                            TokenType as) {
    if (sentencePiece && !file.find(key) && contains(usual) && type(usual) == as) {
      id = usual;
    }
  };
  fallback(m_unknown, "tokenizer.ggml.unknown_token_id", 0, TokenType::Unknown);
  fallback(m_bos, "tokenizer.ggml.bos_token_id", 1, TokenType::Control);
  fallback(m_eos, "tokenizer.ggml.eos_token_id", 2, TokenType::Control);
  for (const auto& id : {m_eos, eot, eom}) {
    if (id) {
      m_endsAnswer[static_cast<std::size_t>(*id)] = true;
    }
  }
  m_addBos = m_addBos && m_bos.has_value();
}

void Vocabulary::secureMarkers() {
  for (std::size_t i = 0; i < size(); ++i) {
    const std::string_view name = piece(static_cast<TokenId>(i));
    const bool endsByName = isOneOf(kAnswerEnds, name);
    if (!endsByName && !isOneOf(kTurnMarkers, name)) {
      continue;
    }
    // "</s>" ends a line-through in Gemma's HTML: user-defined there, and no end of an answer.
    m_endsAnswer[i] = endsByName && (m_types[i] == TokenType::Control || name != "</s>");
    m_types[i] = TokenType::Control;
  }
}

}  // namespace bookwheel
