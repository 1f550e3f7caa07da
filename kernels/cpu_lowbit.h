// SPDX-License-Identifier: Apache-2.0
// The operations of kernels/lowbit_args.h for the CPU: as in kernels/cpu.h, each takes its args
// struct and the slice of units to do; none allocates, blocks or throws.
#pragma once

#include "kernels/lowbit_args.h"

namespace bookwheel::kernels {

inline constexpr int kSelectBlocks = 128;  // blocks of a unit of lowBitSelectParts

/// False if the copy cannot have this form (see LowBitFormat).
bool isLowBitFormat(const LowBitFormat& format);
/// Bytes of one block of one KV head, codes and metadata; multiples of 64.
std::int64_t lowBitKeyBlockBytes(const LowBitFormat& format);
std::int64_t lowBitValueBlockBytes(const LowBitFormat& format);

std::int64_t quantizeKvUnits(const QuantizeKvArgs& args);
void quantizeKv(const QuantizeKvArgs& args, Slice units);
void dequantizeBlock(const DequantizeBlockArgs& args);

std::int64_t lowBitChunks(std::int64_t blocks);  // of one KV head
void lowBitScores(const LowBitScoresArgs& args, Slice units);

void lowBitShifts(const LowBitShiftsArgs& args, Slice kvHeads);

std::int64_t lowBitSelectPartUnits(const LowBitSelectArgs& args);
std::int64_t lowBitSelectScratchBytes(int kvHeads, std::int64_t blocks, int k);
void lowBitSelectParts(const LowBitSelectArgs& args, Slice units);
void lowBitSelectJoin(const LowBitSelectArgs& args, Slice units);

void lowBitValues(const LowBitValuesArgs& args, Slice units);

std::int64_t exactPairsUnits(const ExactPairsArgs& args);
void exactPairs(const ExactPairsArgs& args, Slice units);
void joinPartials(const JoinPartialsArgs& args, Slice units);

}  // namespace bookwheel::kernels
