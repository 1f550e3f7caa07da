// SPDX-License-Identifier: Apache-2.0
// Sizes and unit counts of the low-bit copy and its operations, and reading a block back.
#include "kernels/cpu/lowbit_layout.h"

#include "kernels/cpu_lowbit.h"

namespace bookwheel::kernels {

bool isLowBitFormat(const LowBitFormat& format) {
  const auto known = [](int bits) { return bits == 1 || bits == 2 || bits == 4; };
  return known(format.keyBits) && known(format.valueBits) &&
         (format.group == 32 || format.group == 64) && format.headDim >= kSlabLanes &&
         format.headDim <= kMostHeadDim && format.headDim % kSlabLanes == 0;
}

std::int64_t lowBitKeyBlockBytes(const LowBitFormat& format) { return keyPlane(format).bytes(); }
std::int64_t lowBitValueBlockBytes(const LowBitFormat& format) {
  return valuePlane(format).bytes();
}

std::int64_t quantizeKvUnits(const QuantizeKvArgs& args) { return args.copy.kvHeads * args.blocks; }

void dequantizeBlock(const DequantizeBlockArgs& args) {
  const LowBitFormat& format = args.copy.format;
  const int d = format.headDim;
  const LowBitPlane keys = keyPlane(format);
  const LowBitPlane values = valuePlane(format);
  const std::byte* keyBlock =
      args.copy.keys + args.kvHead * args.copy.keyHeadStride + args.block * keys.bytes();
  const std::byte* valueBlock =
      args.copy.values + args.kvHead * args.copy.valueHeadStride + args.block * values.bytes();
  for (int token = 0; token < kLowBitBlock; ++token) {
    for (int c = 0; c < d; ++c) {
      const LowBitGroup key = readGroup(keys, keyBlock, token / format.group * d + c);
      const LowBitGroup value =
          readGroup(values, valueBlock, c / format.group * kLowBitBlock + token);
      args.keys[token * d + c] =
          key.zero + key.scale * static_cast<float>(readCode(keys, keyBlock, token, c));
      args.values[token * d + c] =
          value.zero + value.scale * static_cast<float>(readCode(values, valueBlock, c, token));
    }
  }
}

std::int64_t lowBitChunks(std::int64_t blocks) {
  return (blocks + kLowBitChunk - 1) / kLowBitChunk;
}

std::int64_t lowBitSelectPartUnits(const LowBitSelectArgs& args) {
  return args.kvHeads * selectParts(args.scores.blocks);
}

std::int64_t lowBitSelectScratchBytes(int kvHeads, std::int64_t blocks, int k) {
  return kvHeads * selectHeadInts(blocks, k) * static_cast<std::int64_t>(sizeof(std::int32_t));
}

std::int64_t exactPairsUnits(const ExactPairsArgs& args) {
  return args.kv.kvHeads * ((args.mostPairs + kPairsChunk - 1) / kPairsChunk);
}

}  // namespace bookwheel::kernels
