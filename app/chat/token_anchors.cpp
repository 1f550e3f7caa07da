// SPDX-License-Identifier: Apache-2.0
// TokenAnchors: which bytes and page of the document each token of the read prompt stands for.
#include "app/chat/token_anchors.h"

#include <algorithm>
#include <utility>

namespace bookwheel {

TokenAnchors::TokenAnchors(std::shared_ptr<const Encoding> encoding, std::int64_t documentBegin,
                           std::int64_t documentBytes, std::int64_t textBegin)
    : m_encoding(std::move(encoding)),
      m_documentBegin(documentBegin),
      m_documentBytes(documentBytes),
      m_textBegin(textBegin) {}

std::int64_t TokenAnchors::tokens() const {
  return m_encoding ? static_cast<std::int64_t>(m_encoding->ids.size()) : 0;
}

std::optional<std::pair<std::int64_t, std::int64_t>> TokenAnchors::bytes(std::int64_t index) const {
  if (index < 0 || index >= tokens()) {
    return std::nullopt;
  }
  const ByteRange& range = m_encoding->ranges[static_cast<std::size_t>(index)];
  // A token may reach over the document's edge into the format's white space: only its part in it
  // counts.
  const std::int64_t begin =
      std::max(static_cast<std::int64_t>(range.begin) - m_documentBegin, std::int64_t{0});
  const std::int64_t end =
      std::min(static_cast<std::int64_t>(range.end) - m_documentBegin, m_documentBytes);
  if (begin >= end) {
    return std::nullopt;
  }
  return std::pair(begin + m_textBegin, end + m_textBegin);
}

std::int64_t TokenAnchors::byteAfter(std::int64_t count) const {
  if (count <= 0 || tokens() == 0) {
    return m_textBegin;
  }
  const auto last = static_cast<std::size_t>(std::min(count, tokens()) - 1);
  const std::int64_t end =
      static_cast<std::int64_t>(m_encoding->ranges[last].end) - m_documentBegin;
  return m_textBegin + std::clamp(end, std::int64_t{0}, m_documentBytes);
}

std::int64_t TokenAnchors::tokensUpTo(std::int64_t byte) const {
  if (tokens() == 0) {
    return 0;
  }
  // Ranges are in order: the first token that ends behind `byte` is the first that does not count.
  const std::int64_t limit = byte - m_textBegin + m_documentBegin;
  const auto& ranges = m_encoding->ranges;
  const auto first = std::partition_point(
      ranges.begin(), ranges.end(),
      [&](const ByteRange& range) { return static_cast<std::int64_t>(range.end) <= limit; });
  return first - ranges.begin();
}

}  // namespace bookwheel
