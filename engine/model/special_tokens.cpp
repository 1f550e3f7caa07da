// SPDX-License-Identifier: Apache-2.0
#include "engine/model/special_tokens.h"

#include <queue>

#include <algorithm>
#include <tuple>

namespace bookwheel {

std::uint32_t TokenFinder::child(std::uint32_t node, unsigned char byte) const {
  if (node == 0) {
    return m_first[byte];
  }
  const auto found = m_children.find(std::uint64_t{node} << 8 | byte);
  return found == m_children.end() ? kNone : found->second;
}

void TokenFinder::add(std::string_view text, TokenId id) {
  std::uint32_t node = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    std::uint32_t next = child(node, byte);
    if (next == kNone) {
      next = static_cast<std::uint32_t>(m_nodes.size());
      m_nodes.push_back({-1, m_nodes[node].length + 1, kNone});
      if (node == 0) {
        m_first[byte] = next;
      } else {
        m_children.emplace(std::uint64_t{node} << 8 | byte, next);
      }
    }
    node = next;
  }
  if (node != 0 && m_nodes[node].token < 0) {
    m_nodes[node].token = id;
  }
}

void TokenFinder::link() {
  // A child is always younger than its parent, so parents are complete when their children are met.
  const auto inherit = [this](std::uint32_t parent, std::uint32_t node) {
    m_nodes[node].shorter = m_nodes[parent].token >= 0 ? parent : m_nodes[parent].shorter;
  };
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;  // (child, parent)
  edges.reserve(m_children.size());
  for (const auto& [key, node] : m_children) {
    edges.emplace_back(node, static_cast<std::uint32_t>(key >> 8));
  }
  std::sort(edges.begin(), edges.end());
  for (const auto& [node, parent] : edges) {
    inherit(parent, node);
  }
}

std::optional<TokenId> TokenFinder::find(std::string_view text) const {
  std::uint32_t node = 0;
  for (const char c : text) {
    node = child(node, static_cast<unsigned char>(c));
    if (node == kNone) {
      return std::nullopt;
    }
  }
  return node != 0 && m_nodes[node].token >= 0 ? std::optional(m_nodes[node].token) : std::nullopt;
}

void TokenFinder::split(std::string_view text, ByteRange range, std::vector<Fragment>& out) const {
  struct Match {
    std::uint32_t node;
    std::size_t position;
  };
  // Whether `a` has to give way to `b`.
  const auto weaker = [this](const Match& a, const Match& b) {
    const Node& x = m_nodes[a.node];
    const Node& y = m_nodes[b.node];
    return std::tuple(x.length, y.token, b.position) < std::tuple(y.length, x.token, a.position);
  };
  // The longest match at each position; shorter ones at the same place enter when it is refused.
  std::vector<Match> found;
  for (std::size_t position = range.begin; position < range.end; ++position) {
    std::uint32_t longest = kNone;
    std::uint32_t node = 0;
    for (std::size_t at = position; at < range.end; ++at) {
      node = child(node, static_cast<unsigned char>(text[at]));
      if (node == kNone) {
        break;
      }
      if (m_nodes[node].token >= 0) {
        longest = node;
      }
    }
    if (longest != kNone) {
      found.push_back({longest, position});
    }
  }
  std::vector<Match> accepted;
  if (!found.empty()) {
    std::vector<bool> taken(range.end - range.begin);
    std::priority_queue<Match, std::vector<Match>, decltype(weaker)> queue(weaker,
                                                                           std::move(found));
    while (!queue.empty()) {
      Match match = queue.top();
      queue.pop();
      const std::size_t begin = match.position - range.begin;
      const std::size_t end = begin + m_nodes[match.node].length;
      if (taken[begin]) {
        continue;
      }
      // What was accepted before is at least as long, so it cannot lie strictly inside.
      if (taken[end - 1]) {
        match.node = m_nodes[match.node].shorter;
        if (match.node != kNone) {
          queue.push(match);
        }
        continue;
      }
      std::fill(taken.begin() + static_cast<std::ptrdiff_t>(begin),
                taken.begin() + static_cast<std::ptrdiff_t>(end), true);
      accepted.push_back(match);
    }
    std::sort(accepted.begin(), accepted.end(),
              [](const Match& a, const Match& b) { return a.position < b.position; });
  }
  std::size_t position = range.begin;
  for (const Match& match : accepted) {
    if (match.position > position) {
      out.push_back({{position, match.position}, std::nullopt});
    }
    position = match.position + m_nodes[match.node].length;
    out.push_back({{match.position, position}, m_nodes[match.node].token});
  }
  if (position < range.end) {
    out.push_back({{position, range.end}, std::nullopt});
  }
}

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary) {
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (vocabulary.isControl(id)) {
      m_control.add(vocabulary.piece(id), id);
    } else if (vocabulary.type(id) == TokenType::UserDefined) {
      m_userDefined.add(vocabulary.piece(id), id);
    }
  }
  m_control.link();
  m_userDefined.link();
}

std::optional<TokenId> SpecialTokens::find(std::string_view text) const {
  const auto control = m_control.find(text);
  return control ? control : m_userDefined.find(text);
}

std::vector<Fragment> SpecialTokens::split(std::string_view text, std::span<const ByteRange> markup,
                                           std::span<const std::size_t> cuts) const {
  std::vector<Fragment> out;
  std::size_t plainBegin = 0;
  auto cut = cuts.begin();
  const auto plainUntil = [&](std::size_t end) {
    for (; cut != cuts.end() && *cut < end; ++cut) {
      m_userDefined.split(text, {plainBegin, std::max(plainBegin, *cut)}, out);
      plainBegin = std::max(plainBegin, *cut);
    }
    m_userDefined.split(text, {plainBegin, end}, out);
    plainBegin = end;
  };
  std::vector<Fragment> pieces;
  for (const ByteRange& range : markup) {
    pieces.clear();
    m_control.split(text, range, pieces);
    for (const Fragment& piece : pieces) {
      if (piece.token) {
        plainUntil(piece.range.begin);
        out.push_back(piece);
        plainBegin = piece.range.end;
      }
    }
  }
  plainUntil(text.size());
  return out;
}

}  // namespace bookwheel
