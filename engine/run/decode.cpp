// SPDX-License-Identifier: Apache-2.0
// Decode: one token in, the logits of the next one out.
#include "engine/run/decode.h"

#include "engine/run/exact_attention.h"
#include "engine/run/prefill.h"
#include "engine/run/step_clock.h"

#include <bit>
#include <cstdint>

namespace bookwheel {

bool allFinite(std::span<const float> numbers) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  std::uint32_t bad = 0;  // no branch inside, so that the loop becomes vector code
  for (const float number : numbers) {
    bad |= (std::bit_cast<std::uint32_t>(number) & kExponent) == kExponent ? 1u : 0u;
  }
  return bad == 0;
}

Decode::Decode(Backend& backend, Forward& forward, KvStore& cache, const ModelShape& shape)
    : m_backend(backend), m_forward(forward), m_cache(cache), m_shape(shape) {}

std::span<const float> Decode::step(TokenId token) {
  m_cache.reserve(1);
  StepClock clock(m_times);
  m_forward.run({&token, 1}, m_cache.tokens(), 1, [&](const LayerRows& rows) {
    clock.attending([&] { attendExactly(m_backend, m_cache, m_shape, rows); });
    return true;
  });
  if (m_backend.takeFault()) {
    throwNumericFault(m_cache.tokens(), m_shape);
  }
  const std::span<const float> logits = m_forward.lastLogits();
  clock.end();
  if (!allFinite(logits)) {
    throwNumericFault(m_cache.tokens(), m_shape);
  }
  m_cache.commit(1);
  return logits;
}

std::span<const float> Decode::logitsAfterPrefill() {
  const std::span<const float> logits = m_forward.lastLogits();
  if (!allFinite(logits)) {
    throwNumericFault(m_cache.tokens() - 1, m_shape);
  }
  return logits;
}

}  // namespace bookwheel
