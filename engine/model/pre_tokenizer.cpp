// SPDX-License-Identifier: Apache-2.0
#include "engine/model/pre_tokenizer.h"

#include "engine/model/unicode.h"

#include <array>
#include <utility>

namespace bookwheel {

namespace {

/// One character with its class; at the end of the text `bytes` is 0 and it is in no class.
struct Char {
  char32_t codePoint = 0;
  std::size_t bytes = 0;
  CharClass kind = CharClass::Other;

  bool is(CharClass c) const { return bytes != 0 && kind == c; }
  bool isLineBreak() const { return bytes != 0 && (codePoint == '\n' || codePoint == '\r'); }
};

Char charAt(std::string_view text, std::size_t position) {
  if (position >= text.size()) {
    return {};
  }
  const Utf8Char c = utf8At(text, position);
  return {c.codePoint, c.bytes, charClass(c.codePoint)};
}

std::size_t skip(std::string_view text, std::size_t position, CharClass kind) {
  for (Char c = charAt(text, position); c.is(kind); c = charAt(text, position)) {
    position += c.bytes;
  }
  return position;
}

enum class Case { Sensitive, Ignored };

/// End of 's 't 'm 'd 're 've 'll at `position`, or `position` if none is there.
std::size_t contractionEnd(std::string_view text, std::size_t position, Case letterCase) {
  const auto at = [&](std::size_t offset) -> char {
    if (position + offset >= text.size()) {
      return '\0';
    }
    const char c = text[position + offset];
    return letterCase == Case::Ignored && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A'))
                                                               : c;
  };
  const char first = at(1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') {
    return position + 2;
  }
  const char second = at(2);
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
      (first == 'l' && second == 'l')) {
    return position + 3;
  }
  return position;
}

/// \s+(?!\S)|\s+ : the whole run at the end of the text, else all but its last character, but at
/// least one.
std::size_t whitespaceEnd(std::string_view text, std::size_t position) {
  std::size_t last = position;
  std::size_t end = position;
  for (Char c = charAt(text, end); c.is(CharClass::Space); c = charAt(text, end)) {
    last = end;
    end += c.bytes;
  }
  return end == text.size() || last == position ? end : last;
}

std::size_t gpt2WordEnd(std::string_view text, std::size_t position) {
  const Char first = charAt(text, position);
  if (first.codePoint == '\'') {
    const std::size_t end = contractionEnd(text, position, Case::Sensitive);
    if (end != position) {
      return end;
    }
  }
  const std::size_t start = position + (first.codePoint == ' ' ? 1 : 0);
  const Char lead = charAt(text, start);
  if (lead.bytes != 0 && lead.kind != CharClass::Space) {
    return skip(text, start, lead.kind);
  }
  return whitespaceEnd(text, position);
}

/// llama-bpe and qwen2, which differ in how many digits stay together.
std::size_t llamaWordEnd(std::string_view text, std::size_t position, int maxDigits) {
  const Char first = charAt(text, position);
  if (first.codePoint == '\'') {
    const std::size_t end = contractionEnd(text, position, Case::Ignored);
    if (end != position) {
      return end;
    }
  }
  const std::size_t second = position + first.bytes;
  // [^\r\n\p{L}\p{N}]?\p{L}+
  if (first.kind == CharClass::Letter) {
    return skip(text, second, CharClass::Letter);
  }
  if (first.kind == CharClass::Number) {
    std::size_t end = second;
    for (int digits = 1; digits < maxDigits; ++digits) {
      const Char c = charAt(text, end);
      if (!c.is(CharClass::Number)) {
        break;
      }
      end += c.bytes;
    }
    return end;
  }
  const Char next = charAt(text, second);
  if (!first.isLineBreak() && next.is(CharClass::Letter)) {
    return skip(text, second, CharClass::Letter);
  }
  // ' '?[^\s\p{L}\p{N}]+[\r\n]*
  if (first.kind == CharClass::Other || (first.codePoint == ' ' && next.is(CharClass::Other))) {
    std::size_t end = skip(text, second, CharClass::Other);
    while (charAt(text, end).isLineBreak()) {
      ++end;
    }
    return end;
  }
  // \s*[\r\n]+ : up to the last line break of the run
  std::size_t afterLineBreak = position;
  std::size_t end = position;
  for (Char c = charAt(text, end); c.is(CharClass::Space); c = charAt(text, end)) {
    end += c.bytes;
    if (c.isLineBreak()) {
      afterLineBreak = end;
    }
  }
  return afterLineBreak != position ? afterLineBreak : whitespaceEnd(text, position);
}

constexpr std::array<std::pair<std::string_view, PreTokenizer>, 16> kNames{{
    {"gpt-2", PreTokenizer::Gpt2},
    {"phi-2", PreTokenizer::Gpt2},
    {"mpt", PreTokenizer::Gpt2},
    {"olmo", PreTokenizer::Gpt2},
    {"smollm", PreTokenizer::SmolLm},
    {"starcoder", PreTokenizer::SmolLm},
    {"refact", PreTokenizer::SmolLm},
    {"command-r", PreTokenizer::SmolLm},
    {"llama-bpe", PreTokenizer::LlamaBpe},
    {"llama3", PreTokenizer::LlamaBpe},
    {"llama-v3", PreTokenizer::LlamaBpe},
    {"falcon3", PreTokenizer::LlamaBpe},
    {"pixtral", PreTokenizer::LlamaBpe},
    {"qwen2", PreTokenizer::Qwen2},
    {"deepseek-r1-qwen", PreTokenizer::Qwen2},
    {"stablelm2", PreTokenizer::Qwen2},
}};

}  // namespace

std::optional<PreTokenizer> preTokenizer(std::string_view name) {
  for (const auto& [known, rule] : kNames) {
    if (known == name) {
      return rule;
    }
  }
  return std::nullopt;
}

std::string_view name(PreTokenizer rule) {
  switch (rule) {
    case PreTokenizer::Gpt2:
      return "gpt-2";
    case PreTokenizer::SmolLm:
      return "smollm";
    case PreTokenizer::LlamaBpe:
      return "llama-bpe";
    case PreTokenizer::Qwen2:
      return "qwen2";
  }
  return "";
}

std::optional<std::string_view> WordSplitter::next() {
  if (m_position >= m_text.size()) {
    return std::nullopt;
  }
  const std::size_t begin = m_position;
  switch (m_rule) {
    case PreTokenizer::Gpt2:
      m_position = gpt2WordEnd(m_text, begin);
      break;
    case PreTokenizer::LlamaBpe:
      m_position = llamaWordEnd(m_text, begin, 3);
      break;
    case PreTokenizer::Qwen2:
      m_position = llamaWordEnd(m_text, begin, 1);
      break;
    case PreTokenizer::SmolLm: {
      const Char first = charAt(m_text, begin);
      if (first.kind == CharClass::Number) {
        m_position = begin + first.bytes;
        break;
      }
      // gpt-2's rule must see the next number as the end of its text.
      if (begin >= m_stretchEnd) {
        m_stretchEnd = begin;
        for (Char c = first; c.bytes != 0 && c.kind != CharClass::Number;
             c = charAt(m_text, m_stretchEnd)) {
          m_stretchEnd += c.bytes;
        }
      }
      m_position = gpt2WordEnd(m_text.substr(0, m_stretchEnd), begin);
      break;
    }
  }
  return m_text.substr(begin, m_position - begin);
}

}  // namespace bookwheel
