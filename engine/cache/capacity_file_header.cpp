// SPDX-License-Identifier: Apache-2.0
#include "engine/cache/capacity_file_header.h"

#include "engine/cache/file_io.h"
#include "engine/error.h"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace bookwheel {
namespace {

constexpr std::string_view kMagic = "BWKVROWS";
constexpr std::uint32_t kVersion = 1;

std::uint32_t crc32(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xFFFF'FFFFu;
  for (const std::byte byte : bytes) {
    crc ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xEDB8'8320u : 0u);
    }
  }
  return ~crc;
}

/// Appends little-endian numbers and raw bytes; the checksum comes last.
class Writer {
 public:
  explicit Writer(std::span<std::byte> out) : m_out(out) {}

  template <std::unsigned_integral T>
  void number(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      m_out[m_at++] = static_cast<std::byte>(value >> (8 * i));
    }
  }
  void raw(const void* data, std::size_t bytes) {
    std::memcpy(&m_out[m_at], data, bytes);
    m_at += bytes;
  }
  void checksum() {
    number(crc32(m_out.first(m_at)));
    BOOKWHEEL_ASSERT(m_at == m_out.size());
  }

 private:
  std::span<std::byte> m_out;
  std::size_t m_at = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> in) : m_in(in) {}

  template <std::unsigned_integral T>
  T number() {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value |= static_cast<T>(static_cast<T>(m_in[m_at++]) << (8 * i));
    }
    return value;
  }
  template <std::size_t N>
  std::array<std::uint8_t, N> raw() {
    std::array<std::uint8_t, N> bytes;
    std::memcpy(bytes.data(), &m_in[m_at], N);
    m_at += N;
    return bytes;
  }
  /// The last four bytes fit those before.
  bool isWhole() const {
    return Reader(m_in.last(4)).number<std::uint32_t>() == crc32(m_in.first(m_in.size() - 4));
  }

 private:
  std::span<const std::byte> m_in;
  std::size_t m_at = 0;
};

std::uint32_t u32(std::int64_t value) { return static_cast<std::uint32_t>(value); }

std::string described(std::uint32_t layers, std::uint32_t kvHeads, std::uint32_t headDim) {
  return std::to_string(layers) + " layers of " + std::to_string(kvHeads) + " KV heads of " +
         std::to_string(headDim);
}

}  // namespace

std::array<std::byte, kIdentityBytes> encodeIdentity(const KvShape& shape,
                                                     const KvFingerprint& fingerprint) {
  std::array<std::byte, kIdentityBytes> bytes;
  Writer writer(bytes);
  writer.raw(kMagic.data(), kMagic.size());
  writer.number(kVersion);
  writer.number(u32(shape.layers));
  writer.number(u32(shape.kvHeads));
  writer.number(u32(shape.headDim));
  writer.number(u32(CapacityFileLayout::kSegmentTokens));
  writer.number(u32(CapacityFileLayout{shape}.rowBytes()));
  writer.raw(fingerprint.model.data(), fingerprint.model.size());
  writer.raw(fingerprint.text.data(), fingerprint.text.size());
  writer.checksum();
  return bytes;
}

void checkIdentity(std::span<const std::byte, kIdentityBytes> bytes, const KvShape& shape,
                   const KvFingerprint& fingerprint, const std::filesystem::path& path) {
  const std::string file = "The cache file " + printablePath(path);
  Reader reader(bytes);
  const auto magic = reader.raw<kMagic.size()>();
  if (std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0) {
    throw Error(ErrorCode::FileIo, "The file " + printablePath(path) +
                                       " is no cache file of Bookwheel; choose another name.");
  }
  if (const auto version = reader.number<std::uint32_t>(); version != kVersion) {
    throw Error(ErrorCode::FileIo, file + " is of version " + std::to_string(version) +
                                       " and this program reads version " +
                                       std::to_string(kVersion) + "; read the document again.");
  }
  if (!reader.isWhole()) {
    throw Error(
        ErrorCode::FileIo,
        file + " is damaged: its header does not fit its checksum; read the document again.");
  }
  const auto layers = reader.number<std::uint32_t>();
  const auto kvHeads = reader.number<std::uint32_t>();
  const auto headDim = reader.number<std::uint32_t>();
  const auto segmentTokens = reader.number<std::uint32_t>();
  const auto rowBytes = reader.number<std::uint32_t>();
  if (layers != u32(shape.layers) || kvHeads != u32(shape.kvHeads) ||
      headDim != u32(shape.headDim)) {
    throw Error(ErrorCode::InvalidRequest,
                file + " holds " + described(layers, kvHeads, headDim) +
                    " numbers and the model has " +
                    described(u32(shape.layers), u32(shape.kvHeads), u32(shape.headDim)) +
                    "; read the document again with this model.");
  }
  if (segmentTokens != u32(CapacityFileLayout::kSegmentTokens) ||
      rowBytes != u32(CapacityFileLayout{shape}.rowBytes())) {
    throw Error(ErrorCode::FileIo, file + " has segments of " + std::to_string(segmentTokens) +
                                       " rows of " + std::to_string(rowBytes) +
                                       " bytes, which this program does not read; read the "
                                       "document again.");
  }
  if (reader.raw<32>() != fingerprint.model) {
    throw Error(ErrorCode::InvalidRequest,
                file + " was made by another model; read the document again with this one.");
  }
  if (reader.raw<32>() != fingerprint.text) {
    throw Error(ErrorCode::InvalidRequest, file + " is of another text; read this document again.");
  }
}

std::array<std::byte, kRecordBytes> encodeRecord(const CapacityFileRecord& record) {
  std::array<std::byte, kRecordBytes> bytes;
  Writer writer(bytes);
  writer.number(record.generation);
  writer.number(static_cast<std::uint64_t>(record.tokens));
  writer.number(static_cast<std::uint64_t>(record.syncedTokens));
  writer.raw(record.boot.data(), record.boot.size());
  writer.checksum();
  return bytes;
}

std::optional<CapacityFileRecord> decodeRecord(std::span<const std::byte, kRecordBytes> bytes) {
  Reader reader(bytes);
  CapacityFileRecord record;
  record.generation = reader.number<std::uint64_t>();
  const auto tokens = reader.number<std::uint64_t>();
  const auto syncedTokens = reader.number<std::uint64_t>();
  record.boot = reader.raw<16>();
  if (!reader.isWhole() || tokens > static_cast<std::uint64_t>(kMostFileTokens) ||
      syncedTokens > tokens) {
    return std::nullopt;
  }
  record.tokens = static_cast<std::int64_t>(tokens);
  record.syncedTokens = static_cast<std::int64_t>(syncedTokens);
  return record;
}

std::array<std::uint8_t, 16> currentBoot() {
  // "8f1b6a0e-....": 32 hexadecimal digits and hyphens.
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::array<std::uint8_t, 16> boot{};
  std::size_t digits = 0;
  for (char letter = 0; digits < 32 && file.get(letter);) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::size_t value = kDigits.find(letter);
    if (value != std::string_view::npos) {
      boot[digits / 2] = static_cast<std::uint8_t>(boot[digits / 2] << 4 | value);
      ++digits;
    }
  }
  return digits == 32 ? boot : std::array<std::uint8_t, 16>{};
}

}  // namespace bookwheel
