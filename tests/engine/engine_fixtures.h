// SPDX-License-Identifier: Apache-2.0
// What the engine's tests share: tiny model files on disk, sessions over them, comparisons.
#pragma once

#include "engine/model/gguf.h"
#include "engine/run/session.h"
#include "tests/support/tiny_model.h"

#include <QTemporaryDir>

#include <memory>
#include <span>
#include <vector>

namespace bookwheel {

/// A tiny model written to a folder that goes with the object.
class TinyModelFile {
 public:
  explicit TinyModelFile(const TinyModelOptions& options = {});
  explicit TinyModelFile(const GgufDraft& draft);

  const std::filesystem::path& path() const { return m_path; }
  std::unique_ptr<Session> open(SessionOptions options = {}) const;
  Gguf parse() const { return Gguf::open(m_path); }

 private:
  QTemporaryDir m_folder;
  std::filesystem::path m_path;
};

/// `count` tokens that look random and are below `vocabulary`, the same every time.
std::vector<TokenId> someTokens(int count, int vocabulary, std::uint64_t seed = 1);

/// Greedy, going on behind tokens that would end the answer.
AnswerOptions greedy(int maxTokens);

/// All logits of a sequence, (T, vocabulary).
std::vector<std::vector<float>> scoreAll(Session& session, std::span<const TokenId> ids);

/// Mean over the rows of the divergence of the distributions of `found` from those of `expected`.
double meanKl(const std::vector<std::vector<double>>& expected,
              const std::vector<std::vector<float>>& found);

}  // namespace bookwheel
