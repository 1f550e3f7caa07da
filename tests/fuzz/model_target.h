// SPDX-License-Identifier: Apache-2.0
// What the fuzzers feed: one hostile model file through everything that reads it.
#pragma once

#include <cstddef>
#include <span>

namespace bookwheel {

/// How far the bytes got before they were refused.
enum class Reached { Nothing, Header, Shape, Weights };

/// Gguf::parse, readShape and bindWeights, then one look at everything they give. An Error is the
/// right answer to a bad file; any other exception leaves this function, and a broken promise of a
/// header (a view outside the file, a size that is wrong) throws std::logic_error.
Reached loadModel(std::span<const std::byte> bytes);

/// Gguf::parse and Tokenizer::create; if there is a tokenizer, text to ids and back, and every
/// token's bytes. Returns whether there was one.
bool loadTokenizer(std::span<const std::byte> bytes);

}  // namespace bookwheel
