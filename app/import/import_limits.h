// SPDX-License-Identifier: Apache-2.0
// Every limit of document import in one table: what a file may ask of this computer.
#pragma once

#include <cstdint>

namespace bookwheel {

inline constexpr std::int64_t kMiB = 1024 * 1024;

// Files. A text of 64 MiB is about 16 million tokens, more than any model reads.
inline constexpr std::int64_t kMostTextFileBytes = 64 * kMiB;
inline constexpr std::int64_t kMostHtmlFileBytes =
    32 * kMiB;  // its tree takes 20 to 50 times as much
inline constexpr std::int64_t kMostPdfFileBytes = 1024 * kMiB;

// Documents.
inline constexpr std::int64_t kMostTextBytes = 64 * kMiB;
inline constexpr int kMostPages = 50'000;
inline constexpr int kMostPageTextBytes = 4 * 1024 * 1024;
inline constexpr int kMostOutlineEntries = 50'000;
inline constexpr int kMostOutlineLevels = 20;
inline constexpr int kMostTitleLength = 500;  // UTF-16 units; longer titles are cut
inline constexpr int kMostLabelLength = 40;

// Page bitmaps: 64 Mpx is an A4 page at 830 dpi.
inline constexpr std::int64_t kMostPixels = 64 * 1024 * 1024;
inline constexpr std::int64_t kBitmapBytes = kMostPixels * 4;
inline constexpr int kMostRectangles = 20'000;

// The helper process.
inline constexpr std::uint64_t kHelperAddressSpace = 2048ULL * 1024 * 1024;
inline constexpr std::uint64_t kHelperOpenFiles = 64;
inline constexpr int kCpuSeconds = 60;        // for opening a document ...
inline constexpr int kCpuSecondsPerPage = 2;  // ... and for each of its pages
inline constexpr int kMostRestarts = 20;      // helper starts for one document after crashes

}  // namespace bookwheel
