// SPDX-License-Identifier: Apache-2.0
// All operations for any processor.
// clang-format off
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/simd_portable.h"
#include "kernels/cpu/elementwise_body.h"
#include "kernels/cpu/matmul_body.h"
#include "kernels/cpu/attention_body.h"
#include "kernels/cpu/pairs_body.h"
#include "kernels/cpu/lowbit_quantize_body.h"
#include "kernels/cpu/lowbit_scores_body.h"
#include "kernels/cpu/lowbit_select_body.h"
#include "kernels/cpu/lowbit_values_body.h"
// clang-format on

namespace bookwheel::kernels {

const KernelTable kPortableKernels = {quantizeRowsBody,
                                      matmulBody,
                                      matmulFloatBody,
                                      rmsNormBody,
                                      ropeBody,
                                      swigluBody,
                                      appendKvBody,
                                      attentionPrefillBody,
                                      attentionDecodeBody,
                                      attentionCombineBody,
                                      quantizeKvBody,
                                      lowBitScoresBody,
                                      lowBitShiftsBody,
                                      lowBitSelectPartsBody,
                                      lowBitSelectJoinBody,
                                      lowBitValuesBody,
                                      exactPairsBody,
                                      joinPartialsBody};

}  // namespace bookwheel::kernels
