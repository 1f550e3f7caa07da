// SPDX-License-Identifier: Apache-2.0
// Reference logits: a file of next-token distributions that others are compared with.
#include "app/cli/reference_logits.h"

#include "app/cli/command_error.h"

#include <bit>
#include <cstring>
#include <string_view>

namespace bookwheel {

namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian");

constexpr std::string_view kMagic = "BWLG";
constexpr std::uint32_t kVersion = 1;
constexpr std::int64_t kElementBytes = sizeof(float);

struct Header {
  char magic[4];
  std::uint32_t version;
  std::uint32_t vocabulary;
  std::uint32_t positions;
};

}  // namespace

ReferenceLogits::ReferenceLogits(const std::filesystem::path& path)
    : m_path(path), m_file(path, std::ios::binary) {
  const auto refuse = [&](const std::string& why) {
    throw CommandError(ExitCode::kFailed, "The file " + path.string() + " " + why + ".");
  };
  Header header{};
  if (!m_file) {
    refuse("cannot be read");
  }
  if (!m_file.read(reinterpret_cast<char*>(&header), sizeof header) ||
      std::string_view(header.magic, kMagic.size()) != kMagic) {
    refuse("is no file of reference logits (it does not begin with BWLG)");
  }
  if (header.version != kVersion) {
    refuse("has version " + std::to_string(header.version) + "; this program reads version 1");
  }
  constexpr std::uint32_t kMost = 1u << 24;
  if (header.vocabulary == 0 || header.positions == 0 || header.vocabulary > kMost ||
      header.positions > kMost) {
    refuse("is damaged: its vocabulary or number of positions is out of range");
  }
  m_rowsBegin = static_cast<std::int64_t>(sizeof header) + std::int64_t{4} * header.positions;
  const std::int64_t elements = std::int64_t{header.positions} * header.vocabulary;
  std::error_code ignored;
  const std::int64_t rowsBytes =
      static_cast<std::int64_t>(std::filesystem::file_size(path, ignored)) - m_rowsBegin;
  if (rowsBytes != elements * kElementBytes) {
    refuse("is cut or damaged: " + std::to_string(header.positions) + " rows of " +
           std::to_string(header.vocabulary) + " numbers take " +
           std::to_string(elements * kElementBytes) + " bytes, and it has " +
           std::to_string(rowsBytes));
  }
  m_vocabulary = static_cast<int>(header.vocabulary);
  m_tokens.resize(header.positions);
  m_file.read(reinterpret_cast<char*>(m_tokens.data()),
              static_cast<std::streamsize>(m_tokens.size() * sizeof(TokenId)));
  m_row.resize(static_cast<std::size_t>(m_vocabulary));
}

std::span<const float> ReferenceLogits::row(std::int64_t position) {
  const std::int64_t rowBytes = m_vocabulary * kElementBytes;
  m_file.seekg(m_rowsBegin + position * rowBytes);
  if (!m_file.read(reinterpret_cast<char*>(m_row.data()), rowBytes)) {
    throw CommandError(ExitCode::kFailed, "Reading " + m_path.string() + " failed half-way.");
  }
  return m_row;
}

ReferenceLogitsWriter::ReferenceLogitsWriter(const std::filesystem::path& path, int vocabulary,
                                             std::span<const TokenId> tokens)
    : m_path(path), m_file(path, std::ios::binary | std::ios::trunc) {
  Header header{};
  std::memcpy(header.magic, kMagic.data(), kMagic.size());
  header.version = kVersion;
  header.vocabulary = static_cast<std::uint32_t>(vocabulary);
  header.positions = static_cast<std::uint32_t>(tokens.size());
  m_file.write(reinterpret_cast<const char*>(&header), sizeof header);
  m_file.write(reinterpret_cast<const char*>(tokens.data()),
               static_cast<std::streamsize>(tokens.size_bytes()));
}

void ReferenceLogitsWriter::add(std::span<const float> logProbabilities) {
  m_file.write(reinterpret_cast<const char*>(logProbabilities.data()),
               static_cast<std::streamsize>(logProbabilities.size_bytes()));
}

void ReferenceLogitsWriter::finish() {
  m_file.close();
  if (!m_file) {
    throw CommandError(ExitCode::kFailed,
                       "The file " + m_path.string() + " could not be written; is the disk full?");
  }
}

}  // namespace bookwheel
