// SPDX-License-Identifier: Apache-2.0
// SpecialTokens: finds control and user-defined tokens in the text of a prompt.
#pragma once

#include "engine/model/prompt.h"
#include "engine/model/vocabulary.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bookwheel {

/// A stretch of the input: one special token, or text in which there is none.
struct Fragment {
  ByteRange range;
  std::optional<TokenId> token;
};

/// A set of strings that finds its members in a text. Where members overlap, the longest wins, then
/// the one with the lower id, then the leftmost: as llama.cpp, which searches for one token after
/// the other.
class TokenFinder {
 public:
  void add(std::string_view text, TokenId id);
  /// To be called once after the last add().
  void link();

  /// The member that is exactly `text`.
  std::optional<TokenId> find(std::string_view text) const;
  /// Appends `range` of `text` to `out`, cut at the members found in it. Time is about linear in
  /// the range.
  void split(std::string_view text, ByteRange range, std::vector<Fragment>& out) const;

 private:
  static constexpr std::uint32_t kNone = 0;  // no child leads back to the root

  struct Node {
    TokenId token = -1;
    std::uint32_t length = 0;   // bytes from the root
    std::uint32_t shorter = 0;  // nearest node above with a token, or kNone
  };

  std::uint32_t child(std::uint32_t node, unsigned char byte) const;

  std::vector<Node> m_nodes{Node{}};
  std::array<std::uint32_t, 256> m_first{};                     // children of the root
  std::unordered_map<std::uint64_t, std::uint32_t> m_children;  // (node, byte) below the root
};

/// Immutable; any thread.
class SpecialTokens {
 public:
  explicit SpecialTokens(const Vocabulary& vocabulary);

  /// The control or user-defined token with exactly this text.
  std::optional<TokenId> find(std::string_view text) const;
  /// Cuts `text` at special tokens, and at `cuts` (ascending), across which nothing reaches.
  /// Control tokens are found only inside one range of `markup` (ascending, disjoint) and before
  /// user-defined ones, which are found everywhere: so nothing in data changes how markup is read,
  /// and the fragments before a control token do not depend on what follows it.
  std::vector<Fragment> split(std::string_view text, std::span<const ByteRange> markup,
                              std::span<const std::size_t> cuts) const;

 private:
  TokenFinder m_control;
  TokenFinder m_userDefined;
};

}  // namespace bookwheel
