// SPDX-License-Identifier: Apache-2.0
// FileTier: all KV of one sequence in 16 bits, in a file, with the first and newest tokens in
// memory.
#include "engine/cache/file_tier.h"

#include "engine/cache/capacity_tier.h"
#include "engine/error.h"
#include "kernels/lowbit_args.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace bookwheel {

namespace {

constexpr auto kElement = static_cast<std::int64_t>(sizeof(std::uint16_t));

std::int64_t rowElements(const KvShape& shape) {
  return CapacityTier::bytesFor({1, 1, shape.headDim}, 1) / kElement;
}

/// The first token that a low-bit copy of so many tokens does not have.
std::int64_t firstBehindCopy(std::int64_t tokens, std::int64_t residual) {
  return std::max<std::int64_t>(tokens - residual, 0) / kernels::kLowBitBlock *
         kernels::kLowBitBlock;
}

/// `count` rows of every head, overlapping or not.
void moveRows(const kernels::KvRows& from, const kernels::KvRows& to, std::int64_t count) {
  for (int head = 0; head < from.kvHeads; ++head) {
    std::memmove(to.data + head * to.headStride, from.data + head * from.headStride,
                 static_cast<std::size_t>(count * from.tokenStride * kElement));
  }
}

}  // namespace

FileTier::Rows::Rows(const KvShape& shape, int layers, std::int64_t tokens)
    : m_shape(shape),
      m_tokens(tokens),
      m_bytes(layers * shape.kvHeads * tokens * rowElements(shape) * kElement) {
  if (m_bytes == 0) {
    return;
  }
  void* data = mmap(nullptr, static_cast<std::size_t>(m_bytes), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, /*fd=*/-1, 0);
  if (data == MAP_FAILED) {
    throw Error(ErrorCode::DoesNotFit,
                "The system has no " + std::to_string((m_bytes >> 20) + 1) +
                    " MB of memory left for the newest tokens; close other programs.");
  }
  m_data = static_cast<std::uint16_t*>(data);
}

FileTier::Rows::~Rows() {
  if (m_data != nullptr) {
    munmap(m_data, static_cast<std::size_t>(m_bytes));
  }
}

void FileTier::Rows::swap(Rows& other) noexcept {
  std::swap(m_shape, other.m_shape);
  std::swap(m_tokens, other.m_tokens);
  std::swap(m_bytes, other.m_bytes);
  std::swap(m_data, other.m_data);
}

kernels::KvRows FileTier::Rows::rows(int layer, std::int64_t token) const {
  const std::int64_t row = rowElements(m_shape);
  return {m_data + (std::int64_t{layer} * m_shape.kvHeads * m_tokens + token) * row, m_tokens * row,
          row, m_shape.kvHeads, m_shape.headDim};
}

void FileTier::Rows::discard() {
  if (m_data != nullptr) {
    madvise(m_data, static_cast<std::size_t>(m_bytes), MADV_DONTNEED);
  }
}

FileTier::FileTier(const std::filesystem::path& folder, const KvShape& shape,
                   std::int64_t maxTokens, std::int64_t chunkTokens)
    : m_shape(shape),
      m_chunkTokens(chunkTokens),
      m_file(CapacityFile::temporary(folder, shape, maxTokens)),
      m_newest(shape, shape.layers, windowTokens(chunkTokens, 0)),
      m_layer(shape, 1, maxTokens) {}

FileTier::~FileTier() = default;

/// The newest tokens, less than a block that is not full, and what is being appended (a speculative
/// row at least).
std::int64_t FileTier::windowTokens(std::int64_t chunkTokens, std::int64_t residual) {
  return residual + kernels::kLowBitBlock + std::max<std::int64_t>(chunkTokens, 2);
}

std::int64_t FileTier::windowBytesFor(const KvShape& shape, std::int64_t chunkTokens,
                                      std::int64_t sinks, std::int64_t residual) {
  return CapacityTier::bytesFor(shape, sinks + windowTokens(chunkTokens, residual));
}

std::int64_t FileTier::layerBytesFor(const KvShape& shape, std::int64_t tokens) {
  return CapacityTier::bytesFor({1, shape.kvHeads, shape.headDim}, tokens);
}

std::int64_t FileTier::bytes() const { return CapacityTier::bytesFor(m_shape, m_tokens); }

std::int64_t FileTier::residentBytes() const { return m_first.bytes() + m_newest.bytes(); }

std::int64_t FileTier::mostReserved() const { return std::max<std::int64_t>(m_chunkTokens, 2); }

void FileTier::reserve(std::int64_t count) {
  BOOKWHEEL_ASSERT(count >= 0 && count <= mostReserved());
  BOOKWHEEL_ASSERT(m_tokens + count <= maxTokens());
  BOOKWHEEL_ASSERT(m_tokens - firstNewest() + count <= m_newest.tokens());
  // So that a full disk shows here, and not when the tokens settle.
  m_file->reserve(m_tokens + count - m_file->tokens());
  m_reserved = count;
}

void FileTier::commit(std::int64_t count) {
  BOOKWHEEL_ASSERT(count >= 0 && count <= m_reserved);
  m_tokens += count;
  m_reserved = 0;
}

kernels::KvRows FileTier::openLayer(int layer) {
  const kernels::KvRows rows = m_layer.rows(0, 0);
  const std::int64_t settled = firstNewest();
  m_file->readLayer(layer, 0, settled, rows);
  if (layer + 1 < m_shape.layers) {
    m_file->willNeed(layer + 1, 0, settled);
  }
  moveRows(m_newest.rows(layer, 0), m_layer.rows(0, settled), m_tokens - settled);
  return rows;
}

void FileTier::closeLayer(int layer) {
  moveRows(m_layer.rows(0, m_tokens), m_newest.rows(layer, m_tokens - firstNewest()), m_reserved);
}

void FileTier::closeLayers() { m_layer.discard(); }

kernels::KvRows FileTier::newestRows(int layer) { return m_newest.rows(layer, 0); }

kernels::KvRows FileTier::firstRows(int layer) { return m_first.rows(layer, 0); }

void FileTier::settle(std::int64_t token) {
  const std::int64_t first = firstNewest();
  const std::int64_t count = token - first;
  if (count <= 0) {
    return;
  }
  BOOKWHEEL_ASSERT(token <= m_tokens);
  m_file->reserve(count);  // what truncate() gave back, if the residual was larger then
  for (int layer = 0; layer < m_shape.layers; ++layer) {
    m_file->write(layer, first, m_newest.rows(layer, 0), count);
  }
  m_file->commit(count);
  for (int layer = 0; layer < m_shape.layers; ++layer) {
    if (first < m_sinks) {
      moveRows(m_newest.rows(layer, 0), m_first.rows(layer, first),
               std::min(count, m_sinks - first));
    }
    moveRows(m_newest.rows(layer, count), m_newest.rows(layer, 0), m_tokens - token);
  }
}

void FileTier::truncate(std::int64_t tokens) {
  BOOKWHEEL_ASSERT(tokens >= 0 && tokens <= m_tokens);
  m_reserved = 0;
  const std::int64_t settled = firstNewest();
  const std::int64_t first = firstBehindCopy(tokens, m_residual);
  if (first < settled) {
    // Back into memory what a copy of so many tokens does not have.
    const std::int64_t fromFile = std::min(tokens, settled) - first;
    for (int layer = 0; layer < m_shape.layers; ++layer) {
      moveRows(m_newest.rows(layer, 0), m_newest.rows(layer, settled - first),
               std::max<std::int64_t>(tokens - settled, 0));
      m_file->readLayer(layer, first, fromFile, m_newest.rows(layer, 0));
    }
    m_file->truncate(first);
  }
  m_tokens = tokens;
}

FileTier::Windows FileTier::readWindows(const CapacityFile& file, std::int64_t from,
                                        std::int64_t sinks, std::int64_t residual) const {
  Windows windows{Rows(m_shape, m_shape.layers, sinks),
                  Rows(m_shape, m_shape.layers, windowTokens(m_chunkTokens, residual))};
  for (int layer = 0; layer < m_shape.layers; ++layer) {
    if (sinks > 0) {
      file.readLayer(layer, 0, std::min(sinks, from), windows.first.rows(layer, 0));
    }
    file.readLayer(layer, from, file.tokens() - from, windows.newest.rows(layer, 0));
  }
  return windows;
}

void FileTier::keep(std::int64_t sinks, std::int64_t residual) {
  m_reserved = 0;
  // As a sequence of m_tokens tokens with this residual leaves them.
  const std::int64_t from = firstBehindCopy(m_tokens, residual);
  settle(from);
  const std::int64_t settled = firstNewest();
  Windows windows = readWindows(*m_file, from, sinks, residual);
  for (int layer = 0; layer < m_shape.layers; ++layer) {
    moveRows(m_newest.rows(layer, 0), windows.newest.rows(layer, settled - from),
             m_tokens - settled);
  }
  m_file->truncate(from);
  m_first = std::move(windows.first);
  m_newest = std::move(windows.newest);
  m_sinks = sinks;
  m_residual = residual;
}

void FileTier::exchangeFile(CapacityFile& other) {
  m_reserved = 0;
  const std::int64_t tokens = other.tokens();
  const std::int64_t from = firstBehindCopy(tokens, m_residual);
  Windows windows = readWindows(other, from, m_sinks, m_residual);
  m_file->swapFile(other);
  m_file->truncate(from);
  m_first = std::move(windows.first);
  m_newest = std::move(windows.newest);
  m_tokens = tokens;
}

void FileTier::writeNewest(std::int64_t token) {
  BOOKWHEEL_ASSERT(token <= m_tokens);
  const std::int64_t first = firstNewest();
  if (token > first) {
    m_file->reserve(token - first);
    for (int layer = 0; layer < m_shape.layers; ++layer) {
      m_file->write(layer, first, m_newest.rows(layer, 0), token - first);
    }
  }
}

}  // namespace bookwheel
