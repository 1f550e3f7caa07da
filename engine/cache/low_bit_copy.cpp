// SPDX-License-Identifier: Apache-2.0
// LowBitCopy: the 1, 2 or 4 bit copy of a sequence's KV, in the backend's memory.
#include "engine/cache/low_bit_copy.h"

#include "engine/error.h"
#include "kernels/cpu_lowbit.h"

#include <algorithm>
#include <string>

namespace bookwheel {

namespace {

kernels::LowBitFormat checkedFormat(const CacheOptions& options, int headDim) {
  checkCacheOptions(options);
  const kernels::LowBitFormat format = lowBitFormat(options, headDim);
  if (!kernels::isLowBitFormat(format)) {
    throw Error(ErrorCode::UnsupportedModel,
                "A low-bit copy needs heads of a multiple of 32 numbers; this model's have " +
                    std::to_string(headDim) + ", so it can only be used with the exact cache.");
  }
  return format;
}

}  // namespace

kernels::LowBitFormat lowBitFormat(const CacheOptions& options, int headDim) {
  return {options.keyBits, options.valueBits, options.group,
          options.metadata == QuantizerMetadata::Bits8 ? kernels::LowBitMetadata::Bits8
                                                       : kernels::LowBitMetadata::Bits16,
          headDim};
}

LowBitCopy::LowBitCopy(Backend& backend, const KvShape& shape, const CacheOptions& options,
                       std::int64_t maxTokens)
    : m_backend(backend),
      m_shape(shape),
      m_options(options),
      m_format(checkedFormat(options, shape.headDim)),
      m_maxBlocks(blocksFor(options, maxTokens)),
      m_keyHeadStride(m_maxBlocks * kernels::lowBitKeyBlockBytes(m_format)),
      m_valueHeadStride(m_maxBlocks * kernels::lowBitValueBlockBytes(m_format)) {
  const std::int64_t heads = std::int64_t{shape.layers} * shape.kvHeads;
  m_keys = backend.allocate(static_cast<std::size_t>(heads * m_keyHeadStride));
  m_values = backend.allocate(static_cast<std::size_t>(heads * m_valueHeadStride));
}

void LowBitCopy::requireForm(const CacheOptions& options, int headDim) {
  static_cast<void>(checkedFormat(options, headDim));
}

std::int64_t LowBitCopy::blocksFor(const CacheOptions& options, std::int64_t tokens) {
  return std::max<std::int64_t>(tokens - options.residualTokens, 0) / kernels::kLowBitBlock;
}

std::int64_t LowBitCopy::bytesFor(const KvShape& shape, const CacheOptions& options,
                                  std::int64_t blocks) {
  const kernels::LowBitFormat format = lowBitFormat(options, shape.headDim);
  return blocks * shape.layers * shape.kvHeads *
         (kernels::lowBitKeyBlockBytes(format) + kernels::lowBitValueBlockBytes(format));
}

std::int64_t LowBitCopy::metadataBytesFor(const KvShape& shape, const CacheOptions& options,
                                          std::int64_t blocks) {
  constexpr std::int64_t kBitsOfByte = 8;
  const std::int64_t codes = blocks * kernels::kLowBitBlock * shape.layers * shape.kvHeads *
                             shape.headDim * (options.keyBits + options.valueBits) / kBitsOfByte;
  return bytesFor(shape, options, blocks) - codes;
}

std::int64_t LowBitCopy::allocatedBytes() const {
  return static_cast<std::int64_t>(m_keys.bytes() + m_values.bytes());
}

void LowBitCopy::follow(KvStore& source) { follow(source, {}); }

bool LowBitCopy::follow(KvStore& source, const std::function<bool(int layersDone)>& goOn) {
  const std::int64_t blocks = blocksFor(m_options, source.tokens());
  BOOKWHEEL_ASSERT(blocks <= m_maxBlocks);
  if (blocks > m_blocks) {
    const std::int64_t first = m_blocks * kernels::kLowBitBlock;
    const bool newest = first >= source.firstNewest();
    for (int index = 0; index < m_shape.layers; ++index) {
      kernels::KvRows rows = newest ? source.newestRows(index) : source.openLayer(index);
      rows.data += (first - (newest ? source.firstNewest() : 0)) * rows.tokenStride;
      m_backend.quantizeKv({rows, layer(index), m_blocks, blocks - m_blocks});
      if (goOn && !goOn(index + 1)) {
        source.closeLayers();
        return false;
      }
    }
    if (!newest) {
      source.closeLayers();
    }
  }
  m_blocks = blocks;
  return true;
}

void LowBitCopy::truncate(std::int64_t tokens) {
  m_blocks = std::min(m_blocks, tokens / kernels::kLowBitBlock);
}

kernels::LowBitKv LowBitCopy::layer(int layer) const {
  return {m_format,
          static_cast<std::byte*>(m_keys.data()) +
              std::int64_t{layer} * m_shape.kvHeads * m_keyHeadStride,
          static_cast<std::byte*>(m_values.data()) +
              std::int64_t{layer} * m_shape.kvHeads * m_valueHeadStride,
          m_keyHeadStride,
          m_valueHeadStride,
          m_shape.kvHeads};
}

}  // namespace bookwheel
