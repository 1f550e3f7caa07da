// SPDX-License-Identifier: Apache-2.0
// Exact attention: where a layer's rows meet the 16-bit cache.
#include "engine/run/exact_attention.h"

#include "engine/error.h"

#include <cmath>

namespace bookwheel {

void attendExactly(Backend& backend, KvStore& cache, const ModelShape& shape,
                   const LayerRows& rows) {
  BOOKWHEEL_ASSERT(rows.first == cache.tokens());
  const kernels::KvRows kv = cache.openLayer(rows.layer);
  const std::int64_t queryColumns = std::int64_t{shape.heads} * shape.headDim;
  const std::int64_t keyColumns = std::int64_t{shape.kvHeads} * shape.headDim;
  backend.appendKv({kv, rows.keys, rows.values, keyColumns, rows.first}, rows.rows);
  cache.closeLayer(rows.layer);
  if (rows.firstQuery == rows.rows) {
    return;
  }
  kernels::AttentionArgs args{};
  args.kv = kv;
  args.queries = rows.queries + rows.firstQuery * queryColumns;
  args.queryStride = queryColumns;
  args.rows = rows.rows - rows.firstQuery;
  args.first = rows.first + rows.firstQuery;
  args.heads = shape.heads;
  args.scale = 1.0f / std::sqrt(static_cast<float>(shape.headDim));
  args.out = rows.out + rows.firstQuery * queryColumns;
  args.outStride = queryColumns;
  backend.attend(args);
}

}  // namespace bookwheel
