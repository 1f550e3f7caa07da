// SPDX-License-Identifier: Apache-2.0
// LoadedModel: a model's weights as a backend holds them.
#pragma once

#include "engine/backend/backend.h"
#include "engine/model/shape.h"
#include "engine/model/weights.h"
#include "kernels/args.h"

#include <functional>
#include <vector>

namespace bookwheel {

/// Symbols as in engine/model/shape.h: E embedding, F feedForward, H heads, Hkv kvHeads, d headDim.
struct LoadedLayer {
  const float* attentionNorm;    // (E)
  kernels::PackedMatrix q;       // (H d, E)
  kernels::PackedMatrix k;       // (Hkv d, E)
  kernels::PackedMatrix v;       // (Hkv d, E)
  const float* qBias;            // (H d) or null
  const float* kBias;            // (Hkv d) or null
  const float* vBias;            // (Hkv d) or null
  kernels::PackedMatrix output;  // (E, H d)
  const float* ffnNorm;          // (E)
  kernels::PackedMatrix gate;    // (F, E)
  kernels::PackedMatrix up;      // (F, E)
  kernels::PackedMatrix down;    // (E, F)
};

/// Pointers are the backend's memory and live as long as it.
struct LoadedModel {
  ModelShape shape;
  kernels::PackedMatrix embedding;  // (vocabulary, E)
  std::vector<LoadedLayer> layers;  // (L)
  const float* outputNorm;          // (E)
  kernels::PackedMatrix output;     // (vocabulary, E); the embedding if tied
  std::vector<float> ropeFactors;   // (ropeDims / 2) or empty; host memory
};

/// Copies all weights to the backend, tensor by tensor through small reads, so that the file's
/// pages never count beside the packed weights. `progress` gets the share that is done. Throws
/// Error(FileIo) if the file is cut meanwhile, Error(DoesNotFit) without memory,
/// Error(BadModelFile) for a rope factor that is no positive number. The file is not needed
/// afterwards.
LoadedModel loadModel(const Gguf& file, const ModelShape& shape, Backend& backend,
                      const std::function<void(double share)>& progress);

}  // namespace bookwheel
