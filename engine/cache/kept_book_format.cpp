// SPDX-License-Identifier: Apache-2.0
#include "engine/cache/kept_book_format.h"

#include "engine/error.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace bookwheel {
namespace {

static_assert(std::endian::native == std::endian::little, "the index is written as it lies");

constexpr std::string_view kMagic = "BWBOOK\r\n";
constexpr std::size_t kChecksumAt = kIndexPage - sizeof(std::uint64_t);
constexpr std::size_t kIdsAt = 16;

/// Walks through a page.
template <typename Bytes>
class Fields {
 public:
  explicit Fields(Bytes& page) : m_page(page) {}

  template <typename T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(m_page.data() + m_at, &value, sizeof value);
    m_at += sizeof value;
  }
  template <typename T>
  T get() {
    T value;
    std::memcpy(&value, m_page.data() + m_at, sizeof value);
    m_at += sizeof value;
    return value;
  }

 private:
  Bytes& m_page;
  std::size_t m_at = 0;
};

std::uint32_t u32(std::int64_t value) { return static_cast<std::uint32_t>(value); }

std::uint64_t checksumIn(const IndexPage& page) {
  std::uint64_t checksum = 0;
  std::memcpy(&checksum, page.data() + kChecksumAt, sizeof checksum);
  return checksum;
}

std::uint64_t checksumOf(const IndexPage& page, std::uint64_t seed) {
  return shortDigestOf(std::span(page).first(kChecksumAt), seed);
}

void seal(IndexPage& page, std::uint64_t seed) {
  const std::uint64_t checksum = checksumOf(page, seed);
  std::memcpy(page.data() + kChecksumAt, &checksum, sizeof checksum);
}

}  // namespace

IndexPage encode(const IndexHeader& header) {
  IndexPage page{};
  std::memcpy(page.data(), kMagic.data(), kMagic.size());
  Fields fields(page);
  fields.get<std::array<char, kMagic.size()>>();
  fields.put(header.version);
  const KvShape& shape = header.identity.shape;
  fields.put(u32(shape.layers));
  fields.put(u32(shape.kvHeads));
  fields.put(u32(shape.headDim));
  fields.put(header.documentTokens);
  fields.put(header.identity.model);
  fields.put(header.identity.reading);
  fields.put(header.text);
  seal(page, 0);
  return page;
}

std::optional<IndexHeader> decodeHeader(const IndexPage& page) {
  Fields fields(page);
  const auto magic = fields.get<std::array<char, kMagic.size()>>();
  if (!std::equal(magic.begin(), magic.end(), kMagic.begin()) ||
      checksumIn(page) != checksumOf(page, 0)) {
    return std::nullopt;
  }
  IndexHeader header;
  header.version = fields.get<std::uint32_t>();
  if (header.version != kIndexVersion) {
    return header;
  }
  const auto layers = fields.get<std::uint32_t>();
  const auto kvHeads = fields.get<std::uint32_t>();
  const auto headDim = fields.get<std::uint32_t>();
  header.identity.shape = {static_cast<int>(layers), static_cast<int>(kvHeads),
                           static_cast<int>(headDim)};
  header.documentTokens = fields.get<std::int64_t>();
  header.identity.model = fields.get<Digest>();
  header.identity.reading = fields.get<Digest>();
  header.text = fields.get<Digest>();
  return header.documentTokens >= 0 ? std::optional(header) : std::nullopt;
}

std::uint64_t seedOf(const IndexPage& headerPage) { return checksumIn(headerPage); }

IndexPage encode(const SegmentRecord& record, std::uint64_t seed) {
  BOOKWHEEL_ASSERT(record.ids.size() <= CapacityFileLayout::kSegmentTokens);
  IndexPage page{};
  Fields fields(page);
  fields.put(u32(record.segment));
  fields.put(static_cast<std::uint32_t>(record.ids.size()));
  fields.put(record.rows);
  std::memcpy(page.data() + kIdsAt, record.ids.data(), record.ids.size_bytes());
  seal(page, seed);
  return page;
}

std::optional<SegmentRecord> decodeRecord(const IndexPage& page, std::int64_t segment,
                                          std::uint64_t seed) {
  static_assert(kIdsAt + CapacityFileLayout::kSegmentTokens * sizeof(TokenId) <= kChecksumAt);
  if (checksumIn(page) != checksumOf(page, seed)) {
    return std::nullopt;
  }
  Fields fields(page);
  const auto index = fields.get<std::uint32_t>();
  const auto tokens = fields.get<std::uint32_t>();
  if (index != u32(segment) || tokens < 1 || tokens > CapacityFileLayout::kSegmentTokens) {
    return std::nullopt;
  }
  SegmentRecord record;
  record.segment = segment;
  record.rows = fields.get<std::uint64_t>();
  record.ids = {reinterpret_cast<const TokenId*>(page.data() + kIdsAt), tokens};
  return record;
}

bool isBlank(const IndexPage& page) {
  return std::all_of(page.begin(), page.end(), [](std::byte byte) { return byte == std::byte{}; });
}

Digest digestOf(std::span<const TokenId> ids) { return digestOf(std::as_bytes(ids)); }

}  // namespace bookwheel
