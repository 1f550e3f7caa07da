// SPDX-License-Identifier: Apache-2.0
// The table of operations that have a body for each instruction set. The same sources (*_body.h)
// are compiled once per set in a unit of its own; a unit gives away its table and nothing else.
#pragma once

#include "kernels/cpu.h"
#include "kernels/cpu_lowbit.h"

namespace bookwheel::kernels {

struct KernelTable {
  void (*quantizeRows)(const QuantizeRowsArgs&, Slice);
  void (*matmul)(const MatmulArgs&, Slice);
  void (*matmulFloat)(const MatmulFloatArgs&, Slice);
  void (*rmsNorm)(const RmsNormArgs&, Slice);
  void (*rope)(const RopeArgs&, Slice);
  void (*swiglu)(const SwigluArgs&, Slice);
  bool (*appendKv)(const AppendKvArgs&, Slice);
  void (*attentionPrefill)(const AttentionArgs&, Slice);
  void (*attentionDecode)(const AttentionArgs&, Slice);
  void (*attentionCombine)(const AttentionArgs&, Slice);
  void (*quantizeKv)(const QuantizeKvArgs&, Slice);
  void (*lowBitScores)(const LowBitScoresArgs&, Slice);
  void (*lowBitShifts)(const LowBitShiftsArgs&, Slice);
  void (*lowBitSelectParts)(const LowBitSelectArgs&, Slice);
  void (*lowBitSelectJoin)(const LowBitSelectArgs&, Slice);
  void (*lowBitValues)(const LowBitValuesArgs&, Slice);
  void (*exactPairs)(const ExactPairsArgs&, Slice);
  void (*joinPartials)(const JoinPartialsArgs&, Slice);
};

extern const KernelTable kPortableKernels;
#ifdef BOOKWHEEL_X86
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
#endif

}  // namespace bookwheel::kernels
