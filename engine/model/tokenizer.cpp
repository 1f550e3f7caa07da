// SPDX-License-Identifier: Apache-2.0
#include "engine/model/tokenizer.h"

#include "engine/error.h"
#include "engine/model/bpe.h"
#include "engine/model/printable.h"
#include "engine/model/special_tokens.h"
#include "engine/model/spm.h"
#include "engine/model/unicode.h"
#include "engine/model/vocabulary.h"

#include <limits>

namespace bookwheel {

namespace {

constexpr std::size_t kMaxTextBytes = std::numeric_limits<std::int32_t>::max();

void requireToken(const Vocabulary& vocabulary, TokenId id) {
  if (!vocabulary.contains(id)) {
    throw Error(ErrorCode::BadText, "The token id " + std::to_string(id) +
                                        " is outside the model's vocabulary, whose ids are 0 to " +
                                        grouped(vocabulary.size() - 1) + ".");
  }
}

/// Gives the bytes between two ranges, for which the vocabulary has no token, to the token before
/// them, or to the one after them if the one before was inserted.
void closeGaps(std::vector<ByteRange>& ranges, std::size_t textBytes) {
  std::size_t reached = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].begin > reached) {
      if (i > 0 && ranges[i - 1].begin < reached) {
        ranges[i - 1].end = ranges[i].begin;
      } else {
        ranges[i].begin = reached;
      }
    }
    reached = ranges[i].end;
  }
  if (!ranges.empty()) {
    ranges.back().end = textBytes;
  }
}

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::create(const Gguf& file) {
  return std::unique_ptr<Tokenizer>(new Tokenizer(file));
}

Tokenizer::Tokenizer(const Gguf& file)
    : m_vocabulary(std::make_unique<Vocabulary>(file)),
      m_special(std::make_unique<SpecialTokens>(*m_vocabulary)) {
  if (m_vocabulary->kind() == VocabularyKind::Bpe) {
    m_text = std::make_unique<BpeModel>(file, *m_vocabulary);
  } else {
    m_text = std::make_unique<SpmModel>(file, *m_vocabulary);
  }
}

Tokenizer::~Tokenizer() = default;

Encoding Tokenizer::encode(std::span<const PromptPiece> pieces, Bos bos) const {
  std::string text;
  std::vector<ByteRange> markup;
  std::vector<std::size_t> cuts;
  for (const PromptPiece& piece : pieces) {
    const std::size_t begin = text.size();
    text += piece.text;
    if (piece.startsAnew) {
      cuts.push_back(begin);
    }
    if (piece.kind == PieceKind::Markup) {
      if (!markup.empty() && markup.back().end == begin && !piece.startsAnew) {
        markup.back().end = text.size();
      } else {
        markup.push_back({begin, text.size()});
      }
    }
  }
  return encode(text, markup, cuts, bos);
}

Encoding Tokenizer::encode(std::string_view text) const { return encode(text, {}, {}, Bos::None); }

Encoding Tokenizer::encode(std::string_view text, std::span<const ByteRange> markup,
                           std::span<const std::size_t> cuts, Bos bos) const {
  if (text.size() > kMaxTextBytes) {
    throw Error(ErrorCode::InvalidRequest, "The text has " + grouped(text.size()) +
                                               " bytes, and at most " + grouped(kMaxTextBytes) +
                                               " can be read at once; choose a part of it.");
  }
  const std::vector<Fragment> fragments = m_special->split(text, markup, cuts);
  Encoding out;
  out.ids.reserve(text.size() / 4 + 1);
  out.ranges.reserve(text.size() / 4 + 1);
  if (bos == Bos::AsModel && m_vocabulary->addBos() &&
      (fragments.empty() || fragments.front().token != m_vocabulary->bos())) {
    out.ids.push_back(*m_vocabulary->bos());
    out.ranges.push_back({0, 0});
  }
  const std::unique_ptr<TextEncoder> encoder = m_text->encoder();
  Before before = Before::Special;
  for (const Fragment& fragment : fragments) {
    if (fragment.token) {
      out.ids.push_back(*fragment.token);
      out.ranges.push_back(fragment.range);
      before = Before::Special;
    } else {
      encoder->encode(text.substr(fragment.range.begin, fragment.range.end - fragment.range.begin),
                      fragment.range.begin, before, out);
      before = Before::Text;
    }
  }
  closeGaps(out.ranges, text.size());
  return out;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, Control control) const {
  std::string text;
  bool dropSpace = addsSpacePrefix();
  for (const TokenId id : ids) {
    requireToken(*m_vocabulary, id);
    if (isSpecial(id)) {
      if (!isControl(id) || control == Control::Show) {
        text += m_vocabulary->bytes(id);
      }
      dropSpace = addsSpacePrefix();
      continue;
    }
    std::string_view piece = bytes(id);
    if (dropSpace && !piece.empty() && piece.front() == ' ') {
      piece.remove_prefix(1);
    }
    text += piece;
    dropSpace = false;
  }
  return text;
}

std::string_view Tokenizer::bytes(TokenId id) const { return m_vocabulary->bytes(id); }

int Tokenizer::vocabularySize() const { return static_cast<int>(m_vocabulary->size()); }

bool Tokenizer::isControl(TokenId id) const { return m_vocabulary->isControl(id); }

bool Tokenizer::isSpecial(TokenId id) const {
  return isControl(id) || m_vocabulary->type(id) == TokenType::UserDefined;
}

bool Tokenizer::endsAnswer(TokenId id) const { return m_vocabulary->endsAnswer(id); }

std::optional<TokenId> Tokenizer::bos() const { return m_vocabulary->bos(); }

std::optional<TokenId> Tokenizer::eos() const { return m_vocabulary->eos(); }

std::optional<TokenId> Tokenizer::specialToken(std::string_view text) const {
  return m_special->find(text);
}

bool Tokenizer::addsSpacePrefix() const { return m_vocabulary->addSpacePrefix(); }

std::string Tokenizer::description() const { return m_text->description(); }

std::string StreamDecoder::push(TokenId id) {
  const std::string alone =
      m_tokenizer.decode({&id, 1});  // without a leading space that was put there
  if (m_tokenizer.isControl(id)) {
    m_dropSpace = m_tokenizer.addsSpacePrefix();
    return {};
  }
  m_pending += m_dropSpace ? std::string_view(alone) : m_tokenizer.bytes(id);
  m_dropSpace = false;
  const std::size_t complete = completeUtf8Prefix(m_pending);
  std::string text;
  appendRepaired(text, std::string_view(m_pending).substr(0, complete));
  m_pending.erase(0, complete);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text;
  if (!m_pending.empty()) {
    text = "\xEF\xBF\xBD";
  }
  m_pending.clear();
  m_dropSpace = m_tokenizer.addsSpacePrefix();
  return text;
}

}  // namespace bookwheel
