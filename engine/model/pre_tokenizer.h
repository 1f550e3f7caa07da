// SPDX-License-Identifier: Apache-2.0
// Cuts text into the words inside which byte-level BPE merges.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace bookwheel {

/// The rules by the names that GGUF files use (tokenizer.ggml.pre). As regular expressions, first
/// match wins:
///   gpt-2      's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///   smollm     each \p{N} by itself; what lies between them as gpt-2, each stretch for itself
///   llama-bpe  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
///   ?[^\s\p{L}\p{N}]+[\r\n]*|
///              \s*[\r\n]+|\s+(?!\S)|\s+         (?i: only with ASCII letters)
///   qwen2      the same with \p{N} in place of \p{N}{1,3}
enum class PreTokenizer { Gpt2, SmolLm, LlamaBpe, Qwen2 };

/// The rule of a tokenizer.ggml.pre value, by its own name or by that of a model whose rule is the
/// same
/// ("starcoder" is smollm's, "deepseek-r1-qwen" is qwen2's); nullopt if it is none of these.
std::optional<PreTokenizer> preTokenizer(std::string_view name);
/// "gpt-2", "smollm", "llama-bpe", "qwen2".
std::string_view name(PreTokenizer rule);

/// Walks over the words of a text; together they are the text. A byte that is no valid UTF-8 counts
/// as a symbol. Time is linear in the text.
class WordSplitter {
 public:
  /// `text` must outlive the object.
  WordSplitter(PreTokenizer rule, std::string_view text) : m_rule(rule), m_text(text) {}

  /// The next word, never empty; nullopt at the end.
  std::optional<std::string_view> next();

 private:
  const PreTokenizer m_rule;
  const std::string_view m_text;
  std::size_t m_position = 0;
  std::size_t m_stretchEnd = 0;  // SmolLm: where the next number or the end of the text is
};

}  // namespace bookwheel
