// SPDX-License-Identifier: Apache-2.0
// The vocabularies of the tiny model: trained on a few sentences, in the two kinds real files have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bookwheel {

struct TinyTokens {
  std::vector<std::string> tokens;  // as GGUF stores them
  std::vector<std::int32_t> types;  // GGUF token types: 1 normal, 2 unknown, 3 control, 6 byte
  std::vector<std::string> merges;  // byte-level only: "a b"
  std::vector<float> scores;        // SentencePiece only
};

/// 256 bytes in GPT-2's letters, merges, <|endoftext|>, <|im_start|>, <|im_end|> (the last three).
TinyTokens tinyByteLevelTokens();
/// <unk>, <s>, </s>, <0x00>..<0xFF>, then pieces with U+2581 for the space.
TinyTokens tinySentencePieceTokens();

}  // namespace bookwheel
