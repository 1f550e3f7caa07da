// SPDX-License-Identifier: Apache-2.0
// Backend: where the model runs. Memory, weights and the operations of kernels/args.h on rows.
#pragma once

#include "engine/backend/backend_info.h"
#include "engine/backend/function_ref.h"
#include "kernels/args.h"
#include "kernels/lowbit_args.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace bookwheel {

/// How the inputs of matrices are rounded.
enum class ActivationRounding {
  Int8,  ///< the product: 8 bits in blocks of 32
  None,  ///< for tests and evaluation: float32 throughout, an order of magnitude slower
};

/// Memory of a backend that numbers of one operation are handed to the next in. Move-only; freed by
/// the destructor, which must run before its backend's.
class Buffer {
 public:
  using Free = std::function<void(void*)>;

  Buffer() = default;
  Buffer(void* data, std::size_t bytes, Free free)
      : m_data(data, std::move(free)), m_bytes(bytes) {}

  void* data() const { return m_data.get(); }
  float* floats() const { return static_cast<float*>(m_data.get()); }
  std::size_t bytes() const { return m_bytes; }

 private:
  std::unique_ptr<void, Free> m_data{nullptr, [](void*) {}};
  std::size_t m_bytes = 0;
};

/// What a forward pass will ask for at most. Everything is made by Backend::reserve(), so that
/// reading and answering allocate nothing.
struct WorkspaceLimits {
  std::int64_t rows;     // T of the largest chunk
  std::int64_t columns;  // of the widest input of a matrix
  int heads;
  int kvHeads;
  int headDim;
  std::int64_t tokens;  // in the cache
};

/// What decoding over a low-bit copy will ask for at most.
struct LowBitLimits {
  int kvHeads;
  std::int64_t blocks;  // of the copy
  int pairs;            // k of lowBitSelect
};

/// Activations of T rows.
struct Rows {
  const float* data;     // (T, stride)
  std::int64_t rows;     // T
  std::int64_t columns;  // <= stride
  std::int64_t stride;   // elements from row to row
};

/// One product of an input that several matrices share: y = x W^T (+ bias) (+ y).
struct Projection {
  kernels::PackedMatrix weights;
  const float* bias;    // (weights.rows) or null
  float* y;             // (T, stride)
  std::int64_t stride;  // elements from row to row of y
  bool accumulate;      // true: add to what y holds (the residual stream)
};

/// Fills `out` with the bytes of a tensor from `offset` on. May throw; called from several threads
/// at once.
using ReadBytes = FunctionRef<void(std::uint64_t offset, std::span<std::byte> out)>;

/// A device with memory and operations. All float pointers are memory of this backend (allocate(),
/// loadVector()), all matrices were made by loadMatrix(); only `host` spans are ordinary memory.
/// Operations run in the order of the calls and may still run when a call returns: toHost() and
/// takeFault() wait for them. Called from one thread. Operations allocate nothing and do not throw,
/// except Error(DoesNotFit) from allocating calls and what a lost device will throw.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual BackendInfo info() const = 0;
  /// For the operations from here on.
  virtual void setActivationRounding(ActivationRounding rounding) = 0;

  // ---- Memory ----
  /// Zeroed.
  virtual Buffer allocate(std::size_t bytes) = 0;
  /// Makes the scratch memory of the operations. Again with other limits: replaces it.
  virtual void reserve(const WorkspaceLimits& limits) = 0;
  /// Copies a GGUF matrix (rows, weightRowBytes(type, columns)) into the backend's own order, in
  /// bands, so that beside the result only a few megabytes are needed. The matrix is the backend's
  /// until it is destroyed. Passes on what `read` throws; throws Error(UnsupportedModel) if the
  /// rows are no whole blocks.
  virtual kernels::PackedMatrix loadMatrix(kernels::WeightType type, std::int64_t rows,
                                           std::int64_t columns, ReadBytes read) = 0;
  /// The same for a vector (norm, bias), decoded to float32.
  virtual const float* loadVector(kernels::WeightType type, std::int64_t elements,
                                  ReadBytes read) = 0;
  virtual void toDevice(std::span<const float> host, float* device) = 0;
  virtual void toDevice(std::span<const std::uint32_t> host, std::uint32_t* device) = 0;
  /// Valid until the next operation that writes there.
  virtual std::span<const float> toHost(const float* device, std::size_t elements) = 0;
  virtual std::span<const std::uint32_t> toHost(const std::uint32_t* device,
                                                std::size_t elements) = 0;
  virtual std::span<const std::int32_t> toHost(const std::int32_t* device,
                                               std::size_t elements) = 0;
  virtual std::int64_t weightsBytes() const = 0;
  virtual std::int64_t workspaceBytes() const = 0;  // allocate() and reserve()

  // ---- Operations on T rows ----
  /// out (T, columns) = the rows `ids` of the embedding table. Ids are checked by the caller.
  virtual void embed(const kernels::PackedMatrix& table, std::span<const std::int32_t> ids,
                     float* out) = 0;
  virtual void rmsNorm(const kernels::RmsNormArgs& args, std::int64_t rows) = 0;
  /// All products of one input in one go.
  virtual void project(const Rows& x, std::span<const Projection> products) = 0;
  /// out (T, gate.rows) = silu(x gate^T) * (x up^T); `up` is scratch of the same shape.
  virtual void projectGated(const Rows& x, const kernels::PackedMatrix& gateWeights,
                            const kernels::PackedMatrix& upWeights, float* out, float* up) = 0;
  virtual void rope(const kernels::RopeArgs& args, std::int64_t rows) = 0;
  /// Values that are not finite or do not fit 16 bits are remembered for takeFault().
  virtual void appendKv(const kernels::AppendKvArgs& args, std::int64_t rows) = 0;
  /// Exact causal attention. args.partials and args.scratch are filled in by the backend.
  virtual void attend(const kernels::AttentionArgs& args) = 0;

  // ---- Decoding over a low-bit copy (kernels/lowbit_args.h) ----
  /// Makes the scratch memory of lowBitSelect. Again with other limits: replaces it.
  virtual void reserveLowBit(const LowBitLimits& limits) = 0;
  virtual void quantizeKv(const kernels::QuantizeKvArgs& args) = 0;
  virtual void lowBitScores(const kernels::LowBitScoresArgs& args) = 0;
  virtual void lowBitShifts(const kernels::LowBitShiftsArgs& args) = 0;
  /// args.scratch is filled in by the backend.
  virtual void lowBitSelect(const kernels::LowBitSelectArgs& args) = 0;
  /// The value pass and exact pairs side by side: parts of one attention that do not depend on each
  /// other.
  virtual void attendParts(std::span<const kernels::LowBitValuesArgs> values,
                           std::span<const kernels::ExactPairsArgs> pairs) = 0;
  virtual void joinPartials(const kernels::JoinPartialsArgs& args) = 0;

  /// True once if an appendKv since the last call met a value it could not store.
  [[nodiscard]] virtual bool takeFault() = 0;
};

}  // namespace bookwheel
