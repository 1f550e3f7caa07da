// SPDX-License-Identifier: Apache-2.0
// CacheOptions: how answers read what was read.
#include "engine/cache/cache_options.h"

#include "engine/error.h"

#include <string>

namespace bookwheel {

namespace {

void requireBits(const char* what, int bits) {
  if (bits != 1 && bits != 2 && bits != 4) {
    throw Error(ErrorCode::InvalidRequest, std::string("The copy's ") + what +
                                               " can have 1, 2 or 4 bits, not " +
                                               std::to_string(bits) + ".");
  }
}

void requireNotNegative(const char* what, int number) {
  if (number < 0) {
    throw Error(ErrorCode::InvalidRequest,
                std::string(what) + " must be 0 or more, not " + std::to_string(number) + ".");
  }
}

}  // namespace

CacheOptions paperCacheOptions(int keyBits, int valueBits) {
  CacheOptions options;
  options.policy = CachePolicy::Paper;
  options.keyBits = keyBits;
  options.valueBits = valueBits;
  options.sinkTokens = 0;
  options.pairs = 64;
  options.predictor = Predictor::Row;
  options.metadata = QuantizerMetadata::Bits16;
  return options;
}

void checkCacheOptions(const CacheOptions& options) {
  requireBits("keys", options.keyBits);
  requireBits("values", options.valueBits);
  if (options.group != 32 && options.group != 64) {
    throw Error(ErrorCode::InvalidRequest, "A group of the copy has 32 or 64 numbers, not " +
                                               std::to_string(options.group) + ".");
  }
  requireNotNegative("The number of newest tokens kept in 16 bits", options.residualTokens);
  requireNotNegative("The number of first tokens kept in 16 bits", options.sinkTokens);
  requireNotNegative("The number of exact pairs", options.pairs);
}

}  // namespace bookwheel
