// SPDX-License-Identifier: Apache-2.0
// TextModel: the two ways (byte-level BPE, SentencePiece) of turning text without special tokens
// into ids.
#pragma once

#include "engine/model/prompt.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace bookwheel {

/// What stands before a stretch of text.
enum class Before {
  Special,  // a special token or nothing: where SentencePiece models put a space
  Text,
};

/// Encodes the stretches of one input in their order; remembers the words it has seen. One thread.
class TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  /// Appends the ids of `text`, which begins at byte `offset` of the input. Their ranges are in
  /// order and cover `text`, but for bytes that the vocabulary has no token for: those give no id
  /// and leave a gap.
  virtual void encode(std::string_view text, std::size_t offset, Before before, Encoding& out) = 0;
};

/// Immutable; any thread.
class TextModel {
 public:
  virtual ~TextModel() = default;

  /// The encoder must not outlive the model.
  virtual std::unique_ptr<TextEncoder> encoder() const = 0;
  /// "BPE (qwen2)", "SentencePiece BPE".
  virtual std::string description() const = 0;
};

}  // namespace bookwheel
