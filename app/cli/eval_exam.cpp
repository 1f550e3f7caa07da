// SPDX-License-Identifier: Apache-2.0
// Questions about a document, answered greedily with one cache after the other: what the tasks of
// eval have in common.
#include "app/cli/eval_exam.h"

#include "app/cli/progress.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

namespace bookwheel {

namespace {

[[noreturn]] void refuseName(const std::string& name) {
  throw CommandError(
      ExitCode::kUsage,
      "\"" + name + "\" names no cache; write bits and k, as in k1v1:1024, or paper:k2v2:64.");
}

/// Byte offsets at which a new paragraph may begin; without blank lines, those of lines.
std::vector<std::size_t> borders(const std::string& text) {
  for (const std::string_view border : {"\n\n", "\n"}) {
    std::vector<std::size_t> found;
    for (std::size_t at = text.find(border); at != std::string::npos;
         at = text.find(border, at + border.size())) {
      found.push_back(at + border.size());
    }
    if (!found.empty()) {
      return found;
    }
  }
  return {};
}

}  // namespace

void ComparedCaches::addTo(CLI::App& command) {
  m_switches.addTo(command);
  command
      .add_option("--also", m_also,
                  "More caches to compare in the same run, such as k1v1:1024,paper:k2v2:64")
      ->delimiter(',');
}

std::vector<CacheOptions> ComparedCaches::resolve() const {
  std::vector<CacheOptions> caches{CacheOptions{}};
  const auto addOnce = [&](const CacheOptions& cache) {
    if (std::find(caches.begin(), caches.end(), cache) == caches.end()) {
      caches.push_back(cache);
    }
  };
  addOnce(m_switches.resolve(defaultComparedCache()));
  for (const std::string& name : m_also) {
    addOnce(parseCacheName(name));
  }
  return caches;
}

CacheOptions parseCacheName(const std::string& name) {
  std::vector<std::string> parts(1);
  for (const char character : name) {
    if (character == ':') {
      parts.emplace_back();
    } else {
      parts.back() += character;
    }
  }
  const bool paper = parts.front() == "paper";
  if (paper) {
    parts.erase(parts.begin());
  }
  const auto isBits = [](char character) {
    return character == '1' || character == '2' || character == '4';
  };
  if (parts.size() != 2 || parts[0].size() != 4 || parts[0][0] != 'k' || parts[0][2] != 'v' ||
      !isBits(parts[0][1]) || !isBits(parts[0][3])) {
    refuseName(name);
  }
  const int keyBits = parts[0][1] - '0';
  const int valueBits = parts[0][3] - '0';
  CacheOptions options = defaultComparedCache();
  if (paper) {
    options = paperCacheOptions(keyBits, valueBits);
  }
  options.keyBits = keyBits;
  options.valueBits = valueBits;
  options.pairs = kAllPairs;
  if (parts[1] != "all") {
    const char* const end = parts[1].data() + parts[1].size();
    const auto [rest, error] = std::from_chars(parts[1].data(), end, options.pairs);
    if (error != std::errc() || rest != end || options.pairs < 0) {
      refuseName(name);
    }
  }
  return options;
}

bool Exam::read(std::int64_t room, const Session::Progress& progress, std::stop_token stop) {
  const Encoding prefix = m_session.tokenizer().encode(
      m_session.chatTemplate().documentPrefix(m_document), Tokenizer::Bos::AsModel);
  const auto needed = static_cast<std::int64_t>(prefix.ids.size()) + room;
  if (needed > m_session.contextTokens()) {
    throw CommandError(ExitCode::kDoesNotFit, "The text with questions and answers needs " +
                                                  grouped(needed) + " tokens; this model reads " +
                                                  grouped(m_session.contextTokens()) +
                                                  ". Take fewer tokens of the text.");
  }
  m_session.setCache({});
  return m_session.read(prefix.ids, progress, stop).complete;
}

void Exam::use(const CacheOptions& options) {
  m_session.setCache(options);
  m_pairs = {};
}

std::vector<TokenId> Exam::promptTokens(const std::string& question) const {
  const std::array<ChatMessage, 1> messages{{{Role::User, question}}};
  return m_session.tokenizer()
      .encode(m_session.chatTemplate().prompt(m_document, messages), Tokenizer::Bos::AsModel)
      .ids;
}

std::optional<ExamAnswer> Exam::ask(const std::string& question, int maxTokens,
                                    std::stop_token stop) {
  AnswerOptions options;
  options.maxTokens = maxTokens;
  const Answer answer = m_session.answer(
      promptTokens(question), options, {},
      [&](TokenId, std::string_view, const StepStats& step) { m_pairs.add(step); }, stop);
  if (answer.stopReason == StopReason::Stopped) {
    return std::nullopt;
  }
  return ExamAnswer{answer.text, answer.tokens};
}

std::string beginningOf(const Tokenizer& tokenizer, const std::string& text,
                        const std::string& name, std::int64_t tokens) {
  const Encoding encoding = tokenizer.encode(text);
  const auto count = static_cast<std::int64_t>(encoding.ids.size());
  if (count < tokens) {
    throw CommandError(ExitCode::kFailed, "The text " + name + " has " + grouped(count) +
                                              " tokens, and " + grouped(tokens) +
                                              " are needed; take a longer text or fewer tokens.");
  }
  if (tokens <= 0) {
    return {};
  }
  const std::size_t end = encoding.ranges[static_cast<std::size_t>(tokens) - 1].end;
  const std::vector<std::size_t> all = borders(text);
  const auto last = std::upper_bound(all.begin(), all.end(), end);
  return text.substr(0, last == all.begin() ? end : *std::prev(last));
}

std::string insertInto(const std::string& filler, const std::vector<Insertion>& insertions) {
  std::vector<std::size_t> places = borders(filler);
  places.insert(places.begin(), 0);
  places.push_back(filler.size());
  const auto placeOf = [&](double depth) {
    const double wanted = depth * static_cast<double>(filler.size());
    return *std::min_element(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
      return std::abs(static_cast<double>(a) - wanted) < std::abs(static_cast<double>(b) - wanted);
    });
  };
  std::vector<std::size_t> order(insertions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<std::size_t> at(insertions.size());
  std::transform(insertions.begin(), insertions.end(), at.begin(),
                 [&](const Insertion& insertion) { return placeOf(insertion.depth); });
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return at[a] < at[b]; });
  std::string out;
  std::size_t done = 0;
  for (const std::size_t index : order) {
    out += filler.substr(done, at[index] - done);
    done = at[index];
    if (!out.empty() && !out.ends_with("\n\n")) {
      out += out.ends_with('\n') ? "\n" : "\n\n";
    }
    out += insertions[index].text + "\n\n";
  }
  return out + filler.substr(done);
}

}  // namespace bookwheel
