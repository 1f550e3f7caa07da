// SPDX-License-Identifier: Apache-2.0
// What goes to the tokenizer: runs of text of which only some may name special tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bookwheel {

using TokenId = std::int32_t;

enum class PieceKind {
  Markup,    ///< from the chat template: special tokens written in it are recognized
  Text,      ///< from a person or a model: data, special-token strings stay plain text
  Document,  ///< the document's text: data as well; its byte ranges become anchors
};

struct PromptPiece {
  std::string text;  // UTF-8
  PieceKind kind;
  /// No token reaches across the beginning of this piece. Without it, text goes on across pieces as
  /// if they were one (but for special tokens, which must lie in Markup).
  bool startsAnew = false;
};

/// Half-open range of bytes.
struct ByteRange {
  std::size_t begin;
  std::size_t end;
};

/// Token ids with, for each token, the bytes it stands for in the concatenated text of all pieces.
/// The ranges cover that text without gaps; tokens inserted by the model (BOS, a space prefix) have
/// an empty range at their place, and a character split over several tokens gives each token its
/// own bytes.
struct Encoding {
  std::vector<TokenId> ids;
  std::vector<ByteRange> ranges;  // one for each id
};

}  // namespace bookwheel
