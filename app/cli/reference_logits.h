// SPDX-License-Identifier: Apache-2.0
// Reference logits: a file of next-token distributions that others are compared with.
#pragma once

#include "engine/model/prompt.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <vector>

namespace bookwheel {

/// A "BWLG" file, as scripts/reference-logits writes it: the tokens of a text and, for each of
/// them, the log-probabilities of what comes next. All numbers little-endian:
///
///   char magic[4] "BWLG"; u32 version 1; u32 vocabulary; u32 positions; i32 tokens[positions];
///   then positions x vocabulary f32 natural log-probabilities; row i comes after token i.
class ReferenceLogits {
 public:
  /// Throws CommandError if the file is missing, no such file or cut.
  explicit ReferenceLogits(const std::filesystem::path& path);

  std::span<const TokenId> tokens() const { return m_tokens; }
  int vocabulary() const { return m_vocabulary; }
  /// The natural log-probabilities (vocabulary) after token `position`; valid until the next call.
  std::span<const float> row(std::int64_t position);

 private:
  std::filesystem::path m_path;
  std::ifstream m_file;
  std::vector<TokenId> m_tokens;
  int m_vocabulary = 0;
  std::int64_t m_rowsBegin = 0;
  std::vector<float> m_row;
};

/// Writes such a file, position after position.
class ReferenceLogitsWriter {
 public:
  ReferenceLogitsWriter(const std::filesystem::path& path, int vocabulary,
                        std::span<const TokenId> tokens);
  void add(std::span<const float> logProbabilities);
  /// Throws CommandError if anything could not be written.
  void finish();

 private:
  std::filesystem::path m_path;
  std::ofstream m_file;
};

}  // namespace bookwheel
