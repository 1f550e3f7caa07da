// SPDX-License-Identifier: Apache-2.0
// Teacher-forced comparison of caches: a text is read once, its last positions are decoded with the
// exact cache and then with any other, over the same prefix.
#pragma once

#include "app/cli/cache_report.h"
#include "app/cli/eval_statistics.h"
#include "engine/run/session.h"

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace bookwheel {

/// A passage: tokens[0, from) are read, those from `from` on are fed one by one.
struct TeacherText {
  std::vector<TokenId> tokens;
  std::int64_t from;
  std::optional<TokenId> next;  // what follows the passage, if anything

  std::int64_t positions() const { return static_cast<std::int64_t>(tokens.size()) - from; }
};

/// --int8-activations of the commands that compare distributions.
class StepActivations {
 public:
  /// The object must live as long as the parser.
  void addTo(CLI::App& command);
  /// Float32Decoding unless the flag is given: then only the caches differ. Rounding
  /// activations to 8 bits makes a float's last bit a hundredth, and two runs that differ in
  /// nothing else are as far apart as 8 bits are from float32.
  Activations choice() const { return m_int8 ? Activations::Int8 : Activations::Float32Decoding; }
  const char* name() const { return m_int8 ? "int8" : "float32"; }

 private:
  bool m_int8 = false;
};

/// `tokens` tokens of `text` from token `skip` on. Throws CommandError: a text with fewer (its
/// count and what to do), or more than the model reads (DoesNotFit). 1 <= positions < tokens.
TeacherText takeText(const Session& session, const std::string& text, const std::string& name,
                     std::int64_t skip, std::int64_t tokens, std::int64_t positions);

/// What a cache gave over the positions, against the exact one.
struct TeacherResult {
  std::vector<double> kl;  // (positions) KL(exact || this) in nats
  double sameTop1 = 0;     // share of positions with the same likeliest token
  double perplexity = 0;   // over the positions whose next token is known
  double exactPerplexity = 0;
  FastTierUse fast;  // after the last position
  PairTotals pairs;
};

/// The distributions of the exact cache over one text, kept in memory: 4 bytes times vocabulary
/// times positions.
class Teacher {
 public:
  /// `session` must outlive it and be used by nobody else meanwhile.
  explicit Teacher(Session& session) : m_session(session) {}

  /// Reads the text and decodes its positions with the exact cache. False if stopped. Throws Error.
  bool begin(TeacherText text, const Session::Progress& progress, std::stop_token stop);
  /// The same positions with `options`; what was read is not read again. Empty if stopped. Throws
  /// Error; the session's options are then as before.
  std::optional<TeacherResult> compare(const CacheOptions& options, std::stop_token stop);

 private:
  std::optional<TokenId> tokenAfter(std::int64_t position) const;

  Session& m_session;
  TeacherText m_text{};
  std::vector<float> m_exact;  // (positions, vocabulary) natural log-probabilities
  double m_exactNll = 0;
};

/// The keys of `eval kl`: meanKl, klInterval, p999Kl, sameTop1, deltaPerplexity, bitsPerElement,
/// positions, and what the steps did.
Json describe(const TeacherResult& result, std::uint64_t seed);

}  // namespace bookwheel
