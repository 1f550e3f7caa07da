// SPDX-License-Identifier: Apache-2.0
// Chooses the instruction set and forwards each operation to its table.
#include "kernels/cpu/dispatch.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

namespace bookwheel::kernels {
namespace {

struct Supported {
  std::array<InstructionSet, 3> sets{};
  std::size_t count = 0;
};

// __builtin_cpu_supports reads CPUID and XGETBV: false where the operating system does not save the
// registers.
Supported detect() {
  Supported found;
  found.sets[found.count++] = InstructionSet::Portable;
#ifdef BOOKWHEEL_X86
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vnni");
  if (avx2) {
    found.sets[found.count++] = InstructionSet::Avx2;
  }
  if (avx2 && avx512) {
    found.sets[found.count++] = InstructionSet::Avx512Vnni;
  }
#endif
  return found;
}

const Supported& supported() {
  static const Supported sets = detect();
  return sets;
}

bool isSupported(InstructionSet set) {
  const Supported& known = supported();
  for (std::size_t i = 0; i < known.count; ++i) {
    if (known.sets[i] == set) {
      return true;
    }
  }
  return false;
}

// The fastest set, or the one BOOKWHEEL_ISA names if this machine has it.
InstructionSet chooseSet() {
  const Supported& known = supported();
  InstructionSet best = known.sets[known.count - 1];
  if (const char* wish = std::getenv("BOOKWHEEL_ISA")) {
    for (std::size_t i = 0; i < known.count; ++i) {
      if (std::strcmp(wish, name(known.sets[i])) == 0) {
        best = known.sets[i];
      }
    }
  }
  return best;
}

const KernelTable* tableOf(InstructionSet set) {
#ifdef BOOKWHEEL_X86
  switch (set) {
    case InstructionSet::Portable:
      return &kPortableKernels;
    case InstructionSet::Avx2:
      return &kAvx2Kernels;
    case InstructionSet::Avx512Vnni:
      return &kAvx512Kernels;
  }
#endif
  static_cast<void>(set);
  return &kPortableKernels;
}

struct Current {
  std::atomic<InstructionSet> set{chooseSet()};
  std::atomic<const KernelTable*> table{tableOf(set.load())};
};

Current& current() {
  static Current instance;
  return instance;
}

const KernelTable& table() { return *current().table.load(std::memory_order_relaxed); }

}  // namespace

std::span<const InstructionSet> supportedInstructionSets() {
  return {supported().sets.data(), supported().count};
}

InstructionSet instructionSet() { return current().set.load(); }

void setInstructionSet(InstructionSet set) {
  if (isSupported(set)) {
    current().set = set;
    current().table = tableOf(set);
  }
}

const char* name(InstructionSet set) {
  switch (set) {
    case InstructionSet::Portable:
      return "portable";
    case InstructionSet::Avx2:
      return "avx2";
    case InstructionSet::Avx512Vnni:
      return "avx512";
  }
  return "unknown";
}

void quantizeRows(const QuantizeRowsArgs& args, Slice rows) { table().quantizeRows(args, rows); }
void matmul(const MatmulArgs& args, Slice units) { table().matmul(args, units); }
void matmulFloat(const MatmulFloatArgs& args, Slice units) { table().matmulFloat(args, units); }
void rmsNorm(const RmsNormArgs& args, Slice rows) { table().rmsNorm(args, rows); }
void rope(const RopeArgs& args, Slice rows) { table().rope(args, rows); }
void swiglu(const SwigluArgs& args, Slice rows) { table().swiglu(args, rows); }
bool appendKv(const AppendKvArgs& args, Slice tokens) { return table().appendKv(args, tokens); }

void attentionPrefill(const AttentionArgs& args, Slice units) {
  table().attentionPrefill(args, units);
}
void attentionDecode(const AttentionArgs& args, Slice units) {
  table().attentionDecode(args, units);
}
void attentionCombine(const AttentionArgs& args, Slice units) {
  table().attentionCombine(args, units);
}

void quantizeKv(const QuantizeKvArgs& args, Slice units) { table().quantizeKv(args, units); }
void lowBitScores(const LowBitScoresArgs& args, Slice units) { table().lowBitScores(args, units); }
void lowBitShifts(const LowBitShiftsArgs& args, Slice kvHeads) {
  table().lowBitShifts(args, kvHeads);
}
void lowBitSelectParts(const LowBitSelectArgs& args, Slice units) {
  table().lowBitSelectParts(args, units);
}
void lowBitSelectJoin(const LowBitSelectArgs& args, Slice units) {
  table().lowBitSelectJoin(args, units);
}
void lowBitValues(const LowBitValuesArgs& args, Slice units) { table().lowBitValues(args, units); }
void exactPairs(const ExactPairsArgs& args, Slice units) { table().exactPairs(args, units); }
void joinPartials(const JoinPartialsArgs& args, Slice units) { table().joinPartials(args, units); }

}  // namespace bookwheel::kernels
