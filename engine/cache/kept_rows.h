// SPDX-License-Identifier: Apache-2.0
// The rows of a kept book: their checksums, and how they get back.
#pragma once

#include "engine/cache/capacity_file.h"
#include "engine/cache/capacity_tier.h"
#include "engine/cache/kept_book.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace bookwheel {

/// The checksum of a KeptBook's segment: of the rows of tokens firstToken .. firstToken + count - 1
/// in all layers. firstToken is the first of a segment.
std::uint64_t checksumOfRows(const CapacityTier& tier, std::int64_t firstToken, std::int64_t count);
/// The same of rows in a file, whether its tokens() counts them or not. Throws Error(FileIo).
std::uint64_t checksumOfRows(const CapacityFile& file, std::int64_t firstToken, std::int64_t count);

struct RestoredRows {
  std::int64_t tokens = 0;  // whole, from the first on
  bool isStopped = false;   // then tokens means nothing
  std::string damage;       // "" or one sentence: which segment is not whole
};

/// Checks the rows in `file`, and reads them into `tier` unless that is null: rows of the book's
/// tokens() must have been reserved there from token 0 on; nothing is committed. `file` adopts what
/// is whole. In `threads` threads, the calling one included, which calls `progress` with the share
/// that is done.
RestoredRows restoreRows(const KeptBook& book, CapacityFile& file, const CapacityTier* tier,
                         int threads, const std::function<void(double share)>& progress,
                         const std::stop_token& stop);

}  // namespace bookwheel
