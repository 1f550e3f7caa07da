// SPDX-License-Identifier: Apache-2.0
// EngineFigures: what the engine holds at one moment, as a value for other threads.
#pragma once

#include "engine/cache/cache_options.h"
#include "engine/cache/fast_tier_use.h"
#include "engine/run/stats.h"

namespace bookwheel {

/// Counted by the engine, not estimated.
struct EngineFigures {
  MemoryUse memory{};
  FastTierUse fast;  // of the tokens in the cache
  CacheOptions cache;
  CapacityPlace capacity = CapacityPlace::Memory;
};

}  // namespace bookwheel
