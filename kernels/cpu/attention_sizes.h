// SPDX-License-Identifier: Apache-2.0
// Where the parts of attention's scratch and partial buffers lie. Internal linkage: read by every
// unit.
#pragma once

#include "kernels/args.h"
#include "kernels/cpu.h"

namespace bookwheel::kernels {

static constexpr int kKeyTile = 64;        // tokens converted to float32 at a time
static constexpr int kScoreRows = 8;       // rows of scores that a tile of prefill holds
static constexpr int kDecodeBlock = 16;    // tokens whose keys and values decode uses together
static constexpr int kPartialSums = 16;    // where the sums by token within the block begin
static constexpr int kPartialHeader = 32;  // floats before O of a partial

/// Floats of one partial result: | max | sum | unused, to 16 | sums[16] while the chunk runs | O[d]
/// |.
static constexpr std::int64_t partialFloats(int d) { return kPartialHeader + d; }

static constexpr std::int64_t chunksOf(std::int64_t tokens) {
  return (tokens + kKvChunk - 1) / kKvChunk;
}

struct PrefillScratch {
  float* keys;    // (d, kKeyTile)
  float* values;  // (kKeyTile, d)
  float* scores;  // (kScoreRows, kKeyTile)
  float* peaks;   // (group * kQueryTile)
  float* sums;    // (group * kQueryTile)
};

static inline PrefillScratch prefillScratch(const AttentionArgs& args) {
  const std::int64_t d = args.kv.headDim;
  const std::int64_t rows = args.heads / args.kv.kvHeads * kQueryTile;
  PrefillScratch scratch;
  scratch.keys = reinterpret_cast<float*>(args.scratch);
  scratch.values = scratch.keys + d * kKeyTile;
  scratch.scores = scratch.values + d * kKeyTile;
  scratch.peaks = scratch.scores + kScoreRows * kKeyTile;
  scratch.sums = scratch.peaks + rows;
  return scratch;
}

/// Decode needs no scratch.
static constexpr std::int64_t scratchFloats(std::int64_t group, std::int64_t d) {
  return 2 * d * kKeyTile + kScoreRows * kKeyTile + 2 * group * kQueryTile;
}

}  // namespace bookwheel::kernels
