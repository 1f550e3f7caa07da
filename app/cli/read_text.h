// SPDX-License-Identifier: Apache-2.0
// A document for a command: read through the jailed helper, as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bookwheel {

struct TextOutlineEntry {
  std::string title;
  int page;  // from 1
  int level;
};

struct DocumentText {
  std::string title;
  std::string format;
  int pages;
  std::int64_t characters;
  std::vector<TextOutlineEntry> outline;
  std::vector<std::string> warnings;
  std::string text;  // UTF-8
};

/// Throws CommandError with one sentence if it cannot be read. `password` opens protected files.
DocumentText readText(const std::string& path, const std::string& password, bool alwaysProgress);

}  // namespace bookwheel
