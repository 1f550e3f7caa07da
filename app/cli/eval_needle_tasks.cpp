// SPDX-License-Identifier: Apache-2.0
// Needles: seeded sentences to hide in a long text, the questions about them and their score.
#include "app/cli/eval_needle_tasks.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <random>
#include <set>

namespace bookwheel {

namespace {

constexpr int kValues = 4;  // of a MultiValue key
constexpr int kChain = 4;   // names of a Variables chain

constexpr std::array<const char*, 5> kNames{"single", "multikey", "uuid", "multivalue",
                                            "variables"};

// What a single needle is about: no two alike.
constexpr std::array<const char*, kMostSingles> kFacts{
    "the code of the harbour office's safe",
    "the inventory number of the bronze telescope",
    "the telephone extension of the night porter",
    "the serial number of the observatory's clock",
    "the membership number of the oldest librarian",
    "the locker number of the lighthouse keeper",
    "the order number of the new church bell",
    "the licence number of the ferry",
    "the registration number of the mountain hut",
    "the combination of the museum's bicycle lock",
    "the customer number of the village bakery",
    "the lot number of the auctioned violin",
    "the shelf mark of the map of the northern coast",
    "the account number of the beekeepers' society",
    "the patent number of the folding ladder",
    "the ticket number of the lost umbrella",
    "the frequency code of the weather station",
    "the parcel number of the botanist's seeds",
    "the badge number of the bridge inspector",
    "the model number of the greenhouse pump",
};

constexpr std::array<const char*, 24> kAdjectives{
    "amber",  "brisk",  "coral",  "dapper", "eager",  "faded",  "gentle", "hollow",
    "ivory",  "jolly",  "keen",   "lunar",  "mellow", "nimble", "opal",   "placid",
    "quaint", "rustic", "silver", "tidy",   "umber",  "velvet", "wooden", "young"};
constexpr std::array<const char*, 24> kNouns{
    "anchor", "beacon", "cellar", "drummer", "easel",  "falcon", "garden",  "harvest",
    "island", "jacket", "kettle", "lantern", "meadow", "needle", "orchard", "pebble",
    "quiver", "ribbon", "saddle", "teapot",  "urchin", "valley", "walnut",  "yacht"};

/// The same numbers on every machine: the generator's own, without a library's distribution.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : m_random(seed) {}
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(m_random() % limit); }

  std::string digits(int count) {
    std::string text(1, static_cast<char>('1' + below(9)));
    while (static_cast<int>(text.size()) < count) {
      text += static_cast<char>('0' + below(10));
    }
    return text;
  }
  std::string letters(int count) {
    std::string text;
    while (static_cast<int>(text.size()) < count) {
      text += static_cast<char>('A' + below(26));
    }
    return text;
  }
  std::string uuid() {
    constexpr const char* kHex = "0123456789abcdef";
    std::string text;
    for (int i = 0; i < 36; ++i) {
      const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
      text += dash ? '-' : kHex[below(16)];
    }
    return text;
  }
  /// One that was never given before.
  std::string key() {
    for (;;) {
      const std::string text =
          std::string(kAdjectives[below(kAdjectives.size())]) + " " + kNouns[below(kNouns.size())];
      if (m_keys.insert(text).second) {
        return text;
      }
      // All pairs of words are used up after 576 keys: a number makes new ones.
      if (m_keys.size() >= kAdjectives.size() * kNouns.size()) {
        return text + " " + digits(3);
      }
    }
  }

 private:
  std::mt19937_64 m_random;
  std::set<std::string> m_keys;
};

/// A depth for part `part` of several that belong together: spread over the text.
double spread(double depth, int part, int parts) {
  const double moved = depth + static_cast<double>(part) / parts;
  return moved > 1 ? moved - 1 : moved;
}

std::string capitalized(std::string text) {
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

void addSingle(NeedleSet& set, Dice& dice, const std::string& fact, double depth) {
  const std::string value = dice.digits(6);
  set.needles.push_back({capitalized(fact) + " is " + value + ".", depth});
  set.questions.push_back(
      {NeedleKind::Single, depth, "What is " + fact + "? Answer with the number alone.", {value}});
}

void addMultiKey(NeedleSet& set, Dice& dice, double depth) {
  const std::string key = dice.key();
  const std::string value = dice.digits(7);
  set.needles.push_back({"The special number of the " + key + " is " + value + ".", depth});
  set.questions.push_back(
      {NeedleKind::MultiKey,
       depth,
       "What is the special number of the " + key + "? Answer with the number alone.",
       {value}});
}

void addUuid(NeedleSet& set, Dice& dice, double depth) {
  const std::string key = dice.uuid();
  const std::string value = dice.uuid();
  set.needles.push_back({"The identifier that belongs to " + key + " is " + value + ".", depth});
  set.questions.push_back(
      {NeedleKind::Uuid,
       depth,
       "Which identifier belongs to " + key + "? Answer with the identifier alone.",
       {value}});
}

void addMultiValue(NeedleSet& set, Dice& dice, double depth) {
  const std::string key = dice.key();
  NeedleQuestion question{NeedleKind::MultiValue,
                          depth,
                          "There are four magic codes of the " + key +
                              " in the text. List all four codes and nothing else.",
                          {}};
  for (int part = 0; part < kValues; ++part) {
    const std::string value = dice.digits(5);
    set.needles.push_back({"One of the magic codes of the " + key + " is " + value + ".",
                           spread(depth, part, kValues)});
    question.expected.push_back(value);
  }
  set.questions.push_back(std::move(question));
}

void addVariables(NeedleSet& set, Dice& dice, double depth) {
  const std::string value = dice.digits(5);
  NeedleQuestion question{NeedleKind::Variables,
                          depth,
                          "Which four variables have the value " + value +
                              ", directly or through other variables? List their names and "
                              "nothing else.",
                          {}};
  // The assignments stand in their order, or the chain would have no value to hand on.
  const double step = (1 - depth) / kChain;
  std::string before = value;
  for (int part = 0; part < kChain; ++part) {
    const std::string variable = dice.letters(5);
    set.needles.push_back(
        {"VAR " + variable + " = " + (part == 0 ? value : "VAR " + before), depth + step * part});
    question.expected.push_back(variable);
    before = variable;
  }
  set.questions.push_back(std::move(question));
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char character) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(character)));
  });
  return text;
}

}  // namespace

const char* name(NeedleKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

NeedleKind parseNeedleKind(const std::string& text) {
  const auto found = std::find(kNames.begin(), kNames.end(), text);
  if (found == kNames.end()) {
    throw CommandError(ExitCode::kUsage,
                       "There is no kind of needle \"" + text +
                           "\"; there are single, multikey, uuid, multivalue and variables.");
  }
  return static_cast<NeedleKind>(found - kNames.begin());
}

int answerTokens(NeedleKind kind) {
  switch (kind) {
    case NeedleKind::Single:
    case NeedleKind::MultiKey:
      return 24;
    case NeedleKind::Uuid:
      return 64;
    case NeedleKind::MultiValue:
    case NeedleKind::Variables:
      return 64;
  }
  return 0;
}

NeedleSet makeNeedles(const std::vector<NeedleKind>& kinds, const std::vector<double>& depths,
                      int count, std::uint64_t seed) {
  Dice dice(seed);
  std::array<const char*, kMostSingles> facts = kFacts;
  for (std::size_t i = facts.size() - 1; i > 0; --i) {
    std::swap(facts[i], facts[dice.below(i + 1)]);
  }
  NeedleSet set;
  for (const NeedleKind kind : kinds) {
    for (int i = 0; i < count; ++i) {
      const double depth = depths[static_cast<std::size_t>(i) % depths.size()];
      switch (kind) {
        case NeedleKind::Single:
          if (i < kMostSingles) {
            addSingle(set, dice, facts[static_cast<std::size_t>(i)], depth);
          }
          break;
        case NeedleKind::MultiKey:
          addMultiKey(set, dice, depth);
          break;
        case NeedleKind::Uuid:
          addUuid(set, dice, depth);
          break;
        case NeedleKind::MultiValue:
          addMultiValue(set, dice, depth);
          break;
        case NeedleKind::Variables:
          addVariables(set, dice, depth);
          break;
      }
    }
  }
  return set;
}

double needleScore(const std::string& answer, const std::vector<std::string>& expected) {
  if (expected.empty()) {
    return 0;
  }
  const std::string text = lower(answer);
  const auto found = std::count_if(
      expected.begin(), expected.end(),
      [&](const std::string& wanted) { return text.find(lower(wanted)) != std::string::npos; });
  return static_cast<double>(found) / static_cast<double>(expected.size());
}

}  // namespace bookwheel
