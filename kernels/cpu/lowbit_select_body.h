// SPDX-License-Identifier: Apache-2.0
// The k tokens with the largest sums of exp(score - shift), exactly (of the weights as they are),
// for the instruction set whose simd_*.h was included before.
//
// Sums are compared as the integers of their bits (keys): the order is the same, for they are not
// negative, and a token that may not be taken has a negative key. A part of a head leaves its k
// best; the join takes the k best of those. Most blocks are never looked at: no token of a block
// can have more than the sum over rows of exp(the block's maximum - shift), and the k-th best sum
// so far is a limit from below.
#pragma once

#include "kernels/cpu/attention_body.h"
#include "kernels/cpu/lowbit_layout.h"
#include "kernels/cpu/pairs_body.h"

namespace bookwheel::kernels {
namespace {

constexpr std::int32_t kNotTaken = -1;
constexpr std::int32_t kLaneNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/// Which keys to take: all that are above least, and the first `ties` of those that equal it.
struct Sieve {
  std::int32_t least;
  std::int64_t ties;
  bool allTies;  // every key that equals least is among them
};

inline std::int64_t countAtLeast(const std::int32_t* keys, std::int64_t n, std::int32_t least) {
  const Int limit = splatInt(least);
  Int counts = splatInt(0);
  for (std::int64_t i = 0; i < n; i += kLanes) {
    counts = countNotBelow(counts, loadInts(keys + i), limit);
  }
  return sumOfInts(counts);
}

inline std::int32_t largestKey(const std::int32_t* keys, std::int64_t n) {
  Int most = splatInt(kNotTaken);
  for (std::int64_t i = 0; i < n; i += kLanes) {
    most = maxInts(most, loadInts(keys + i));
  }
  std::int32_t lanes[kLanes];
  storeInts(lanes, most);
  std::int32_t largest = kNotTaken;
  for (int i = 0; i < kLanes; ++i) {
    largest = lanes[i] > largest ? lanes[i] : largest;
  }
  return largest;
}

/// Moves the keys with low <= key < high to `to`, which may be `keys`, and pads to a multiple of
/// 16; how many there are then.
inline std::int64_t keepBetween(const std::int32_t* keys, std::int64_t n, std::int32_t low,
                                std::int32_t high, std::int32_t* to) {
  std::int64_t kept = 0;
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Int key = loadInts(keys + i);
    const Int inside = minInts(subInts(key, splatInt(low)), subInts(splatInt(high - 1), key));
    kept += storeNotBelow(to + kept, key, inside, splatInt(0));
  }
  for (; kept % 16 != 0; ++kept) {
    to[kept] = kNotTaken;
  }
  return kept;
}

/// The k largest of n keys, n a multiple of 16, of which at least k are >= low >= 0. Bisects the
/// bits; keys that are certainly in or out are dropped every few rounds. `spare` has room for n.
inline Sieve largestOf(const std::int32_t* keys, std::int64_t n, std::int64_t k, std::int32_t low,
                       std::int32_t* spare) {
  constexpr int kRounds = 3;
  std::int32_t high = largestKey(keys, n);
  high += high < 0x7FFFFFFF ? 1 : 0;
  std::int64_t above = 0;  // keys that were dropped because they are in
  while (true) {
    for (int round = 0; round < kRounds && high - low > 1; ++round) {
      const std::int32_t middle = low + (high - low) / 2;
      const std::int64_t count = above + countAtLeast(keys, n, middle);
      if (count == k) {
        return {middle, k, true};
      }
      (count > k ? low : high) = middle;
    }
    const std::int64_t in = above + countAtLeast(keys, n, high);
    if (high - low <= 1) {
      return {low, k - in, above + countAtLeast(keys, n, low) == k};
    }
    n = keepBetween(keys, n, low, high, spare);
    keys = spare;
    above = in;
  }
}

/// Those of kLanes keys that pass, with their tokens, side by side at the outputs (which may be
/// written up to kLanes numbers); how many.
inline int sift(Sieve& sieve, const std::int32_t* keys, const std::uint32_t* tokens,
                std::int32_t* keysOut, std::uint32_t* tokensOut) {
  const Int key = loadInts(keys);
  const Int least = splatInt(sieve.least);
  if (sieve.allTies) {
    storeNotBelow(keysOut, key, key, least);
    return storeNotBelow(tokensOut, loadInts(tokens), key, least);
  }
  int count = 0;
  for (int i = 0; i < kLanes; ++i) {
    const bool tie = keys[i] == sieve.least && sieve.ties > 0;
    if (keys[i] > sieve.least || tie) {
      sieve.ties -= tie ? 1 : 0;
      keysOut[count] = keys[i];
      tokensOut[count++] = tokens[i];
    }
  }
  return count;
}

/// The rows that are ranked, and a part of the head's blocks.
struct SelectPart {
  const LowBitSelectArgs& args;
  std::int64_t head;
  std::int64_t first;  // block
  int blocks;
  float shifts[kMostScoreRows];
  // exp(the block's maximum - shift): what a weight of the block is multiplied with
  alignas(64) float factors[kMostScoreRows][kSelectBlocks];
};

inline void findShifts(SelectPart& part) {
  const ScoreRows& in = part.args.scores;
  for (int r = 0; r < part.args.rowCount; ++r) {
    const std::int64_t row = part.head * in.rows + part.args.firstRow + r;
    float shift = kMinusInfinity;
    if (part.args.shifts != nullptr) {
      shift = part.args.shifts[row];
    } else {
      const float* maxima = in.blockMaxima + row * in.maximaStride;
      const std::int64_t whole = in.blocks / kLanes * kLanes;
      Float most = splat(kMinusInfinity);
      for (std::int64_t b = 0; b < whole; b += kLanes) {
        most = maximum(load(maxima + b), most);
      }
      shift = maxOf(most);
      for (std::int64_t b = whole; b < in.blocks; ++b) {
        shift = maxima[b] > shift ? maxima[b] : shift;
      }
    }
    part.shifts[r] = shift == kMinusInfinity ? 0.0F : shift;
  }
}

/// The factors, and keys that no token of a block can exceed: (kSelectBlocks), kNotTaken past the
/// part's blocks.
inline void boundBlocks(SelectPart& part, std::int32_t* bounds) {
  const ScoreRows& in = part.args.scores;
  // Roundings of products and additions, and a weight of the largest score that comes out above 1.
  const Float slack = splat(1.0001F);
  for (int b = 0; b < kSelectBlocks; b += kLanes) {
    Float sum = zero();
    for (int r = 0; r < part.args.rowCount; ++r) {
      const float* maxima =
          in.blockMaxima + (part.head * in.rows + part.args.firstRow + r) * in.maximaStride;
      alignas(64) float here[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        here[i] = b + i < part.blocks ? maxima[part.first + b + i] : kMinusInfinity;
      }
      const Float factor = exponentialNear(sub(load(here), splat(part.shifts[r])));
      store(part.factors[r] + b, factor);
      sum = add(sum, factor);
    }
    storeInts(bounds + b, bitsAsInts(mul(sum, slack)));
  }
  for (int b = part.blocks; b < kSelectBlocks; ++b) {
    bounds[b] = kNotTaken;
  }
}

/// The keys of the 64 tokens of a block.
inline void sumBlock(const SelectPart& part, int block, std::int32_t* keys) {
  const ScoreRows& in = part.args.scores;
  const float* weights = in.weights + part.head * in.headStride +
                         ((part.first + block) * in.rows + part.args.firstRow) * kLowBitBlock;
  Float sums[kLowBitBlock / kLanes];
#pragma GCC unroll 8
  for (int i = 0; i < kLowBitBlock / kLanes; ++i) {
    sums[i] = splat(-0.0F);  // stays -0, a negative key, where all weights are
  }
  for (int r = 0; r < part.args.rowCount; ++r) {
    const Float factor = splat(part.factors[r][block]);
#pragma GCC unroll 8
    for (int i = 0; i < kLowBitBlock / kLanes; ++i) {
      sums[i] = fma(load(weights + r * kLowBitBlock + i * kLanes), factor, sums[i]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kLowBitBlock / kLanes; ++i) {
    // The second operand, a negative key, where the sum is NaN.
    storeInts(keys + i * kLanes, bitsAsInts(maximum(sums[i], splat(-1.0F))));
  }
}

/// Sum of sums[b] exp(maxima[b] - peak) over n blocks.
inline float sumOfBlocks(const float* maxima, const float* sums, std::int64_t n, float peak) {
  Float total = zero();
  for (std::int64_t b = 0; b < n; b += kLanes) {
    alignas(64) float most[kLanes];
    alignas(64) float sum[kLanes];
    for (int i = 0; i < kLanes; ++i) {  // numbers past the last block may be anything
      most[i] = b + i < n ? maxima[b + i] : kMinusInfinity;
      sum[i] = b + i < n ? sums[b + i] : 0.0F;
    }
    total = fma(load(sum), exponential(sub(load(most), splat(peak))), total);
  }
  return sumOf(total);
}

void lowBitShiftsBody(const LowBitShiftsArgs& args, Slice kvHeads) {
  const ScoreRows& in = args.scores;
  const int d = args.partials.headDim;
  for (std::int64_t head = kvHeads.begin; head < kvHeads.end; ++head) {
    for (int r = 0; r < in.rows; ++r) {
      const float* maxima = in.blockMaxima + (head * in.rows + r) * in.maximaStride;
      const float* sums = in.blockSums + (head * in.rows + r) * in.maximaStride;
      float peak = kMinusInfinity;
      for (std::int64_t b = 0; b < in.blocks; ++b) {
        peak = maxima[b] > peak ? maxima[b] : peak;
      }
      for (std::int64_t i = 0; i < args.partialCount; ++i) {
        const float m = partialOf(args.partials, head, args.firstPartial + i, r)[d];
        peak = m > peak ? m : peak;
      }
      float sum = peak == kMinusInfinity ? 0.0F : sumOfBlocks(maxima, sums, in.blocks, peak);
      for (std::int64_t i = 0; i < args.partialCount; ++i) {
        const float* part = partialOf(args.partials, head, args.firstPartial + i, r);
        sum += part[d + 1] != 0.0F ? part[d + 1] * exponential(part[d] - peak) : 0.0F;
      }
      args.shifts[head * in.rows + r] = sum > 0.0F ? peak + __builtin_logf(sum) : 0.0F;
    }
  }
}

struct SelectPlanes {
  std::int64_t parts;
  std::int64_t room;
  std::int32_t* keys;
  std::int32_t* spare;
  std::uint32_t* tokens;
};

inline SelectPlanes planesOf(const LowBitSelectArgs& args, std::int64_t head) {
  SelectPlanes planes;
  planes.parts = selectParts(args.scores.blocks);
  planes.room = selectRoom(args.k);
  planes.keys = reinterpret_cast<std::int32_t*>(args.scratch) +
                head * selectHeadInts(args.scores.blocks, args.k);
  planes.spare = planes.keys + planes.parts * planes.room;
  planes.tokens = reinterpret_cast<std::uint32_t*>(planes.spare + planes.parts * planes.room);
  return planes;
}

/// What a part has found: keys and tokens of candidates, in order. 100 KB of stack.
struct SelectWork {
  alignas(64) std::int32_t keys[kPartTokens + 16];
  alignas(64) std::int32_t spare[kPartTokens + 16];
  alignas(64) std::uint32_t tokens[kPartTokens + 16];
  std::int64_t count;
};

/// Appends the tokens of a block whose keys are >= least.
inline void appendBlock(const std::int32_t* keys, std::int64_t firstToken, std::int32_t least,
                        SelectWork& work) {
  const Int limit = splatInt(least);
  Int token = addInts(splatInt(static_cast<std::int32_t>(firstToken)), loadInts(kLaneNumbers));
  for (int i = 0; i < kLowBitBlock; i += kLanes) {
    const Int key = loadInts(keys + i);
    storeNotBelow(work.keys + work.count, key, key, limit);
    work.count += storeNotBelow(work.tokens + work.count, token, key, limit);
    token = addInts(token, splatInt(kLanes));
  }
}

/// Takes the k largest keys of the candidates, or all if there are fewer; returns the least key
/// that a candidate must have from now on.
inline std::int32_t keepLargest(std::int64_t k, std::int32_t limit, SelectWork& work) {
  if (work.count <= k) {
    return limit;
  }
  std::int64_t n = work.count;
  for (; n % 16 != 0; ++n) {
    work.keys[n] = kNotTaken;
  }
  Sieve sieve = largestOf(work.keys, n, k, limit, work.spare);
  work.count = 0;
  for (std::int64_t i = 0; i < n; i += kLanes) {
    work.count += sift(sieve, work.keys + i, work.tokens + i, work.keys + work.count,
                       work.tokens + work.count);
  }
  return sieve.least;
}

void selectPart(SelectPart& part, SelectWork& work, std::int32_t* keysOut, std::uint32_t* tokensOut,
                std::int64_t room) {
  const std::int64_t k = part.args.k;
  alignas(64) std::int32_t bounds[kSelectBlocks];
  alignas(64) std::int32_t keys[kLowBitBlock];
  boundBlocks(part, bounds);
  // The most promising blocks first: their k-th best sum shows how few others can matter.
  std::int32_t limit = 0;
  work.count = 0;
  const std::int64_t seeds = 2 * ((k + kLowBitBlock - 1) / kLowBitBlock);
  if (2 * seeds < part.blocks) {
    const std::int32_t least = largestOf(bounds, kSelectBlocks, seeds, 0, work.spare).least;
    for (int b = 0; b < part.blocks; ++b) {
      if (bounds[b] >= least && work.count < 3 * seeds * kLowBitBlock) {  // ties: enough is enough
        sumBlock(part, b, keys);
        appendBlock(keys, 0, 0, work);
      }
    }
    limit = keepLargest(k, 0, work);
    work.count = 0;
  }
  // Of keys that equal the limit the first are taken, so all are kept until the end.
  const std::int64_t many = k + (k < 512 ? 256 : k / 2);
  std::int64_t next = many;
  for (int b = 0; b < part.blocks; ++b) {
    if (bounds[b] < limit) {
      continue;
    }
    sumBlock(part, b, keys);
    appendBlock(keys, (part.first + b) * kLowBitBlock, limit, work);
    if (work.count > next) {
      limit = keepLargest(k, limit, work);
      next = work.count + many - k;
    }
  }
  keepLargest(k, limit, work);
  for (; work.count < room; ++work.count) {
    work.keys[work.count] = kNotTaken;
    work.tokens[work.count] = 0;
  }
  std::memcpy(keysOut, work.keys, static_cast<std::size_t>(room) * sizeof(std::int32_t));
  std::memcpy(tokensOut, work.tokens, static_cast<std::size_t>(room) * sizeof(std::uint32_t));
}

void lowBitSelectPartsBody(const LowBitSelectArgs& args, Slice units) {
  const std::int64_t parts = selectParts(args.scores.blocks);
  SelectWork work;
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const std::int64_t at = unit % parts;
    const std::int64_t left = args.scores.blocks - at * kSelectBlocks;
    SelectPart part{args,
                    unit / parts,
                    at * kSelectBlocks,
                    left < kSelectBlocks ? static_cast<int>(left) : kSelectBlocks,
                    {},
                    {}};
    findShifts(part);
    const SelectPlanes planes = planesOf(args, part.head);
    selectPart(part, work, planes.keys + at * planes.room, planes.tokens + at * planes.room,
               planes.room);
  }
}

void lowBitSelectJoinBody(const LowBitSelectArgs& args, Slice units) {
  for (std::int64_t head = units.begin; head < units.end; ++head) {
    const SelectPlanes planes = planesOf(args, head);
    const std::int64_t n = planes.parts * planes.room;
    std::uint32_t* out = args.selected + head * args.k;
    Sieve sieve{0, 0, true};
    if (countAtLeast(planes.keys, n, 0) > args.k) {
      sieve = largestOf(planes.keys, n, args.k, 0, planes.spare);
    }
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < n; i += kLanes) {
      std::int32_t keys[kLanes];
      std::uint32_t tokens[kLanes];
      const int here = sift(sieve, planes.keys + i, planes.tokens + i, keys, tokens);
      std::memcpy(out + count, tokens, static_cast<std::size_t>(here) * sizeof(std::uint32_t));
      count += here;
    }
    args.counts[head] = static_cast<std::int32_t>(count);
  }
}

}  // namespace
}  // namespace bookwheel::kernels
