// SPDX-License-Identifier: Apache-2.0
// The header of a capacity file: what the rows are of, and how many count.
#pragma once

#include "engine/cache/capacity_file_layout.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

namespace bookwheel {

/// What the rows of a kept file were computed from: two digests that the caller chooses. A file
/// with others is refused.
struct KvFingerprint {
  std::array<std::uint8_t, 32> model{};  // everything that changes a row: weights, RoPE, template
  std::array<std::uint8_t, 32> text{};   // the tokens read, or what they follow from

  bool operator==(const KvFingerprint&) const = default;
};

/// Three pages, little-endian: the identity, written once, and two records. A record is written
/// over the older one, so that one is whole whenever the process or the machine stops; the whole
/// one with the higher generation holds.
///
///   page 0  char magic[8] = "BWKVROWS"  u32 version = 1  u32 L  u32 Hkv  u32 d  u32 S  u32
///   rowBytes
///           u8 model[32]  u8 text[32]  u32 crc
///   page 1, 2  u64 generation  u64 tokens  u64 syncedTokens  u8 boot[16]  u32 crc
///
/// crc is CRC-32 (IEEE 802.3) of what stands before it. Numbers from a file are compared with what
/// the caller expects; none is used as a size.
struct CapacityFileRecord {
  std::uint64_t generation = 0;
  std::int64_t tokens = 0;              // complete, as long as the system has not stopped since
  std::int64_t syncedTokens = 0;        // of these, on the disk; <= tokens
  std::array<std::uint8_t, 16> boot{};  // the start of the system it was written in; 0: unknown
};

inline constexpr std::int64_t kHeaderPage = 4096;
inline constexpr std::size_t kIdentityBytes = 100;
inline constexpr std::size_t kRecordBytes = 44;
/// More tokens than any context; keeps every offset far below 2^63.
inline constexpr std::int64_t kMostFileTokens = std::int64_t{1} << 32;

std::array<std::byte, kIdentityBytes> encodeIdentity(const KvShape& shape,
                                                     const KvFingerprint& fingerprint);
/// Throws Error(FileIo) if this is no such identity, is damaged or of another version, and
/// Error(InvalidRequest) if it is of another shape, model or text.
void checkIdentity(std::span<const std::byte, kIdentityBytes> bytes, const KvShape& shape,
                   const KvFingerprint& fingerprint, const std::filesystem::path& path);

std::array<std::byte, kRecordBytes> encodeRecord(const CapacityFileRecord& record);
/// Nothing if it is damaged or impossible.
std::optional<CapacityFileRecord> decodeRecord(std::span<const std::byte, kRecordBytes> bytes);
/// Where the record of a generation stands.
constexpr std::int64_t recordOffset(std::uint64_t generation) {
  return kHeaderPage * (1 + static_cast<std::int64_t>(generation % 2));
}

/// The present start of the system; 0 if the system does not say.
std::array<std::uint8_t, 16> currentBoot();

}  // namespace bookwheel
