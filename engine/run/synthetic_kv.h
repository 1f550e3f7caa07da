// SPDX-License-Identifier: Apache-2.0
// Synthetic KV: fills a cache to a depth without reading, for benchmarks.
#pragma once

#include "engine/cache/kv_store.h"

#include <cstdint>

namespace bookwheel {

/// Appends `tokens` tokens of seeded numbers to the cache: as fast to attend to as real
/// ones, meaningless otherwise. Throws what KvStore::reserve() throws.
void fillWithSyntheticKv(KvStore& cache, int layers, std::int64_t tokens, std::uint64_t seed);

}  // namespace bookwheel
