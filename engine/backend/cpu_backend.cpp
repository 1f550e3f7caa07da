// SPDX-License-Identifier: Apache-2.0
// CpuBackend: the operations of kernels/cpu.h split over a thread pool.
#include "engine/backend/cpu_backend.h"

#include "engine/error.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>

namespace bookwheel {

namespace {

// Below this many elements an element-wise operation is done sooner by the calling thread than by
// waking or even only meeting the others (about a microsecond of work).
constexpr std::int64_t kInlineElements = 16384;
// Slices of a matrix claimed by each worker: enough that one slow worker does not hold up the rest.
constexpr std::int64_t kSlicesPerWorker = 8;
// Tiles of one slice when many rows share them: their output (rows x 16 floats a tile) stays in
// cache.
constexpr std::int64_t kMostTilesOfBatch = 8;
constexpr std::int64_t kMostTilesOfRow = 64;
// attentionDecode takes at most this many rows at once (kernels/args.h).
constexpr std::int64_t kDecodeRows = 8;
// Bytes of the model file a worker reads at once while loading.
constexpr std::int64_t kBandBytes = 2 << 20;
constexpr std::int64_t kFloatBytes = sizeof(float);
// Columns that share a scale when activations are rounded (kernels/args.h, QuantizedRows).
constexpr std::int64_t kActivationBlock = 32;

std::int64_t roundUp(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

std::size_t asSize(std::int64_t value) { return static_cast<std::size_t>(value); }

std::string megabytes(std::size_t bytes) { return std::to_string((bytes >> 20) + 1) + " MB"; }

/// What the kernel calls the first processor; "" if it does not say.
std::string processorName() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    constexpr std::string_view kKey = "model name";
    const std::size_t colon = line.find(": ");
    if (line.starts_with(kKey) && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return {};
}

}  // namespace

CpuBackend::CpuBackend(int threads, ActivationRounding rounding)
    : m_rounding(rounding), m_pool(threads) {}

CpuBackend::~CpuBackend() = default;

BackendInfo CpuBackend::info() const {
  return {"CPU", processorName(), m_pool.workers(), kernels::name(kernels::instructionSet())};
}

// Anonymous mappings: zeroed, page-aligned, resident only where touched, and given back to the
// system at once when freed.
Buffer CpuBackend::allocate(std::size_t bytes) {
  const std::size_t size = std::max<std::size_t>(bytes, 1);
  void* data =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, /*fd=*/-1, 0);
  if (data == MAP_FAILED) {
    throw Error(ErrorCode::DoesNotFit, "The system has no " + megabytes(size) +
                                           " of memory left; close other programs or choose a "
                                           "smaller model.");
  }
  m_allocatedBytes += static_cast<std::int64_t>(bytes);
  return Buffer(data, bytes, [this, size, bytes](void* memory) {
    munmap(memory, size);
    m_allocatedBytes -= static_cast<std::int64_t>(bytes);
  });
}

namespace {

/// Bytes of each part of the scratch memory.
struct ScratchSizes {
  std::int64_t codes;
  std::int64_t scales;
  std::int64_t sums;
  std::int64_t partials;
  std::int64_t scratch;  // of one worker

  explicit ScratchSizes(const WorkspaceLimits& limits) {
    const std::int64_t elements = limits.rows * roundUp(limits.columns, kActivationBlock);
    codes = elements;
    scales = elements / kActivationBlock * kFloatBytes;
    sums = elements / 16 * static_cast<std::int64_t>(sizeof(std::int16_t));
    partials = kFloatBytes * kernels::attentionPartialFloats(limits.heads, limits.headDim,
                                                             kDecodeRows, limits.tokens);
    scratch =
        roundUp(kernels::attentionScratchBytes(limits.heads, limits.kvHeads, limits.headDim), 128);
  }
};

/// Where the whole matrix would begin if `part`, which starts at its byte `offset`, lay in it. The
/// kernel only reads the tiles of its slice, so no byte before `part` is touched; integers, because
/// a pointer may not leave its array.
const std::byte* beginOfWhole(const std::byte* part, std::int64_t offset) {
  return reinterpret_cast<const std::byte*>(reinterpret_cast<std::uintptr_t>(part) -
                                            static_cast<std::uintptr_t>(offset));
}

}  // namespace

void CpuBackend::reserve(const WorkspaceLimits& limits) {
  const ScratchSizes sizes(limits);
  m_codes = allocate(asSize(sizes.codes));
  m_scales = allocate(asSize(sizes.scales));
  m_sums = allocate(asSize(sizes.sums));
  m_partials = allocate(asSize(sizes.partials));
  m_scratchBytes = sizes.scratch;
  m_scratch = allocate(asSize(sizes.scratch * m_pool.workers()));
  m_limits = limits;
}

std::int64_t CpuBackend::reservedBytes(const WorkspaceLimits& limits, int threads) {
  const ScratchSizes sizes(limits);
  return sizes.codes + sizes.scales + sizes.sums + sizes.partials + sizes.scratch * threads;
}

kernels::PackedMatrix CpuBackend::loadMatrix(kernels::WeightType type, std::int64_t rows,
                                             std::int64_t columns, ReadBytes read) {
  const std::int64_t bytes = kernels::packedBytes(type, rows, columns);
  if (bytes <= 0 || columns % kActivationBlock != 0) {
    throw Error(ErrorCode::UnsupportedModel,
                std::string("The model has a ") + kernels::weightBlock(type).name +
                    " matrix with rows of " + std::to_string(columns) +
                    " weights; only multiples of 32 and of the format's block are supported.");
  }
  Buffer packed = allocate(asSize(bytes));
  std::byte* const data = static_cast<std::byte*>(packed.data());

  // Each worker reads a band of whole tiles and packs it.
  const kernels::PackArgs whole{type, rows, columns, nullptr, data};
  const std::int64_t rowBytes = kernels::weightRowBytes(type, columns);
  const std::int64_t tilesOfBand =
      std::max<std::int64_t>(1, kBandBytes / (rowBytes * kernels::kPackedRows));
  std::mutex mutex;
  std::exception_ptr failure;  // guarded by mutex
  m_pool.run(kernels::packUnits(whole), tilesOfBand, [&](kernels::Slice slice, int) {
    try {
      // A slice is longer than a band where the calling thread works alone.
      for (std::int64_t tile = slice.begin; tile < slice.end; tile += tilesOfBand) {
        const kernels::Slice band{tile, std::min(tile + tilesOfBand, slice.end)};
        const std::int64_t firstByte = band.begin * kernels::kPackedRows * rowBytes;
        const std::int64_t endByte = std::min(band.end * kernels::kPackedRows, rows) * rowBytes;
        std::vector<std::byte> bandBytes(asSize(endByte - firstByte));
        read(static_cast<std::uint64_t>(firstByte), bandBytes);
        kernels::PackArgs args = whole;
        args.source = beginOfWhole(bandBytes.data(), firstByte);
        kernels::pack(args, band);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  });
  if (failure) {
    std::rethrow_exception(failure);
  }
  m_weightsBytes += bytes;
  m_allocatedBytes -= bytes;  // counted as weights from here on
  m_weights.push_back(std::move(packed));
  return {type, rows, columns, data};
}

const float* CpuBackend::loadVector(kernels::WeightType type, std::int64_t elements,
                                    ReadBytes read) {
  std::vector<std::byte> source(asSize(kernels::weightRowBytes(type, elements)));
  read(0, source);
  const std::int64_t bytes = elements * kFloatBytes;
  Buffer vector = allocate(asSize(bytes));
  kernels::decodeWeights(type, source.data(), elements, vector.floats());
  m_weightsBytes += bytes;
  m_allocatedBytes -= bytes;
  m_weights.push_back(std::move(vector));
  return m_weights.back().floats();
}

void CpuBackend::toDevice(std::span<const float> host, float* device) {
  std::memcpy(device, host.data(), host.size_bytes());
}

std::span<const float> CpuBackend::toHost(const float* device, std::size_t elements) {
  return {device, elements};
}

std::int64_t CpuBackend::workspaceBytes() const { return m_allocatedBytes; }

void CpuBackend::runRows(std::int64_t rows, std::int64_t elementsPerRow, ThreadPool::Work work) {
  if (rows * elementsPerRow <= kInlineElements) {
    work(kernels::Slice{0, rows}, 0);
    return;
  }
  m_pool.run(rows, std::max<std::int64_t>(1, kInlineElements / 4 / elementsPerRow), work);
}

std::int64_t CpuBackend::tileGrain(std::int64_t tiles, std::int64_t rows) const {
  const std::int64_t fair = tiles / (m_pool.workers() * kSlicesPerWorker);
  return std::clamp<std::int64_t>(fair, 1, rows > 1 ? kMostTilesOfBatch : kMostTilesOfRow);
}

void CpuBackend::embed(const kernels::PackedMatrix& table, std::span<const std::int32_t> ids,
                       float* out) {
  runRows(static_cast<std::int64_t>(ids.size()), table.columns, [&](kernels::Slice rows, int) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      kernels::unpackRow({table, ids[asSize(row)], out + row * table.columns});
    }
  });
}

void CpuBackend::rmsNorm(const kernels::RmsNormArgs& args, std::int64_t rows) {
  runRows(rows, args.columns, [&](kernels::Slice slice, int) { kernels::rmsNorm(args, slice); });
}

void CpuBackend::prepareInput(const Rows& x) {
  BOOKWHEEL_ASSERT(x.rows <= m_limits.rows && x.columns <= m_limits.columns);
  if (m_rounding == ActivationRounding::None) {
    return;
  }
  m_input = {x.rows, x.columns, static_cast<std::int8_t*>(m_codes.data()), m_scales.floats(),
             static_cast<std::int16_t*>(m_sums.data())};
  const kernels::QuantizeRowsArgs args{x.data, x.stride, m_input};
  runRows(x.rows, x.columns,
          [&](kernels::Slice slice, int) { kernels::quantizeRows(args, slice); });
}

void CpuBackend::multiply(const Rows& x, const Projection& product, kernels::Slice tiles) {
  if (m_rounding == ActivationRounding::None) {
    kernels::matmulFloat({product.weights, x.data, x.rows, x.stride, product.bias, product.y,
                          product.stride, product.accumulate},
                         tiles);
  } else {
    kernels::matmul(
        {product.weights, m_input, product.bias, product.y, product.stride, product.accumulate},
        tiles);
  }
}

void CpuBackend::project(const Rows& x, std::span<const Projection> products) {
  prepareInput(x);
  std::int64_t tiles = 0;
  for (const Projection& product : products) {
    tiles += kernels::matmulUnits(product.weights);
  }
  m_pool.run(tiles, tileGrain(tiles, x.rows), [&](kernels::Slice slice, int) {
    std::int64_t first = 0;  // of this product's tiles in the common count
    for (const Projection& product : products) {
      const std::int64_t end = first + kernels::matmulUnits(product.weights);
      const kernels::Slice own{std::max(slice.begin, first) - first,
                               std::min(slice.end, end) - first};
      if (own.begin < own.end) {
        multiply(x, product, own);
      }
      first = end;
    }
  });
}

void CpuBackend::projectGated(const Rows& x, const kernels::PackedMatrix& gateWeights,
                              const kernels::PackedMatrix& upWeights, float* out, float* up) {
  prepareInput(x);
  const std::int64_t columns = gateWeights.rows;
  const Projection gateProduct{gateWeights, nullptr, out, columns, false};
  const Projection upProduct{upWeights, nullptr, up, columns, false};
  const std::int64_t tiles = kernels::matmulUnits(gateWeights);
  m_pool.run(tiles, tileGrain(tiles, x.rows), [&](kernels::Slice slice, int) {
    multiply(x, gateProduct, slice);
    multiply(x, upProduct, slice);
    const std::int64_t begin = slice.begin * kernels::kPackedRows;
    const std::int64_t end = std::min(slice.end * kernels::kPackedRows, columns);
    kernels::swiglu({out + begin, up + begin, out + begin, end - begin, columns, columns},
                    {0, x.rows});
  });
}

void CpuBackend::rope(const kernels::RopeArgs& args, std::int64_t rows) {
  runRows(rows, std::int64_t{args.heads} * args.headDim,
          [&](kernels::Slice slice, int) { kernels::rope(args, slice); });
}

void CpuBackend::appendKv(const kernels::AppendKvArgs& args, std::int64_t rows) {
  runRows(rows, std::int64_t{args.kv.kvHeads} * args.kv.headDim * 2,
          [&](kernels::Slice slice, int) {
            if (!kernels::appendKv(args, slice)) {
              m_fault.store(true, std::memory_order_relaxed);
            }
          });
}

void CpuBackend::attend(const kernels::AttentionArgs& all) {
  const std::int64_t tokens = all.first + all.rows;
  BOOKWHEEL_ASSERT(tokens <= m_limits.tokens);
  kernels::AttentionArgs args = all;
  args.partials = m_partials.floats();
  std::byte* const scratch = static_cast<std::byte*>(m_scratch.data());

  // A question of a few dozen rows over a long book has fewer prefill tiles than a big machine has
  // workers; then the split over tokens is better although it reads the cache once every 8 rows.
  const std::int64_t tiles = kernels::attentionPrefillUnits(args);
  const bool splitTokens =
      all.rows <= kDecodeRows || (2 * tiles <= m_pool.workers() && tokens > 8 * kernels::kKvChunk);
  if (!splitTokens) {
    m_pool.run(tiles, 1, [&](kernels::Slice slice, int worker) {
      kernels::AttentionArgs own = args;
      own.scratch = scratch + worker * m_scratchBytes;
      kernels::attentionPrefill(own, slice);
    });
    return;
  }
  for (std::int64_t row = 0; row < all.rows; row += kDecodeRows) {
    args.queries = all.queries + row * all.queryStride;
    args.out = all.out + row * all.outStride;
    args.rows = std::min(kDecodeRows, all.rows - row);
    args.first = all.first + row;
    const std::int64_t units = kernels::attentionDecodeUnits(args);
    m_pool.run(units, 1, [&](kernels::Slice slice, int worker) {
      kernels::AttentionArgs own = args;
      own.scratch = scratch + worker * m_scratchBytes;
      kernels::attentionDecode(own, slice);
    });
    const std::int64_t chunks = units / args.kv.kvHeads;
    runRows(args.rows * args.heads, chunks * args.kv.headDim,
            [&](kernels::Slice slice, int) { kernels::attentionCombine(args, slice); });
  }
}

bool CpuBackend::takeFault() { return m_fault.exchange(false, std::memory_order_relaxed); }

}  // namespace bookwheel
