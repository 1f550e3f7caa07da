// SPDX-License-Identifier: Apache-2.0
// What this computer can hold: main memory and disk, as of the moment of asking.
#pragma once

#include <QString>

#include <cstdint>

namespace bookwheel {

struct ComputerFacts {
  std::int64_t memoryTotalBytes = 0;
  std::int64_t memoryAvailableBytes = 0;  ///< what programs can still take without swapping
  std::int64_t diskTotalBytes = 0;        ///< of the file system that holds the asked folder
  std::int64_t diskAvailableBytes = 0;
  int cores = 1;
};

/// Reads /proc/meminfo and the file system of `folder` (or of its nearest parent that exists). A
/// number that cannot be read stays 0. Takes microseconds; any thread.
ComputerFacts readComputer(const QString& folder);

/// The share of the available memory that a document may take; the rest is left to other programs.
inline constexpr double kMemoryShare = 0.8;

}  // namespace bookwheel
