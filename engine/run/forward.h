// SPDX-License-Identifier: Apache-2.0
// Forward: tokens through all layers, as straight code over Backend; knows nothing of caches.
#pragma once

#include "engine/backend/backend.h"
#include "engine/model/prompt.h"
#include "engine/run/loaded_model.h"
#include "engine/run/rope_tables.h"

#include <cstdint>
#include <span>
#include <vector>

namespace bookwheel {

/// What the attention of one layer gets: T rows at positions first .. first + T - 1. Backend
/// memory.
struct LayerRows {
  int layer;
  std::int64_t first;
  std::int64_t rows;        // T
  std::int64_t firstQuery;  // rows before have keys and values only; T: none has a query
  const float* queries;     // (T, H d) after RoPE
  const float* keys;        // (T, Hkv d) after RoPE
  const float* values;      // (T, Hkv d)
  float* out;               // (T, H d): to be written for rows firstQuery ..
};

/// Appends keys and values to a cache and attends. False gives up the whole pass.
using AttendLayer = FunctionRef<bool(const LayerRows&)>;

/// The transformer of the `llama` and `qwen2` architectures. Owns the activations of one chunk.
/// Engine thread.
class Forward {
 public:
  /// Chunks have at most maxRows rows. `model` and `backend` must outlive the object. Also reserves
  /// the backend's scratch memory for maxRows rows and maxTokens tokens in the cache.
  Forward(Backend& backend, const LoadedModel& model, std::int64_t maxRows, std::int64_t maxTokens);

  /// Runs `ids` (checked by the caller) at positions first, first + 1, ... through all layers. Only
  /// the last `outputs` rows are carried through the last layer to its end: logits() may be asked
  /// for these. False if `attend` gave up; the activations are then garbage.
  bool run(std::span<const TokenId> ids, std::int64_t first, std::int64_t outputs,
           AttendLayer attend);

  /// Writes the logits (rows, vocabulary) of rows firstRow .. of the last run to backend memory.
  void logits(std::int64_t firstRow, std::int64_t rows, float* out);
  /// The logits (vocabulary) of the last row of the last run; valid until the next call.
  std::span<const float> lastLogits();

  std::int64_t maxRows() const { return m_maxRows; }

 private:
  float* part(std::int64_t floats);

  Backend& m_backend;
  const LoadedModel& m_model;
  const std::int64_t m_maxRows;
  RopeTables m_ropeTables;
  std::vector<float> m_hostCosines;  // (maxRows, ropeDims / 2)
  std::vector<float> m_hostSines;
  std::int64_t m_rows = 0;  // of the last run

  // Parts of m_memory, each (maxRows, columns).
  Buffer m_memory;
  std::size_t m_used = 0;  // floats
  float* m_x;              // E: the residual stream
  float* m_normed;         // E
  float* m_queries;        // H d
  float* m_keys;           // Hkv d
  float* m_values;         // Hkv d
  float* m_attended;       // H d
  float* m_gate;           // F
  float* m_up;             // F
  float* m_cosines;        // ropeDims / 2
  float* m_sines;          // ropeDims / 2
  float* m_logits;         // (1, vocabulary)
};

}  // namespace bookwheel
