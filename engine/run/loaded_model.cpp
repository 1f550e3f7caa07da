// SPDX-License-Identifier: Apache-2.0
// LoadedModel: a model's weights as a backend holds them.
#include "engine/run/loaded_model.h"

#include "kernels/cpu.h"

#include <cmath>

namespace bookwheel {

namespace {

/// Loads one tensor after the other and says how far it is.
class Loader {
 public:
  Loader(const Gguf& file, Backend& backend, double totalBytes,
         const std::function<void(double)>& progress)
      : m_file(file), m_backend(backend), m_totalBytes(totalBytes), m_progress(progress) {}

  kernels::PackedMatrix matrix(const TensorView& tensor) {
    const kernels::PackedMatrix loaded =
        m_backend.loadMatrix(tensor.type, tensor.rows, tensor.columns,
                             [&](std::uint64_t offset, std::span<std::byte> out) {
                               m_file.read(tensor.fileOffset + offset, out);
                             });
    report(tensor);
    return loaded;
  }

  const float* vector(const TensorView& tensor) {
    const float* loaded = m_backend.loadVector(tensor.type, tensor.columns * tensor.rows,
                                               [&](std::uint64_t offset, std::span<std::byte> out) {
                                                 m_file.read(tensor.fileOffset + offset, out);
                                               });
    report(tensor);
    return loaded;
  }

  const float* vector(const std::optional<TensorView>& tensor) {
    return tensor ? vector(*tensor) : nullptr;
  }

 private:
  void report(const TensorView& tensor) {
    m_doneBytes += static_cast<double>(tensor.bytes.size());
    if (m_progress) {
      m_progress(m_doneBytes / m_totalBytes);
    }
  }

  const Gguf& m_file;
  Backend& m_backend;
  double m_totalBytes;
  double m_doneBytes = 0;
  const std::function<void(double)>& m_progress;
};

std::vector<float> ropeFactors(const Gguf& file, const TensorView& tensor) {
  std::vector<std::byte> bytes(tensor.bytes.size());
  file.read(tensor.fileOffset, bytes);
  std::vector<float> factors(static_cast<std::size_t>(tensor.rows * tensor.columns));
  kernels::decodeWeights(tensor.type, bytes.data(), tensor.rows * tensor.columns, factors.data());
  for (const float factor : factors) {
    if (!std::isfinite(factor) || factor <= 0) {
      file.refuse("its tensor " + std::string(tensor.name) +
                  " has a factor that is no positive number");
    }
  }
  return factors;
}

}  // namespace

LoadedModel loadModel(const Gguf& file, const ModelShape& shape, Backend& backend,
                      const std::function<void(double share)>& progress) {
  const Weights weights = bindWeights(file, shape);
  Loader loader(file, backend, static_cast<double>(weightBytes(weights)), progress);

  LoadedModel model;
  model.shape = shape;
  model.embedding = loader.matrix(weights.tokenEmbedding);
  model.layers.reserve(weights.layers.size());
  for (const LayerWeights& layer : weights.layers) {
    LoadedLayer loaded;
    loaded.attentionNorm = loader.vector(layer.attentionNorm);
    loaded.q = loader.matrix(layer.q);
    loaded.k = loader.matrix(layer.k);
    loaded.v = loader.matrix(layer.v);
    loaded.qBias = loader.vector(layer.qBias);
    loaded.kBias = loader.vector(layer.kBias);
    loaded.vBias = loader.vector(layer.vBias);
    loaded.output = loader.matrix(layer.output);
    loaded.ffnNorm = loader.vector(layer.ffnNorm);
    loaded.gate = loader.matrix(layer.gate);
    loaded.up = loader.matrix(layer.up);
    loaded.down = loader.matrix(layer.down);
    model.layers.push_back(loaded);
  }
  model.outputNorm = loader.vector(weights.outputNorm);
  model.output = weights.tied ? model.embedding : loader.matrix(weights.output);
  if (weights.ropeFactors) {
    model.ropeFactors = ropeFactors(file, *weights.ropeFactors);
  }
  return model;
}

}  // namespace bookwheel
