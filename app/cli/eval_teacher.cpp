// SPDX-License-Identifier: Apache-2.0
// Teacher-forced comparison of caches: a text is read once, its last positions are decoded with the
// exact cache and then with any other, over the same prefix.
#include "app/cli/eval_teacher.h"

#include "app/cli/eval_distributions.h"
#include "app/cli/progress.h"

#include <algorithm>
#include <cmath>

namespace bookwheel {

namespace {

// Positions of a bootstrap block: a sentence or so.
constexpr int kBlockPositions = 16;

}  // namespace

void StepActivations::addTo(CLI::App& command) {
  command.add_flag("--int8-activations", m_int8,
                   "Steps round activations to 8 bits as answers do; a mean KL of up to 0.003 is "
                   "then rounding, whatever the cache");
}

TeacherText takeText(const Session& session, const std::string& text, const std::string& name,
                     std::int64_t skip, std::int64_t tokens, std::int64_t positions) {
  if (tokens > session.contextTokens()) {
    throw CommandError(ExitCode::kDoesNotFit,
                       "--tokens " + grouped(tokens) + " is more than this model reads (" +
                           grouped(session.contextTokens()) + "); take fewer.");
  }
  const std::vector<PromptPiece> pieces{{text, PieceKind::Text}};
  const std::vector<TokenId> ids = session.tokenizer().encode(pieces, Tokenizer::Bos::AsModel).ids;
  const auto count = static_cast<std::int64_t>(ids.size());
  if (skip + tokens > count) {
    throw CommandError(ExitCode::kFailed,
                       "The text " + name + " has " + grouped(count) + " tokens, and " +
                           grouped(skip + tokens) +
                           " were asked for; take a longer text or fewer tokens with --tokens.");
  }
  TeacherText taken{{ids.begin() + skip, ids.begin() + skip + tokens}, tokens - positions, {}};
  if (skip + tokens < count) {
    taken.next = ids[static_cast<std::size_t>(skip + tokens)];
  }
  return taken;
}

std::optional<TokenId> Teacher::tokenAfter(std::int64_t position) const {
  const auto at = static_cast<std::size_t>(position + 1);
  return at < m_text.tokens.size() ? m_text.tokens[at] : m_text.next;
}

bool Teacher::begin(TeacherText text, const Session::Progress& progress, std::stop_token stop) {
  m_text = std::move(text);
  m_exactNll = 0;
  const auto vocabulary = static_cast<std::size_t>(m_session.shape().vocabulary);
  m_exact.resize(static_cast<std::size_t>(m_text.positions()) * vocabulary);
  m_session.setCache({});
  const auto prefix = std::span(m_text.tokens).first(static_cast<std::size_t>(m_text.from));
  if (!m_session.read(prefix, progress, stop).complete) {
    return false;
  }
  m_session.scoreDecoding(
      m_text.tokens, m_text.from,
      [&](std::int64_t position, std::span<const float> logits, const StepStats&) {
        const auto row = std::span(m_exact).subspan(
            static_cast<std::size_t>(position - m_text.from) * vocabulary, vocabulary);
        std::copy(logits.begin(), logits.end(), row.begin());
        toLogProbabilities(row);
        if (const auto next = tokenAfter(position)) {
          m_exactNll -= static_cast<double>(row[static_cast<std::size_t>(*next)]);
        }
      },
      stop);
  return !stop.stop_requested();
}

std::optional<TeacherResult> Teacher::compare(const CacheOptions& options, std::stop_token stop) {
  // Back to the prefix: a change of cache needs no more, and nothing is read again.
  const auto prefix = std::span(m_text.tokens).first(static_cast<std::size_t>(m_text.from));
  if (!m_session.read(prefix, {}, stop).complete) {
    return std::nullopt;
  }
  m_session.setCache(options);
  TeacherResult result;
  const auto vocabulary = static_cast<std::size_t>(m_session.shape().vocabulary);
  std::vector<float> row(vocabulary);
  double nll = 0;
  std::int64_t known = 0;
  std::int64_t same = 0;
  m_session.scoreDecoding(
      m_text.tokens, m_text.from,
      [&](std::int64_t position, std::span<const float> logits, const StepStats& step) {
        std::copy(logits.begin(), logits.end(), row.begin());
        toLogProbabilities(row);
        const auto exact = std::span<const float>(m_exact).subspan(
            static_cast<std::size_t>(position - m_text.from) * vocabulary, vocabulary);
        result.kl.push_back(divergence(exact, row));
        same += likeliest(exact) == likeliest(row) ? 1 : 0;
        if (const auto next = tokenAfter(position)) {
          nll -= static_cast<double>(row[static_cast<std::size_t>(*next)]);
          ++known;
        }
        result.pairs.add(step);
      },
      stop);
  if (stop.stop_requested()) {
    return std::nullopt;
  }
  const auto count = static_cast<double>(std::max<std::int64_t>(1, known));
  result.sameTop1 = static_cast<double>(same) / static_cast<double>(result.kl.size());
  result.perplexity = std::exp(nll / count);
  result.exactPerplexity = std::exp(m_exactNll / count);
  result.fast = m_session.fastTier();
  return result;
}

Json describe(const TeacherResult& result, std::uint64_t seed) {
  const Interval interval = meanInterval(result.kl, kBlockPositions, seed);
  return {{"meanKl", mean(result.kl)},
          {"klInterval", {interval.low, interval.high}},
          {"p999Kl", quantile(result.kl, 0.999)},
          {"sameTop1", result.sameTop1},
          {"deltaPerplexity", result.perplexity - result.exactPerplexity},
          {"perplexity", result.exactPerplexity},
          {"bitsPerElement", result.fast.bitsPerElement},
          {"compressionRatio", result.fast.compressionRatio},
          {"fastBytes", result.fast.bytes()},
          {"hitRate", result.pairs.hitRate()},
          {"speculativeAccuracy", result.pairs.speculativeAccuracy()},
          {"fetchedBytesPerToken", result.pairs.fetchedBytesPerToken()},
          {"decodeMs", result.pairs.decodeMs()},
          {"positions", result.kl.size()}};
}

}  // namespace bookwheel
