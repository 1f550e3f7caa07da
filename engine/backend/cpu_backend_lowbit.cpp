// SPDX-License-Identifier: Apache-2.0
// CpuBackend: the operations of kernels/cpu_lowbit.h split over the thread pool.
#include "engine/backend/cpu_backend.h"
#include "engine/error.h"
#include "kernels/cpu_lowbit.h"

#include <algorithm>

namespace bookwheel {

namespace {

/// Calls `run` with the part of `all` that lies in the `units` units from `first` on; moves `first`
/// behind them. How several operations share one count of units.
template <typename Run>
void runShare(kernels::Slice all, std::int64_t units, std::int64_t& first, const Run& run) {
  const kernels::Slice own{std::max(all.begin, first) - first,
                           std::min(all.end, first + units) - first};
  if (own.begin < own.end) {
    run(own);
  }
  first += units;
}

}  // namespace

void CpuBackend::toDevice(std::span<const std::uint32_t> host, std::uint32_t* device) {
  std::copy(host.begin(), host.end(), device);
}

std::span<const std::uint32_t> CpuBackend::toHost(const std::uint32_t* device,
                                                  std::size_t elements) {
  return {device, elements};
}

std::span<const std::int32_t> CpuBackend::toHost(const std::int32_t* device, std::size_t elements) {
  return {device, elements};
}

std::int64_t CpuBackend::reservedBytes(const LowBitLimits& limits) {
  return kernels::lowBitSelectScratchBytes(limits.kvHeads, limits.blocks, limits.pairs);
}

void CpuBackend::reserveLowBit(const LowBitLimits& limits) {
  m_selectScratch = {};
  m_selectScratch = allocate(static_cast<std::size_t>(reservedBytes(limits)));
}

void CpuBackend::quantizeKv(const kernels::QuantizeKvArgs& args) {
  m_pool.run(kernels::quantizeKvUnits(args), 1,
             [&](kernels::Slice units, int) { kernels::quantizeKv(args, units); });
}

void CpuBackend::lowBitScores(const kernels::LowBitScoresArgs& args) {
  m_pool.run(args.copy.kvHeads * kernels::lowBitChunks(args.out.blocks), 1,
             [&](kernels::Slice units, int) { kernels::lowBitScores(args, units); });
}

void CpuBackend::lowBitShifts(const kernels::LowBitShiftsArgs& args) {
  m_pool.run(args.kvHeads, 1,
             [&](kernels::Slice kvHeads, int) { kernels::lowBitShifts(args, kvHeads); });
}

void CpuBackend::lowBitSelect(const kernels::LowBitSelectArgs& all) {
  kernels::LowBitSelectArgs args = all;
  args.scratch = static_cast<std::byte*>(m_selectScratch.data());
  BOOKWHEEL_ASSERT(kernels::lowBitSelectScratchBytes(args.kvHeads, args.scores.blocks, args.k) <=
                   static_cast<std::int64_t>(m_selectScratch.bytes()));
  m_pool.run(kernels::lowBitSelectPartUnits(args), 1,
             [&](kernels::Slice units, int) { kernels::lowBitSelectParts(args, units); });
  m_pool.run(args.kvHeads, 1,
             [&](kernels::Slice units, int) { kernels::lowBitSelectJoin(args, units); });
}

void CpuBackend::attendParts(std::span<const kernels::LowBitValuesArgs> values,
                             std::span<const kernels::ExactPairsArgs> pairs) {
  std::int64_t units = 0;
  for (const kernels::LowBitValuesArgs& args : values) {
    units += args.copy.kvHeads * kernels::lowBitChunks(args.scores.blocks);
  }
  for (const kernels::ExactPairsArgs& args : pairs) {
    units += kernels::exactPairsUnits(args);
  }
  m_pool.run(units, 1, [&](kernels::Slice slice, int) {
    std::int64_t first = 0;
    for (const kernels::LowBitValuesArgs& args : values) {
      runShare(slice, args.copy.kvHeads * kernels::lowBitChunks(args.scores.blocks), first,
               [&](kernels::Slice own) { kernels::lowBitValues(args, own); });
    }
    for (const kernels::ExactPairsArgs& args : pairs) {
      runShare(slice, kernels::exactPairsUnits(args), first,
               [&](kernels::Slice own) { kernels::exactPairs(args, own); });
    }
  });
}

void CpuBackend::joinPartials(const kernels::JoinPartialsArgs& args) {
  runRows(std::int64_t{args.rows} * args.heads, args.count * args.partials.headDim,
          [&](kernels::Slice units, int) { kernels::joinPartials(args, units); });
}

}  // namespace bookwheel
