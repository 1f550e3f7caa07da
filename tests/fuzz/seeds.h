// SPDX-License-Identifier: Apache-2.0
// Small valid files that the fuzzers start from.
#pragma once

#include "tests/support/gguf_writer.h"

#include <vector>

namespace bookwheel {

/// Whole models of a few kilobytes: both architectures, each kind of rope scaling, tied and not,
/// every value and array type somewhere, a custom alignment.
std::vector<GgufImage> modelSeeds();
/// Vocabularies without weights, one for each kind of tokenizer.
std::vector<GgufImage> vocabularySeeds();

}  // namespace bookwheel
