// SPDX-License-Identifier: Apache-2.0
// The index of a kept book: what its rows are of, and which segments of them are whole.
#pragma once

#include "engine/cache/capacity_file_layout.h"
#include "engine/model/digest.h"
#include "engine/model/prompt.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace bookwheel {

/// What the numbers of a row follow from, besides the tokens.
struct BookIdentity {
  Digest model{};    // of the model file: weights, vocabulary, chat format
  Digest reading{};  // of what else a row depends on: the rotary embedding, the rounding
  KvShape shape{};
};

/// Pages of 4096 bytes, little-endian: a header, then a record for each segment of 512 tokens.
///
///   header  char magic[8] = "BWBOOK\r\n"  u32 version  u32 L  u32 Hkv  u32 d
///           i64 documentTokens  u8 model[16]  u8 reading[16]  u8 text[16]  0...
///           u64 checksum at 4088: XXH3-64 of the 4088 bytes before
///   record  u32 segment  u32 tokens  u64 rows  i32 ids[512]  0...
///           u64 checksum at 4088: XXH3-64 of the 4088 bytes before, seeded with the header's
///
/// `rows` is XXH3-128 (the lower 64 bits) of the rows of the segment's first `tokens` tokens, layer
/// by layer, head by head, padding (zeros) included. A page of zeros is no record. Version and
/// checksum stand where they are in every version. No number of a file is used as a size.
inline constexpr std::int64_t kIndexPage = 4096;
/// Raised with the layout, and whenever the engine computes other rows from the same file.
inline constexpr std::uint32_t kIndexVersion = 1;

struct alignas(8) IndexPage : std::array<std::byte, kIndexPage> {};

struct IndexHeader {
  std::uint32_t version = kIndexVersion;
  BookIdentity identity;
  std::int64_t documentTokens = 0;
  Digest text{};  // of the document's ids
};

IndexPage encode(const IndexHeader& header);
/// Nothing if it is no header or damaged. Of another version only `version` is filled in.
std::optional<IndexHeader> decodeHeader(const IndexPage& page);
/// What seeds the checksums of the records.
std::uint64_t seedOf(const IndexPage& headerPage);

struct SegmentRecord {
  std::int64_t segment = 0;
  std::span<const TokenId> ids;  // at most 512
  std::uint64_t rows = 0;
};

IndexPage encode(const SegmentRecord& record, std::uint64_t seed);
/// Nothing if it is damaged, or of another segment. The ids are those of the page.
std::optional<SegmentRecord> decodeRecord(const IndexPage& page, std::int64_t segment,
                                          std::uint64_t seed);
bool isBlank(const IndexPage& page);

Digest digestOf(std::span<const TokenId> ids);

}  // namespace bookwheel
