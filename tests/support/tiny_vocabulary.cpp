// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tiny_vocabulary.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace bookwheel {
namespace {

constexpr int kMerges = 200;
constexpr std::int32_t kNormal = 1;
constexpr std::int32_t kUnknown = 2;
constexpr std::int32_t kControl = 3;
constexpr std::int32_t kByte = 6;
constexpr const char* kSpacePiece = "\u2581";

constexpr std::string_view kText =
    "In the year 1588 an engineer drew a wheel that holds open a dozen heavy books at once . "
    "A reader who sits before it turns the wheel and has the next book in front of him , and each "
    "book stays open at the page where he left it . Many of the machines in his work were never "
    "built ; this one was , more than once , and some of them can still be seen in old libraries . "
    "What the reader of that time wanted is what the reader of today wants : to have the whole of "
    "a text at hand , to ask a question of it , and to be shown the passage that answers it . The "
    "question may be how many , or who said that , or what is not said at all . An answer without "
    "the page is worth little ; an answer with the page can be checked by anyone who opens the "
    "book there and reads the lines before and after . That is the use of the wheel , and the "
    "reason for the name .";

using Symbols = std::vector<std::string>;

/// The letter GPT-2's byte-level vocabularies write a byte with, in UTF-8.
std::string byteLetter(int byte) {
  const auto isShown = [](int b) {
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  };
  int letter = byte;
  if (!isShown(byte)) {
    letter = 256;
    for (int b = 0; b < byte; ++b) {
      letter += isShown(b) ? 0 : 1;
    }
  }
  if (letter < 0x80) {
    return {static_cast<char>(letter)};
  }
  return {static_cast<char>(0xC0 | (letter >> 6)), static_cast<char>(0x80 | (letter & 0x3F))};
}

std::vector<Symbols> words(const std::string& space) {
  std::vector<Symbols> result;
  std::size_t begin = 0;
  while (begin < kText.size()) {
    const std::size_t end = std::min(kText.find(' ', begin), kText.size());
    Symbols word{space};
    for (const char letter : kText.substr(begin, end - begin)) {
      word.emplace_back(1, letter);
    }
    result.push_back(std::move(word));
    begin = end + 1;
  }
  return result;
}

/// Joins the most frequent pair of neighbours (of equals, the first in byte order) again and again.
std::vector<std::pair<std::string, std::string>> learnMerges(std::vector<Symbols> corpus) {
  std::vector<std::pair<std::string, std::string>> merges;
  std::set<std::string> made;
  while (merges.size() < kMerges) {
    std::map<std::pair<std::string, std::string>, int> counts;
    for (const Symbols& word : corpus) {
      for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        ++counts[{word[i], word[i + 1]}];
      }
    }
    const auto best =
        std::max_element(counts.begin(), counts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (best == counts.end()) {
      break;
    }
    const auto [left, right] = best->first;
    for (Symbols& word : corpus) {
      for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        if (word[i] == left && word[i + 1] == right) {
          word[i] += right;
          word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        }
      }
    }
    merges.emplace_back(left, right);
  }
  return merges;
}

TinyTokens byteLevelTokens() {
  TinyTokens result;
  const auto add = [&](const std::string& token, std::int32_t type) {
    result.tokens.push_back(token);
    result.types.push_back(type);
  };
  for (int byte = 0; byte < 256; ++byte) {
    add(byteLetter(byte), kNormal);
  }
  std::set<std::string> known(result.tokens.begin(), result.tokens.end());
  for (const auto& [left, right] : learnMerges(words(byteLetter(' ')))) {
    result.merges.push_back(left + " " + right);
    if (known.insert(left + right).second) {
      add(left + right, kNormal);
    }
  }
  for (const char* control : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    add(control, kControl);
  }
  return result;
}

TinyTokens sentencePieceTokens() {
  TinyTokens result;
  const auto add = [&](const std::string& token, std::int32_t type, float score) {
    result.tokens.push_back(token);
    result.types.push_back(type);
    result.scores.push_back(score);
  };
  add("<unk>", kUnknown, 0);
  add("<s>", kControl, 0);
  add("</s>", kControl, 0);
  constexpr std::array<char, 17> kHex = {"0123456789ABCDEF"};
  for (unsigned byte = 0; byte < 256; ++byte) {
    add({'<', '0', 'x', kHex[byte / 16], kHex[byte % 16], '>'}, kByte, 0);
  }
  const std::vector<Symbols> corpus = words(kSpacePiece);
  std::set<std::string> known;
  float score = 0;
  for (const auto& [left, right] : learnMerges(corpus)) {
    if (known.insert(left + right).second) {
      add(left + right, kNormal, score--);  // an earlier merge has a higher score
    }
  }
  for (const Symbols& word : corpus) {
    for (const std::string& letter : word) {
      if (known.insert(letter).second) {
        add(letter, kNormal, score--);
      }
    }
  }
  return result;
}

}  // namespace

// Training takes milliseconds, and tests ask for the vocabularies many times.
TinyTokens tinyByteLevelTokens() {
  static const TinyTokens tokens = byteLevelTokens();
  return tokens;
}

TinyTokens tinySentencePieceTokens() {
  static const TinyTokens tokens = sentencePieceTokens();
  return tokens;
}

}  // namespace bookwheel
