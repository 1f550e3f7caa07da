// SPDX-License-Identifier: Apache-2.0
// Decode: one token in, the logits of the next one out.
#pragma once

#include "engine/backend/backend.h"
#include "engine/cache/kv_store.h"
#include "engine/model/prompt.h"
#include "engine/run/forward.h"
#include "engine/run/stats.h"

#include <span>

namespace bookwheel {

/// The decode loop's step over the exact cache. Allocates nothing. Engine thread.
class Decode {
 public:
  /// All references must outlive the object.
  Decode(Backend& backend, Forward& forward, KvStore& cache, const ModelShape& shape);

  /// Appends `token` to the cache, which must have room for it, and returns the logits (vocabulary)
  /// after it, valid until the next call. Throws Error(NumericFault) if a number is not finite,
  /// Error(DoesNotFit) without memory; the cache is then as before.
  std::span<const float> step(TokenId token);
  /// The logits after what Prefill has just read with Logits::OfLastToken. The same errors.
  std::span<const float> logitsAfterPrefill();
  /// Of the last step.
  const StepTimes& times() const { return m_times; }

 private:
  Backend& m_backend;
  Forward& m_forward;
  KvStore& m_cache;
  const ModelShape& m_shape;
  StepTimes m_times;
};

/// False if a number is NaN or infinite.
bool allFinite(std::span<const float> numbers);

}  // namespace bookwheel
