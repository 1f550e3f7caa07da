// SPDX-License-Identifier: Apache-2.0
#include "engine/model/bpe.h"

#include "engine/error.h"
#include "engine/model/gguf.h"
#include "engine/model/printable.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>

namespace bookwheel {

namespace {

constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";

/// Longer words are rare and hardly ever come twice.
constexpr std::size_t kCachedWordBytes = 64;
constexpr std::size_t kCachedWords = 1u << 18;

class BpeEncoder final : public TextEncoder {
 public:
  explicit BpeEncoder(const BpeModel& model) : m_model(model) {}

  void encode(std::string_view text, std::size_t offset, Before, Encoding& out) override {
    std::size_t position = offset;
    WordSplitter words(m_model.rule(), text);
    while (const auto word = words.next()) {
      for (const BpeModel::Part& part : parts(*word)) {
        const std::size_t end = position + part.bytes;
        if (part.id >= 0) {
          out.ids.push_back(part.id);
          out.ranges.push_back({position, end});
        }
        position = end;
      }
    }
  }

 private:
  std::span<const BpeModel::Part> parts(std::string_view word) {
    if (word.size() > kCachedWordBytes) {
      m_parts.clear();
      m_model.merge(word, m_parts);
      return m_parts;
    }
    if (const auto known = m_cache.find(word); known != m_cache.end()) {
      return {m_known.data() + known->second.begin, known->second.count};
    }
    if (m_cache.size() == kCachedWords) {
      m_cache.clear();
      m_known.clear();
    }
    const std::size_t begin = m_known.size();
    m_model.merge(word, m_known);
    const Slice slice{begin, m_known.size() - begin};
    m_cache.emplace(std::string(word), slice);
    return {m_known.data() + slice.begin, slice.count};
  }

  struct Slice {
    std::size_t begin;
    std::size_t count;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  const BpeModel& m_model;
  std::unordered_map<std::string, Slice, Hash, std::equal_to<>> m_cache;
  std::vector<BpeModel::Part> m_known;  // parts of the cached words
  std::vector<BpeModel::Part> m_parts;  // parts of a long word
};

}  // namespace

BpeModel::BpeModel(const Gguf& file, const Vocabulary& vocabulary) : m_vocabulary(vocabulary) {
  const std::string_view pre = file.text("tokenizer.ggml.pre").value_or("default");
  const auto rule = preTokenizer(pre);
  if (!rule) {
    throw Error(
        ErrorCode::UnsupportedModel,
        "The model file " + file.name() + " cuts text into words by the rule \"" +
            printable(pre, 40) +
            "\" (tokenizer.ggml.pre), and Bookwheel knows gpt-2, smollm, llama-bpe and qwen2; "
            "with a wrong rule the model would misread the text, so choose another model file.");
  }
  m_rule = *rule;
  m_wholeWordsFirst = m_rule == PreTokenizer::LlamaBpe;

  // Only text tokens: no merge and no word may ever give a control token.
  const auto isText = [&vocabulary](TokenId id) {
    return !vocabulary.isControl(id) && vocabulary.type(id) != TokenType::Byte;
  };
  std::unordered_map<std::string_view, TokenId> all;  // by piece
  all.reserve(vocabulary.size());
  m_ids.reserve(vocabulary.size());
  m_byteIds.fill(-1);
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    all.insert_or_assign(vocabulary.piece(id), id);
    if (!isText(id) || bytesOfVisible(vocabulary.piece(id)) != vocabulary.bytes(id)) {
      continue;
    }
    const std::string_view bytes = vocabulary.bytes(id);
    m_ids.insert_or_assign(bytes, id);
    if (bytes.size() == 1) {
      m_byteIds[static_cast<unsigned char>(bytes[0])] = id;
    }
  }

  const auto merges = file.stringArray(kMergesKey);
  if (!merges) {
    file.refuse("it has no " + std::string(kMergesKey) + ", which say what its tokens merge to");
  }
  m_merges.assign(std::bit_ceil(merges->size() * 2 + 2), Merge{kFree, 0, -1});
  const auto find = [&all](std::string_view piece) {
    const auto found = all.find(piece);
    return found == all.end() ? TokenId{-1} : found->second;
  };
  std::string joined;
  for (std::size_t i = 0; i < merges->size(); ++i) {
    const std::string_view line = (*merges)[i];
    const std::size_t space = line.find(' ', 1);
    TokenId left = -1;
    TokenId right = -1;
    TokenId result = -1;
    if (space != std::string_view::npos && line.size() <= 2 * VocabularyLimits::kPieceBytes + 1) {
      left = find(line.substr(0, space));
      right = find(line.substr(space + 1));
      joined.assign(line.substr(0, space)).append(line.substr(space + 1));
      result = find(joined);
    }
    if (left < 0 || right < 0 || result < 0) {
      file.refuse(std::string(kMergesKey) + "[" + grouped(i) + "] is \"" + printable(line, 40) +
                  "\", which are not two tokens that make a third");
    }
    if (isText(left) && isText(right) && isText(result)) {
      addMerge(left, right, static_cast<std::uint32_t>(i), result);
    }
  }
}

std::size_t BpeModel::slot(std::uint64_t pair) const {
  // Fibonacci hashing: the high bits of the product depend on all bits of both ids.
  const int bits = std::countr_zero(m_merges.size());
  return static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15u) >> (64 - bits));
}

void BpeModel::addMerge(TokenId left, TokenId right, std::uint32_t rank, TokenId result) {
  const std::uint64_t pair =
      std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  std::size_t index = slot(pair);
  while (m_merges[index].pair != kFree) {
    if (m_merges[index].pair == pair) {
      return;  // the first, lower rank counts
    }
    index = (index + 1) & (m_merges.size() - 1);
  }
  m_merges[index] = {pair, rank, result};
}

const BpeModel::Merge* BpeModel::findMerge(TokenId left, TokenId right) const {
  const std::uint64_t pair =
      std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  for (std::size_t index = slot(pair); m_merges[index].pair != kFree;
       index = (index + 1) & (m_merges.size() - 1)) {
    if (m_merges[index].pair == pair) {
      return &m_merges[index];
    }
  }
  return nullptr;
}

void BpeModel::merge(std::string_view word, std::vector<Part>& out) const {
  if (m_wholeWordsFirst) {
    if (const auto whole = m_ids.find(word); whole != m_ids.end()) {
      out.push_back({whole->second, static_cast<std::uint32_t>(word.size())});
      return;
    }
  }
  constexpr std::uint32_t kEnd = ~std::uint32_t{0};
  struct Symbol {
    TokenId id;
    std::uint32_t bytes;  // 0: merged into the one before it
    std::uint32_t previous;
    std::uint32_t next;
  };
  struct Candidate {
    std::uint32_t rank;
    std::uint32_t left;
    const Merge* merge;
  };
  // Lowest rank first, then leftmost: a max-heap of what comes later.
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  };
  const auto count = static_cast<std::uint32_t>(word.size());
  std::vector<Symbol> symbols(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    symbols[i] = {m_byteIds[static_cast<unsigned char>(word[i])], 1, i == 0 ? kEnd : i - 1,
                  i + 1 == count ? kEnd : i + 1};
  }
  std::vector<Candidate> heap;
  const auto propose = [&](std::uint32_t left) {
    if (left == kEnd || symbols[left].next == kEnd) {
      return;
    }
    const Merge* merge = findMerge(symbols[left].id, symbols[symbols[left].next].id);
    if (merge != nullptr) {
      heap.push_back({merge->rank, left, merge});
      std::push_heap(heap.begin(), heap.end(), later);
    }
  };
  for (std::uint32_t i = 0; i + 1 < count; ++i) {
    propose(i);
  }
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Candidate best = heap.back();
    heap.pop_back();
    Symbol& left = symbols[best.left];
    // Out of date unless the same two tokens still stand side by side.
    if (left.bytes == 0 || left.next == kEnd ||
        findMerge(left.id, symbols[left.next].id) != best.merge) {
      continue;
    }
    Symbol& right = symbols[left.next];
    left.id = best.merge->result;
    left.bytes += right.bytes;
    right.bytes = 0;
    left.next = right.next;
    if (left.next != kEnd) {
      symbols[left.next].previous = best.left;
    }
    propose(left.previous);
    propose(best.left);
  }
  for (std::uint32_t i = 0; i != kEnd; i = symbols[i].next) {
    out.push_back({symbols[i].id, symbols[i].bytes});
  }
}

std::unique_ptr<TextEncoder> BpeModel::encoder() const {
  return std::make_unique<BpeEncoder>(*this);
}

std::string BpeModel::description() const { return "BPE (" + std::string(name(m_rule)) + ")"; }

}  // namespace bookwheel
