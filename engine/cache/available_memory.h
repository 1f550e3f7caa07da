// SPDX-License-Identifier: Apache-2.0
// How much memory the system could still give this process.
#pragma once

#include <cstdint>

namespace bookwheel {

/// Bytes this process could take without swapping: the kernel's estimate (MemAvailable in
/// /proc/meminfo), or what is left of its control group's limit if that is less. 0 if the system
/// does not say. Any thread.
std::int64_t availableMemoryBytes();

}  // namespace bookwheel
