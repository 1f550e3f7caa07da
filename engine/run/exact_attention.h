// SPDX-License-Identifier: Apache-2.0
// Exact attention: where a layer's rows meet the 16-bit cache.
#pragma once

#include "engine/backend/backend.h"
#include "engine/cache/kv_store.h"
#include "engine/model/shape.h"
#include "engine/run/forward.h"

namespace bookwheel {

/// Writes the rows' keys and values behind cache.tokens() (reserved by the caller, who commits when
/// all layers are done) and attends to everything up to each row, in 16 bits.
void attendExactly(Backend& backend, KvStore& cache, const ModelShape& shape,
                   const LayerRows& rows);

}  // namespace bookwheel
