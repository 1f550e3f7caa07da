// SPDX-License-Identifier: Apache-2.0
// What the engine's tests share: tiny model files on disk, sessions over them, comparisons.
#include "tests/engine/engine_fixtures.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace bookwheel {

namespace {

template <typename T>
std::vector<double> logProbabilities(const std::vector<T>& logits) {
  const double best = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const T logit : logits) {
    sum += std::exp(static_cast<double>(logit) - best);
  }
  std::vector<double> out;
  out.reserve(logits.size());
  for (const T logit : logits) {
    out.push_back(static_cast<double>(logit) - best - std::log(sum));
  }
  return out;
}

}  // namespace

TinyModelFile::TinyModelFile(const TinyModelOptions& options) : TinyModelFile(tinyModel(options)) {}

TinyModelFile::TinyModelFile(const GgufDraft& draft)
    : m_path((m_folder.path() + QStringLiteral("/tiny.gguf")).toStdString()) {
  draft.write(m_path);
}

std::unique_ptr<Session> TinyModelFile::open(SessionOptions options) const {
  options.model = m_path;
  if (options.threads == 0) {
    options.threads = 2;
  }
  return Session::open(options);
}

std::vector<TokenId> someTokens(int count, int vocabulary, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<TokenId> ids;
  for (int i = 0; i < count; ++i) {
    ids.push_back(static_cast<TokenId>(random() % static_cast<std::uint64_t>(vocabulary)));
  }
  return ids;
}

AnswerOptions greedy(int maxTokens) {
  AnswerOptions options;
  options.maxTokens = maxTokens;
  options.endTokens = AnswerOptions::EndTokens::Ignore;
  return options;
}

std::vector<std::vector<float>> scoreAll(Session& session, std::span<const TokenId> ids) {
  std::vector<std::vector<float>> rows;
  session.score(ids,
                [&](std::int64_t, std::span<const float> logits) {
                  rows.emplace_back(logits.begin(), logits.end());
                },
                {});
  return rows;
}

double meanKl(const std::vector<std::vector<double>>& expected,
              const std::vector<std::vector<float>>& found) {
  double sum = 0;
  for (std::size_t row = 0; row < expected.size(); ++row) {
    const std::vector<double> p = logProbabilities(expected[row]);
    const std::vector<double> q = logProbabilities(found[row]);
    for (std::size_t id = 0; id < p.size(); ++id) {
      sum += std::exp(p[id]) * (p[id] - q[id]);
    }
  }
  return sum / static_cast<double>(expected.size());
}

}  // namespace bookwheel
