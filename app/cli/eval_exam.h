// SPDX-License-Identifier: Apache-2.0
// Questions about a document, answered greedily with one cache after the other: what the tasks of
// eval have in common.
#pragma once

#include "app/cli/cache_options_cli.h"
#include "app/cli/cache_report.h"
#include "engine/run/session.h"

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace bookwheel {

/// The caches a task compares with the exact one: the cache switches and --also.
class ComparedCaches {
 public:
  /// The object must live as long as the parser.
  void addTo(CLI::App& command);
  /// The exact cache first, then what the switches say (K2V2 if nothing is given), then --also.
  /// Throws CommandError (wrong usage).
  std::vector<CacheOptions> resolve() const;

 private:
  CacheSwitches m_switches;
  std::vector<std::string> m_also;
};

/// "k1v1:1024" (corrected step, k = 1,024), "paper:k2v2:64", "k2v2:all". Throws CommandError (wrong
/// usage) for anything else.
CacheOptions parseCacheName(const std::string& name);

struct ExamAnswer {
  std::string text;
  std::vector<TokenId> tokens;
};

/// A session with one document at a time. Not thread-safe.
class Exam {
 public:
  /// `session` must outlive it and be used by nobody else meanwhile.
  Exam(Session& session, std::string document)
      : m_session(session), m_document(std::move(document)) {}

  /// Reads the document's part of the prompt. False if stopped. Throws Error and, for a document
  /// that is longer than the model reads with `room` tokens more, CommandError (DoesNotFit).
  bool read(std::int64_t room, const Session::Progress& progress, std::stop_token stop);

  /// Makes the following answers read the cache so, and begins new sums of their steps.
  void use(const CacheOptions& options);

  /// Greedy; the question itself is read exactly. Empty if stopped.
  std::optional<ExamAnswer> ask(const std::string& question, int maxTokens, std::stop_token stop);

  /// The prompt's tokens for a question, as ask() uses it.
  std::vector<TokenId> promptTokens(const std::string& question) const;

  const PairTotals& pairs() const { return m_pairs; }  // since use()
  FastTierUse fastTier() const { return m_session.fastTier(); }

 private:
  Session& m_session;
  std::string m_document;
  PairTotals m_pairs;
};

/// The longest beginning of `text` that has at most `tokens` tokens and ends between two
/// paragraphs, or between two lines if it has no paragraphs. Throws CommandError if the text has
/// fewer tokens.
std::string beginningOf(const Tokenizer& tokenizer, const std::string& text,
                        const std::string& name, std::int64_t tokens);

/// A sentence and where it belongs in a text.
struct Insertion {
  std::string text;
  double depth;  // 0: before everything, 1: behind everything
};

/// `filler` with every insertion as a paragraph of its own at the paragraph border nearest to its
/// depth; those with the same border stay in their order.
std::string insertInto(const std::string& filler, const std::vector<Insertion>& insertions);

}  // namespace bookwheel
