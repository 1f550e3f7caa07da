// SPDX-License-Identifier: Apache-2.0
// A tiny model whose greedy answers cannot end by themselves, for tests of what is stopped.
#pragma once

#include "engine/model/gguf.h"
#include "engine/model/tokenizer.h"
#include "tests/support/tiny_model.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace bookwheel {

/// tinyModel(), but the output rows of the tokens that end an answer are zero: the best of some
/// hundred random logits is above zero, so at temperature 0 an answer goes on until it is stopped
/// or the context is full.
inline GgufDraft endlessModel(const TinyModelOptions& options) {
  GgufDraft draft = tinyModel(options);
  const std::vector<std::byte> bytes = draft.bytes();
  const Gguf file = Gguf::parse(bytes);
  const auto tokenizer = Tokenizer::create(file);
  std::vector<std::byte>& rows = draft.tensorNamed("output.weight").data;
  const std::size_t rowBytes = rows.size() / static_cast<std::size_t>(tokenizer->vocabularySize());
  for (TokenId id = 0; id < tokenizer->vocabularySize(); ++id) {
    if (tokenizer->endsAnswer(id)) {
      const auto row = rows.begin() + static_cast<std::ptrdiff_t>(rowBytes) * id;
      std::fill(row, row + static_cast<std::ptrdiff_t>(rowBytes), std::byte{0});
    }
  }
  return draft;
}

}  // namespace bookwheel
