// SPDX-License-Identifier: Apache-2.0
// The same target for libFuzzer, which follows coverage: for long runs, where clang builds.
#include "tests/fuzz/model_target.h"

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bookwheel::loadModel(std::as_bytes(std::span(data, size)));
  return 0;
}
