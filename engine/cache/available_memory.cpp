// SPDX-License-Identifier: Apache-2.0
// How much memory the system could still give this process.
#include "engine/cache/available_memory.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace bookwheel {

namespace {

/// The number behind `key` in a file of "key number" lines.
std::optional<std::int64_t> numberBehind(const std::filesystem::path& path, std::string_view key) {
  std::ifstream file(path);
  std::string word;
  std::int64_t number = 0;
  std::string line;
  while (file >> word) {
    if (word == key && file >> number) {
      return number;
    }
    std::getline(file, line);
  }
  return std::nullopt;
}

std::optional<std::int64_t> numberIn(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::int64_t number = 0;
  if (file >> number) {
    return number;
  }
  return std::nullopt;  // absent, or "max"
}

/// What is left of the limits of this process's control group (version 2) and the groups around it.
std::int64_t leftInControlGroups() {
  std::int64_t left = std::numeric_limits<std::int64_t>::max();
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    constexpr std::string_view kUnified = "0::/";
    if (!line.starts_with(kUnified)) {
      continue;
    }
    const std::filesystem::path root = "/sys/fs/cgroup";
    for (std::filesystem::path group = line.substr(kUnified.size());; group = group.parent_path()) {
      const std::filesystem::path folder = root / group;
      const auto limit = numberIn(folder / "memory.max");
      const auto used = numberIn(folder / "memory.current");
      if (limit && used) {
        // File pages of the group are given up before anything fails.
        const auto filePages = numberBehind(folder / "memory.stat", "inactive_file");
        left = std::min(left, std::max<std::int64_t>(0, *limit - *used + filePages.value_or(0)));
      }
      if (group.empty()) {
        break;
      }
    }
  }
  return left;
}

}  // namespace

std::int64_t availableMemoryBytes() {
  const auto kilobytes = numberBehind("/proc/meminfo", "MemAvailable:");
  if (!kilobytes) {
    return 0;
  }
  return std::min(*kilobytes * 1024, leftInControlGroups());
}

}  // namespace bookwheel
