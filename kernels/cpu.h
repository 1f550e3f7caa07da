// SPDX-License-Identifier: Apache-2.0
// The operations for the CPU. Each takes its args struct and the slice of units to do; none allocates,
// blocks or throws. The instruction set is chosen once, at the first call, or by setInstructionSet().
#pragma once

#include "kernels/args.h"

#include <span>

namespace bookwheel::kernels {

/// Instruction sets with own int8 code. Ordered: a later one is faster where present.
enum class InstructionSet { Portable, Avx2, Avx512Vnni };

/// What this machine can run, slowest first. Portable is always there.
std::span<const InstructionSet> supportedInstructionSets();
InstructionSet instructionSet();
/// For tests and benchmarks; not while another thread runs an operation. The set must be supported.
/// Packed matrices stay valid: their layout is the same for every instruction set.
void setInstructionSet(InstructionSet set);
const char* name(InstructionSet set);

inline constexpr int kPackedRows = 16;   // rows in a tile of a packed matrix
inline constexpr int kQueryTile = 32;    // query rows of a unit of attentionPrefill
inline constexpr int kKvChunk = 512;     // tokens of a unit of attentionDecode

/// Bytes of a packed matrix; rows are rounded up to kPackedRows. Never more than 8 % above the file's own bytes
/// (except for rows that are rounded up). 0 if columns is no multiple of the format's block.
std::int64_t packedBytes(WeightType type, std::int64_t rows, std::int64_t columns);
std::int64_t packUnits(const PackArgs& args);
void pack(const PackArgs& args, Slice units);

/// Decodes `elements` weights (a multiple of the block) of a GGUF row: norms, biases, tests.
void decodeWeights(WeightType type, const std::byte* source, std::int64_t elements, float* out);

void quantizeRows(const QuantizeRowsArgs& args, Slice rows);
std::int64_t matmulUnits(const PackedMatrix& weights);
void matmul(const MatmulArgs& args, Slice units);
void matmulFloat(const MatmulFloatArgs& args, Slice units);
void unpackRow(const UnpackRowArgs& args);

void rmsNorm(const RmsNormArgs& args, Slice rows);
void rope(const RopeArgs& args, Slice rows);
void swiglu(const SwigluArgs& args, Slice rows);

[[nodiscard]] bool appendKv(const AppendKvArgs& args, Slice tokens);

std::int64_t attentionPrefillUnits(const AttentionArgs& args);
std::int64_t attentionDecodeUnits(const AttentionArgs& args);
/// Floats of AttentionArgs::partials for up to `rows` rows and `tokens` cached tokens.
std::int64_t attentionPartialFloats(int heads, int headDim, std::int64_t rows, std::int64_t tokens);
/// Bytes of AttentionArgs::scratch one worker needs (each worker passes its own).
std::int64_t attentionScratchBytes(int heads, int kvHeads, int headDim);
void attentionPrefill(const AttentionArgs& args, Slice units);
void attentionDecode(const AttentionArgs& args, Slice units);
void attentionCombine(const AttentionArgs& args, Slice units);

}  // namespace bookwheel::kernels
