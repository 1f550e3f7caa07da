// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/model_target.h"

#include "engine/error.h"
#include "engine/model/gguf.h"
#include "engine/model/printable.h"
#include "engine/model/shape.h"
#include "engine/model/tokenizer.h"
#include "engine/model/weights.h"

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bookwheel {
namespace {

void require(bool condition, const char* what) {
  if (!condition) {
    throw std::logic_error(what);
  }
}

bool isInside(std::span<const std::byte> part, std::span<const std::byte> whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

/// Reads the ends of every value and tensor, so that a view outside the file is a report of the
/// address sanitizer.
std::uint64_t touch(const Gguf& file, std::span<const std::byte> bytes) {
  std::uint64_t sum = 0;
  for (const GgufEntry& entry : file.entries()) {
    require(isInside(entry.value, bytes), "a metadata value lies outside the file");
    if (entry.type != GgufType::Array) {
      continue;
    }
    if (entry.elementType == GgufType::String) {
      const StringArray strings = *file.stringArray(entry.key);
      for (std::size_t i = 0; i < strings.size(); ++i) {
        sum += strings[i].empty() ? 0 : static_cast<unsigned char>(strings[i].back());
      }
    } else if (isInteger(entry.elementType) && entry.elements > 0) {
      sum += static_cast<std::uint64_t>((*file.integerArray(entry.key))[entry.elements - 1]);
    }
  }
  for (const GgufTensor& tensor : file.tensors()) {
    const std::span<const std::byte> data = file.data(tensor);
    require(isInside(data, bytes), "a tensor lies outside the file");
    require(data.size() == tensor.bytes, "a tensor has another size than its table says");
    sum += data.empty() ? 0 : static_cast<std::uint64_t>(data.back());
  }
  return sum;
}

void check(const TensorView& view) {
  require(static_cast<std::int64_t>(view.bytes.size()) ==
              view.rows * kernels::weightRowBytes(view.type, view.columns),
          "a weight view has another size than its shape");
}

void check(const Weights& weights, const ModelShape& shape) {
  require(weights.layers.size() == static_cast<std::size_t>(shape.layers), "wrong layer count");
  for (const LayerWeights& layer : weights.layers) {
    for (const TensorView* view :
         {&layer.attentionNorm, &layer.q, &layer.k, &layer.v, &layer.output, &layer.ffnNorm,
          &layer.gate, &layer.up, &layer.down}) {
      check(*view);
    }
  }
  check(weights.tokenEmbedding);
  check(weights.outputNorm);
  check(weights.output);
}

}  // namespace

Reached loadModel(std::span<const std::byte> bytes) {
  Reached reached = Reached::Nothing;
  try {
    const Gguf file = Gguf::parse(bytes, "fuzz");
    [[maybe_unused]] volatile const std::uint64_t sum = touch(file, bytes);
    reached = Reached::Header;
    const ModelShape shape = readShape(file);
    reached = Reached::Shape;
    check(bindWeights(file, shape), shape);
    reached = Reached::Weights;
  } catch (const Error& error) {
    require(isValidUtf8(error.what()), "a message is no UTF-8");
  }
  return reached;
}

bool loadTokenizer(std::span<const std::byte> bytes) {
  try {
    const Gguf file = Gguf::parse(bytes, "fuzz");
    const std::unique_ptr<Tokenizer> tokenizer = Tokenizer::create(file);
    const std::string text = "The wheel, <|im_start|> 1588\n\xF0\x9F\x93\x96 \xFF .";
    const Encoding encoding = tokenizer->encode(text);
    std::size_t end = 0;
    for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
      require(encoding.ids[i] >= 0 && encoding.ids[i] < tokenizer->vocabularySize(),
              "a token id is outside the vocabulary");
      require(encoding.ranges[i].begin == end && encoding.ranges[i].end >= end,
              "the byte ranges have a gap");
      end = encoding.ranges[i].end;
    }
    require(end == text.size(), "the byte ranges end early");
    (void)tokenizer->decode(encoding.ids);
    std::size_t sum = 0;
    for (TokenId id = 0; id < tokenizer->vocabularySize(); ++id) {
      sum += tokenizer->bytes(id).size() + (tokenizer->endsAnswer(id) ? 1 : 0);
    }
    [[maybe_unused]] volatile const std::size_t kept = sum;
    return true;
  } catch (const Error& error) {
    require(isValidUtf8(error.what()), "a message is no UTF-8");
    return false;
  }
}

}  // namespace bookwheel
