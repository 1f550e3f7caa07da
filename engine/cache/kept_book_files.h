// SPDX-License-Identifier: Apache-2.0
// What the files of a kept book are called, and how its index is opened.
#pragma once

#include <filesystem>
#include <optional>

namespace bookwheel {

inline constexpr const char* kIndexName = "index";
inline constexpr const char* kRowsName = "rows";
/// All that a book may have, the index first: without it the others mean nothing.
inline constexpr const char* kBookFiles[] = {kIndexName, kRowsName};

enum class IndexUse {
  Read,   ///< no lock
  Lock,   ///< for writing, locked
  Begin,  ///< the same; made if there is none
};

/// A descriptor that the caller closes, or nothing if there is no such file. Throws Error(FileIo)
/// if it may not be used, is no file, or is locked by another program.
std::optional<int> openIndex(const std::filesystem::path& folder, IndexUse use);

}  // namespace bookwheel
