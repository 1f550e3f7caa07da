// SPDX-License-Identifier: Apache-2.0
// Small vocabularies as model files in memory, and the user's real ones, for tests.
#pragma once

#include "engine/model/gguf.h"
#include "engine/model/tokenizer.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/tiny_vocabulary.h"

#include <QDir>
#include <QFile>
#include <QString>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bookwheel {

constexpr std::int32_t kNormalToken = 1;
constexpr std::int32_t kControlToken = 3;
constexpr std::int32_t kUserToken = 4;

/// Tokens added at the end of a vocabulary: text and type.
using ExtraTokens = std::vector<std::pair<std::string, std::int32_t>>;

inline GgufDraft byteLevelDraft(std::string_view pre = "qwen2", const ExtraTokens& extra = {}) {
  TinyTokens tiny = tinyByteLevelTokens();
  for (const auto& [text, type] : extra) {
    tiny.tokens.push_back(text);
    tiny.types.push_back(type);
  }
  GgufDraft draft;
  draft.text("general.architecture", "llama");
  draft.text("tokenizer.ggml.model", "gpt2");
  draft.text("tokenizer.ggml.pre", pre);
  draft.texts("tokenizer.ggml.tokens", tiny.tokens);
  draft.ints("tokenizer.ggml.token_type", tiny.types);
  draft.texts("tokenizer.ggml.merges", tiny.merges);
  return draft;
}

inline GgufDraft sentencePieceDraft(const ExtraTokens& extra = {}) {
  TinyTokens tiny = tinySentencePieceTokens();
  for (const auto& [text, type] : extra) {
    tiny.tokens.push_back(text);
    tiny.types.push_back(type);
    tiny.scores.push_back(-1000.0f);
  }
  GgufDraft draft;
  draft.text("general.architecture", "llama");
  draft.text("tokenizer.ggml.model", "llama");
  draft.texts("tokenizer.ggml.tokens", tiny.tokens);
  draft.ints("tokenizer.ggml.token_type", tiny.types);
  draft.floats("tokenizer.ggml.scores", tiny.scores);
  return draft;
}

inline std::unique_ptr<Tokenizer> tokenizerOf(const GgufDraft& draft) {
  const std::vector<std::byte> bytes = draft.bytes();
  return Tokenizer::create(Gguf::parse(bytes));  // keeps nothing of the file
}

/// The model file of a real vocabulary: a starter model's, or one that scripts/get-vocabularies
/// brings. Empty if it is not here.
inline QString realVocabulary(const QString& name) {
  const QString data =
      qEnvironmentVariable("XDG_DATA_HOME", QDir::homePath() + "/.local/share") + "/bookwheel/";
  for (const QString& folder :
       {qEnvironmentVariable("BOOKWHEEL_MODELS", data + "models"),
        qEnvironmentVariable("BOOKWHEEL_VOCABULARIES", data + "vocabularies")}) {
    const QString path = folder + "/" + name + ".gguf";
    if (QFile::exists(path)) {
      return path;
    }
  }
  return {};
}

/// "" if the ranges of an encoding cover `size` bytes in order and without gaps, else what is
/// wrong.
inline std::string coverageFault(const Encoding& encoding, std::size_t size) {
  if (encoding.ids.size() != encoding.ranges.size()) {
    return "there are " + std::to_string(encoding.ids.size()) + " ids and " +
           std::to_string(encoding.ranges.size()) + " ranges";
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < encoding.ranges.size(); ++i) {
    if (encoding.ranges[i].begin != at || encoding.ranges[i].end < at) {
      return "token " + std::to_string(i) + " is at " + std::to_string(encoding.ranges[i].begin) +
             ".." + std::to_string(encoding.ranges[i].end) + " where " + std::to_string(at) +
             " was reached";
    }
    at = encoding.ranges[i].end;
  }
  return at == size ? ""
                    : "the ranges end at " + std::to_string(at) + " of " + std::to_string(size);
}

}  // namespace bookwheel
