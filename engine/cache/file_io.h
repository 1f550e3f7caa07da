// SPDX-License-Identifier: Apache-2.0
// Whole transfers between a file and scattered memory, and the sentences for when they fail.
#pragma once

#include "engine/error.h"

#include <sys/uio.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace bookwheel {

/// At most so many pieces a transfer: what the system takes in one call (IOV_MAX is 1024).
inline constexpr int kMostPieces = 256;

/// Reads from `offset` on until all pieces are full; interrupted and short calls are continued. The
/// list is used up. Returns the Error(FileIo) of a device that fails or a file that ends before.
/// Any thread.
[[nodiscard]] std::optional<Error> readPieces(int descriptor, std::int64_t offset,
                                              std::span<iovec> pieces,
                                              const std::filesystem::path& path);
/// The same for writing.
[[nodiscard]] std::optional<Error> writePieces(int descriptor, std::int64_t offset,
                                               std::span<iovec> pieces,
                                               const std::filesystem::path& path);

/// A path fit for a sentence.
std::string printablePath(const std::filesystem::path& path);
/// What the system calls an error number.
std::string systemReason(int error);
/// Rounded up to whole MB.
std::string megabytes(std::int64_t bytes);

}  // namespace bookwheel
