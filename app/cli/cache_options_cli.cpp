// SPDX-License-Identifier: Apache-2.0
// The cache switches of the command line: --bits, --k, --paper and their like, as CacheOptions.
#include "app/cli/cache_options_cli.h"

#include <charconv>
#include <set>

namespace bookwheel {

namespace {

using Names = std::set<std::string>;

[[noreturn]] void contradict(const std::string& sentence) {
  throw CommandError(ExitCode::kUsage, sentence);
}

/// A count or "all"; what the parser's check accepts and resolve() reads.
std::optional<int> parsePairs(const std::string& text) {
  if (text == "all") {
    return kAllPairs;
  }
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || number < 0) {
    return std::nullopt;
  }
  return number;
}

int digit(char character) { return character - '0'; }

const char* name(CachePolicy policy) {
  switch (policy) {
    case CachePolicy::Exact:
      return "exact";
    case CachePolicy::Corrected:
      return "corrected";
    case CachePolicy::Paper:
      return "paper";
  }
  return "";
}

const char* name(Predictor predictor) {
  switch (predictor) {
    case Predictor::Sticky:
      return "sticky";
    case Predictor::Row:
      return "row";
    case Predictor::Both:
      return "both";
  }
  return "";
}

}  // namespace

void CacheSwitches::addTo(CLI::App& command) {
  CLI::Option_group& group = *command.add_option_group(
      "Cache", "What an answer reads of the text: 16 bits, or a low-bit copy with exact pairs");
  group.add_flag("--exact", m_exact, "The 16-bit cache, no copy (the default)");
  group
      .add_option("--bits", m_bits,
                  "Bits of the copy's keys and values: k4v4, k2v2, k1v2, k2v1 or k1v1")
      ->check(CLI::IsMember(Names{"k4v4", "k2v2", "k1v2", "k2v1", "k1v1"}));
  group
      .add_option("--k", m_pairs,
                  "Exact pairs for each layer and KV head: a number, all, or 0 for the copy alone")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return parsePairs(text) ? std::string() : "\"" + text + "\" is no number and not all";
          },
          "N|all"));
  group
      .add_option("--correct", m_correct,
                  "on: the step's own query chooses the pairs; off: the predictor does")
      ->check(CLI::IsMember(Names{"on", "off"}));
  group.add_option("--predictor", m_predictor, "Who asks for the next step's pairs in advance")
      ->check(CLI::IsMember(Names{"sticky", "row", "both"}));
  group
      .add_option("--logits", m_logits,
                  "variance: scores of the copy less half the variance of their rounding")
      ->check(CLI::IsMember(Names{"raw", "variance"}));
  group.add_option("--group", m_group, "Numbers that share a scale")
      ->check(CLI::IsMember(std::set<int>{32, 64}));
  group.add_option("--residual", m_residual, "Newest tokens that stay in 16 bits")
      ->check(CLI::Range(0, 1 << 20));
  group.add_option("--sinks", m_sinks, "First tokens that stay in 16 bits")
      ->check(CLI::Range(0, 1 << 20));
  group.add_option("--quantizer", m_quantizer, "paper: scales and zeros in 16 bits instead of 8")
      ->check(CLI::IsMember(Names{"default", "paper"}));
  group.add_flag("--paper", m_paper, "SpeCache as published: k = 64, no correction, no sinks");
}

bool CacheSwitches::givesCopy() const {
  return m_paper || m_bits || m_pairs || m_correct || m_predictor || m_logits || m_quantizer ||
         m_group || m_residual || m_sinks;
}

CacheOptions CacheSwitches::resolve(const CacheOptions& unasked) const {
  if (m_exact && givesCopy()) {
    contradict(
        "--exact reads the 16-bit cache and has no low-bit copy; leave out --exact or the other "
        "cache switches.");
  }
  if (m_paper && m_correct == "on") {
    contradict(
        "--paper is the method without correction; leave out --paper or take --correct off.");
  }
  if (m_paper && m_predictor && m_predictor != "row") {
    contradict("--paper chooses pairs by the speculative row; take --correct off --predictor " +
               *m_predictor + " instead of it.");
  }
  if (m_pairs == "0" && m_predictor) {
    contradict("With --k 0 no pairs are fetched, so --predictor " + *m_predictor +
               " has nothing to ask for; leave one of them out.");
  }
  if (m_exact) {
    return {};
  }
  if (!givesCopy()) {
    return unasked;
  }
  CacheOptions options = defaultComparedCache();
  if (m_paper) {
    options = paperCacheOptions(options.keyBits, options.valueBits);
  } else if (m_correct == "off") {
    options.policy = CachePolicy::Paper;
  }
  if (m_bits) {
    options.keyBits = digit((*m_bits)[1]);
    options.valueBits = digit((*m_bits)[3]);
  }
  if (m_pairs) {
    options.pairs = parsePairs(*m_pairs).value();
  }
  if (m_predictor) {
    options.predictor = m_predictor == "sticky" ? Predictor::Sticky
                        : m_predictor == "row"  ? Predictor::Row
                                                : Predictor::Both;
  }
  if (m_logits) {
    options.logits = m_logits == "raw" ? ScoreLogits::Raw : ScoreLogits::VarianceCorrected;
  }
  if (m_quantizer) {
    options.metadata =
        m_quantizer == "paper" ? QuantizerMetadata::Bits16 : QuantizerMetadata::Bits8;
  }
  options.group = m_group.value_or(options.group);
  options.residualTokens = m_residual.value_or(options.residualTokens);
  options.sinkTokens = m_sinks.value_or(options.sinkTokens);
  checkCacheOptions(options);
  return options;
}

CacheOptions defaultComparedCache() {
  CacheOptions options;
  options.policy = CachePolicy::Corrected;
  return options;
}

std::string bitsName(const CacheOptions& options) {
  return options.usesCopy()
             ? "k" + std::to_string(options.keyBits) + "v" + std::to_string(options.valueBits)
             : "exact";
}

std::string pairsName(int pairs) { return pairs == kAllPairs ? "all" : std::to_string(pairs); }

Json describeBits(const CacheOptions& options) {
  return {{"keys", options.usesCopy() ? options.keyBits : 16},
          {"values", options.usesCopy() ? options.valueBits : 16}};
}

Json describePairs(const CacheOptions& options) {
  if (!options.usesCopy()) {
    return nullptr;
  }
  return options.pairs == kAllPairs ? Json("all") : Json(options.pairs);
}

Json describe(const CacheOptions& options) {
  Json json{{"policy", name(options.policy)},
            {"bits", describeBits(options)},
            {"group", nullptr},
            {"residual", nullptr},
            {"sinks", nullptr},
            {"k", describePairs(options)},
            {"predictor", nullptr},
            {"logits", nullptr},
            {"metadataBits", nullptr}};
  if (options.usesCopy()) {
    json["group"] = options.group;
    json["residual"] = options.residualTokens;
    json["sinks"] = options.sinkTokens;
    json["predictor"] = name(options.predictor);
    json["logits"] = options.logits == ScoreLogits::Raw ? "raw" : "variance";
    json["metadataBits"] = options.metadata == QuantizerMetadata::Bits8 ? 8 : 16;
  }
  return json;
}

}  // namespace bookwheel
