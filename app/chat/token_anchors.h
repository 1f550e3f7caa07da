// SPDX-License-Identifier: Apache-2.0
// TokenAnchors: which bytes and page of the document each token of the read prompt stands for.
#pragma once

#include "engine/model/prompt.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace bookwheel {

/// Immutable view of one encoding; cheap to copy. Any thread.
class TokenAnchors {
 public:
  TokenAnchors() = default;
  /// The document's text stands in the prompt's text from byte `documentBegin`, `documentBytes`
  /// long, and is the document's text from byte `textBegin` on (a page range starts later than 0).
  TokenAnchors(std::shared_ptr<const Encoding> encoding, std::int64_t documentBegin,
               std::int64_t documentBytes, std::int64_t textBegin);

  std::int64_t tokens() const;
  /// Bytes of the document's text that token `index` stands for; nothing for the chat format's
  /// tokens.
  std::optional<std::pair<std::int64_t, std::int64_t>> bytes(std::int64_t index) const;
  /// The byte of the document's text up to which the first `count` tokens reach.
  std::int64_t byteAfter(std::int64_t count) const;
  /// The number of tokens that reach up to `byte` of the document's text at most.
  std::int64_t tokensUpTo(std::int64_t byte) const;

 private:
  std::shared_ptr<const Encoding> m_encoding;  // owners: this and the controller's last count
  std::int64_t m_documentBegin = 0;
  std::int64_t m_documentBytes = 0;
  std::int64_t m_textBegin = 0;
};

}  // namespace bookwheel
