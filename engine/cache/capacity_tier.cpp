// SPDX-License-Identifier: Apache-2.0
// CapacityTier: all KV of one sequence in 16 bits, in RAM.
#include "engine/cache/capacity_tier.h"

#include "engine/error.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace bookwheel {

namespace {

constexpr std::int64_t kRowAlignment = 128;  // bytes; a fetch over a bus moves whole lines
// Backing grows by this many bytes of each (layer, head): few system calls while tokens come one by
// one.
constexpr std::int64_t kGrowthBytes = 256 << 10;
// Truncating by less than this keeps the memory: the next answer needs it again.
constexpr std::int64_t kWorthReturning = 64 << 10;

std::int64_t roundUp(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

std::int64_t pageBytes() {
  static const std::int64_t bytes = sysconf(_SC_PAGESIZE);
  return bytes;
}

std::int64_t rowBytes(int headDim) {
  return roundUp(std::int64_t{headDim} * 2 * static_cast<std::int64_t>(sizeof(std::uint16_t)),
                 kRowAlignment);
}

std::string megabytes(std::int64_t bytes) { return std::to_string((bytes >> 20) + 1) + " MB"; }

}  // namespace

CapacityTier::CapacityTier(const KvShape& shape, std::int64_t maxTokens)
    : m_shape(shape), m_maxTokens(maxTokens) {
  BOOKWHEEL_ASSERT(shape.layers > 0 && shape.kvHeads > 0 && shape.headDim > 0 && maxTokens > 0);
  m_headStride = roundUp(headBytes(maxTokens), pageBytes());
  const std::int64_t bytes = m_headStride * shape.layers * shape.kvHeads;
  // Address space only: nothing is counted against the system's memory until it is made writable.
  void* base = mmap(nullptr, static_cast<std::size_t>(bytes), PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, /*fd=*/-1, 0);
  if (base == MAP_FAILED) {
    throw Error(ErrorCode::DoesNotFit,
                "The cache for " + std::to_string(maxTokens) + " tokens needs " + megabytes(bytes) +
                    " of address space, which the system does not give; choose a smaller context.");
  }
  m_base = static_cast<std::byte*>(base);
#ifdef MADV_NOHUGEPAGE
  // Resident memory is to follow the tokens; with huge pages each head would round up to 2 MB.
  madvise(base, static_cast<std::size_t>(bytes), MADV_NOHUGEPAGE);
#endif
}

CapacityTier::~CapacityTier() {
  munmap(m_base, static_cast<std::size_t>(m_headStride * m_shape.layers * m_shape.kvHeads));
}

std::int64_t CapacityTier::headBytes(std::int64_t tokens) const {
  return tokens * rowBytes(m_shape.headDim);
}

std::int64_t CapacityTier::bytesFor(const KvShape& shape, std::int64_t tokens) {
  return tokens * rowBytes(shape.headDim) * shape.layers * shape.kvHeads;
}

void CapacityTier::reserve(std::int64_t count) {
  BOOKWHEEL_ASSERT(count >= 0 && m_tokens + count <= m_maxTokens);
  const std::int64_t needed = headBytes(m_tokens + count);
  if (needed <= m_backed) {
    return;
  }
  const std::int64_t backed =
      std::min(roundUp(needed, roundUp(kGrowthBytes, pageBytes())), m_headStride);
  for (int head = 0; head < m_shape.layers * m_shape.kvHeads; ++head) {
    std::byte* const begin = m_base + head * m_headStride + m_backed;
    if (mprotect(begin, static_cast<std::size_t>(backed - m_backed), PROT_READ | PROT_WRITE) != 0) {
      // Heads before this one are writable further than m_backed says, which harms nothing.
      throw Error(ErrorCode::DoesNotFit,
                  "The cache holds " + std::to_string(m_tokens) + " tokens in " +
                      megabytes(bytes()) + " and the system gives no memory for " +
                      std::to_string(count) +
                      " more; close other programs or choose a shorter document.");
    }
  }
  m_backed = backed;
}

void CapacityTier::commit(std::int64_t count) {
  BOOKWHEEL_ASSERT(count >= 0 && headBytes(m_tokens + count) <= m_backed);
  m_tokens += count;
}

void CapacityTier::truncate(std::int64_t tokens) {
  BOOKWHEEL_ASSERT(tokens >= 0 && tokens <= m_tokens);
  m_tokens = tokens;
  const std::int64_t kept = roundUp(headBytes(tokens), pageBytes());
  if (m_backed - kept < kWorthReturning) {
    return;
  }
  for (int head = 0; head < m_shape.layers * m_shape.kvHeads; ++head) {
    madvise(m_base + head * m_headStride + kept, static_cast<std::size_t>(m_backed - kept),
            MADV_DONTNEED);
  }
}

kernels::KvRows CapacityTier::rows(int layer) const {
  constexpr auto kElement = static_cast<std::int64_t>(sizeof(std::uint16_t));
  std::byte* const base = m_base + std::int64_t{layer} * m_shape.kvHeads * m_headStride;
  return {reinterpret_cast<std::uint16_t*>(base), m_headStride / kElement,
          rowBytes(m_shape.headDim) / kElement, m_shape.kvHeads, m_shape.headDim};
}

}  // namespace bookwheel
