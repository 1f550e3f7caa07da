// SPDX-License-Identifier: Apache-2.0
// BackendInfo: which device a model runs on, for people and for benchmark tables.
#pragma once

#include <string>

namespace bookwheel {

struct BackendInfo {
  std::string kind;            // "CPU"
  std::string device;          // the processor's own name; "" if the system does not say
  int threads;                 // that share an operation
  std::string instructionSet;  // of the kernels
};

}  // namespace bookwheel
