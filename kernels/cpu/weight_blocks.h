// SPDX-License-Identifier: Apache-2.0
// One block of a GGUF weight row taken apart: unsigned codes and their scales.
#pragma once

#include "kernels/weight_blocks.h"

namespace bookwheel::kernels {

/// weight(k) = d * scale(k / 16) * (code(k) - offset) - dmin * min(k / 16), or d * code(k) + m for
/// Q4_1 and Q5_1, with d, m and dmin in f16. Formats without sub-block scales leave scales and mins
/// alone.
struct WeightCodes {
  std::uint8_t codes[256];  // Q8_0: the signed code's bits
  std::int16_t scales[16];  // one for 16 columns
  std::uint8_t mins[16];
  std::uint16_t d;
  std::uint16_t dmin;  // m for Q4_1 and Q5_1
};

/// Takes the block at `source` apart; `type` is one with codes (not F32, F16, BF16).
void splitWeightBlock(WeightType type, const std::byte* source, WeightCodes& out);

}  // namespace bookwheel::kernels
