// SPDX-License-Identifier: Apache-2.0
// CpuBackend: the operations of kernels/cpu.h split over a thread pool.
#pragma once

#include "engine/backend/backend.h"
#include "engine/backend/thread_pool.h"
#include "kernels/cpu.h"

#include <atomic>
#include <vector>

namespace bookwheel {

/// The backend that is always there. Every operation is complete when its call returns.
class CpuBackend final : public Backend {
 public:
  CpuBackend(int threads, ActivationRounding rounding);
  ~CpuBackend() override;

  BackendInfo info() const override;
  void setActivationRounding(ActivationRounding rounding) override { m_rounding = rounding; }
  Buffer allocate(std::size_t bytes) override;
  void reserve(const WorkspaceLimits& limits) override;
  kernels::PackedMatrix loadMatrix(kernels::WeightType type, std::int64_t rows,
                                   std::int64_t columns, ReadBytes read) override;
  const float* loadVector(kernels::WeightType type, std::int64_t elements, ReadBytes read) override;
  void toDevice(std::span<const float> host, float* device) override;
  void toDevice(std::span<const std::uint32_t> host, std::uint32_t* device) override;
  std::span<const float> toHost(const float* device, std::size_t elements) override;
  std::span<const std::uint32_t> toHost(const std::uint32_t* device, std::size_t elements) override;
  std::span<const std::int32_t> toHost(const std::int32_t* device, std::size_t elements) override;
  std::int64_t weightsBytes() const override { return m_weightsBytes; }
  std::int64_t workspaceBytes() const override;
  /// What reserve(limits) allocates.
  static std::int64_t reservedBytes(const WorkspaceLimits& limits, int threads);

  void embed(const kernels::PackedMatrix& table, std::span<const std::int32_t> ids,
             float* out) override;
  void rmsNorm(const kernels::RmsNormArgs& args, std::int64_t rows) override;
  void project(const Rows& x, std::span<const Projection> products) override;
  void projectGated(const Rows& x, const kernels::PackedMatrix& gateWeights,
                    const kernels::PackedMatrix& upWeights, float* out, float* up) override;
  void rope(const kernels::RopeArgs& args, std::int64_t rows) override;
  void appendKv(const kernels::AppendKvArgs& args, std::int64_t rows) override;
  void attend(const kernels::AttentionArgs& args) override;
  void reserveLowBit(const LowBitLimits& limits) override;
  /// What reserveLowBit(limits) allocates.
  static std::int64_t reservedBytes(const LowBitLimits& limits);
  void quantizeKv(const kernels::QuantizeKvArgs& args) override;
  void lowBitScores(const kernels::LowBitScoresArgs& args) override;
  void lowBitShifts(const kernels::LowBitShiftsArgs& args) override;
  void lowBitSelect(const kernels::LowBitSelectArgs& args) override;
  void attendParts(std::span<const kernels::LowBitValuesArgs> values,
                   std::span<const kernels::ExactPairsArgs> pairs) override;
  void joinPartials(const kernels::JoinPartialsArgs& args) override;
  [[nodiscard]] bool takeFault() override;

 private:
  void prepareInput(const Rows& x);
  void multiply(const Rows& x, const Projection& product, kernels::Slice tiles);
  std::int64_t tileGrain(std::int64_t tiles, std::int64_t rows) const;
  void runRows(std::int64_t rows, std::int64_t elementsPerRow, ThreadPool::Work work);

  // Used by the calling thread; workers read them inside operations.
  ActivationRounding m_rounding;
  std::int64_t m_weightsBytes = 0;
  std::int64_t m_allocatedBytes = 0;
  std::vector<Buffer> m_weights;
  WorkspaceLimits m_limits{};
  Buffer m_codes;     // int8 (rows, columns)
  Buffer m_scales;    // float (rows, columns / 32)
  Buffer m_sums;      // int16 (rows, columns / 16)
  Buffer m_partials;  // float, attention
  Buffer m_scratch;   // one part for each worker, attention
  std::int64_t m_scratchBytes = 0;
  Buffer m_selectScratch;
  kernels::QuantizedRows m_input{};  // the rows prepareInput() made

  // Set by workers.
  std::atomic<bool> m_fault{false};

  ThreadPool m_pool;
};

}  // namespace bookwheel
