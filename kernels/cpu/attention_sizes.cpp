// SPDX-License-Identifier: Apache-2.0
// Unit counts and buffer sizes of attention.
#include "kernels/cpu/attention_sizes.h"

namespace bookwheel::kernels {

std::int64_t attentionPrefillUnits(const AttentionArgs& args) {
  return args.kv.kvHeads * ((args.rows + kQueryTile - 1) / kQueryTile);
}

std::int64_t attentionDecodeUnits(const AttentionArgs& args) {
  return args.kv.kvHeads * chunksOf(args.first + args.rows);
}

std::int64_t attentionPartialFloats(int heads, int headDim, std::int64_t rows,
                                    std::int64_t tokens) {
  return rows * heads * chunksOf(tokens) * partialFloats(headDim);
}

std::int64_t attentionScratchBytes(int heads, int kvHeads, int headDim) {
  return scratchFloats(heads / kvHeads, headDim) * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace bookwheel::kernels
