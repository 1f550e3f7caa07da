// SPDX-License-Identifier: Apache-2.0
#include "engine/model/tensor_type.h"

#include <algorithm>
#include <array>

namespace bookwheel {
namespace {

struct Known {
  std::uint32_t number;
  const char* name;
  int elements;  // 0: retired before it had a stable size
  int bytes;
};

// The types the kernels do not read. Sizes: the published GGML block formats.
constexpr std::array kOthers = {
    Known{4, "Q4_2", 0, 0},        Known{5, "Q4_3", 0, 0},        Known{9, "Q8_1", 32, 36},
    Known{15, "Q8_K", 256, 292},   Known{16, "IQ2_XXS", 256, 66}, Known{17, "IQ2_XS", 256, 74},
    Known{18, "IQ3_XXS", 256, 98}, Known{19, "IQ1_S", 256, 50},   Known{20, "IQ4_NL", 32, 18},
    Known{21, "IQ3_S", 256, 110},  Known{22, "IQ2_S", 256, 82},   Known{23, "IQ4_XS", 256, 136},
    Known{24, "I8", 1, 1},         Known{25, "I16", 1, 2},        Known{26, "I32", 1, 4},
    Known{27, "I64", 1, 8},        Known{28, "F64", 1, 8},        Known{29, "IQ1_M", 256, 56},
    Known{31, "Q4_0_4_4", 0, 0},   Known{32, "Q4_0_4_8", 0, 0},   Known{33, "Q4_0_8_8", 0, 0},
    Known{34, "TQ1_0", 256, 54},   Known{35, "TQ2_0", 256, 66},   Known{36, "IQ4_NL_4_4", 0, 0},
    Known{37, "IQ4_NL_4_8", 0, 0}, Known{38, "IQ4_NL_8_8", 0, 0}, Known{39, "MXFP4", 32, 17},
    Known{40, "NVFP4", 64, 36},
};

const Known* findOther(std::uint32_t number) {
  const auto found = std::find_if(kOthers.begin(), kOthers.end(),
                                  [=](const Known& known) { return known.number == number; });
  return found == kOthers.end() ? nullptr : &*found;
}

/// weightBlock() takes an enum: a number outside it gives the block with no elements.
kernels::WeightBlock block(std::uint32_t number) {
  return kernels::weightBlock(static_cast<kernels::WeightType>(number));
}

}  // namespace

std::string TensorType::name() const {
  if (block(m_number).elements > 0) {
    return block(m_number).name;
  }
  const Known* other = findOther(m_number);
  return other != nullptr ? other->name : "type " + std::to_string(m_number);
}

int TensorType::blockElements() const {
  const int elements = block(m_number).elements;
  const Known* other = elements > 0 ? nullptr : findOther(m_number);
  return other != nullptr ? other->elements : elements;
}

int TensorType::blockBytes() const {
  if (block(m_number).elements > 0) {
    return block(m_number).bytes;
  }
  const Known* other = findOther(m_number);
  return other != nullptr ? other->bytes : 0;
}

std::optional<kernels::WeightType> TensorType::readable() const {
  if (block(m_number).elements > 0) {
    return static_cast<kernels::WeightType>(m_number);
  }
  return std::nullopt;
}

}  // namespace bookwheel
