// SPDX-License-Identifier: Apache-2.0
// The cache switches of the command line: --bits, --k, --paper and their like, as CacheOptions.
#pragma once

#include "app/cli/command.h"
#include "engine/cache/cache_options.h"

#include <optional>
#include <string>

namespace bookwheel {

/// What was given on the command line; nothing is decided before resolve().
class CacheSwitches {
 public:
  /// Adds the switches to a command. The object must live as long as the parser.
  void addTo(CLI::App& command);

  /// Nothing given: `unasked`, which is the exact cache unless a command says otherwise. --paper:
  /// the paper's choices, and what else is given changes them. Any other switch: the corrected step
  /// at K2V2 with what is given changed. Throws CommandError (wrong usage) with one sentence for
  /// switches that contradict each other.
  CacheOptions resolve(const CacheOptions& unasked = {}) const;

 private:
  bool givesCopy() const;

  bool m_exact = false;
  bool m_paper = false;
  std::optional<std::string> m_bits;
  std::optional<std::string> m_pairs;
  std::optional<std::string> m_correct;
  std::optional<std::string> m_predictor;
  std::optional<std::string> m_logits;
  std::optional<std::string> m_quantizer;
  std::optional<int> m_group;
  std::optional<int> m_residual;
  std::optional<int> m_sinks;
};

/// What eval compares with the exact cache when no switch is given: K2V2, corrected, k = 256.
CacheOptions defaultComparedCache();

/// "exact", "k2v2", "k1v2", ...
std::string bitsName(const CacheOptions& options);
/// "256" or "all".
std::string pairsName(int pairs);

/// The settings as JSON: policy, bits {keys, values}, group, residual, sinks, k,
/// predictor, logits, metadataBits. With the exact cache all but policy and bits are null.
Json describe(const CacheOptions& options);

/// {keys, values}: 16 and 16 with the exact cache.
Json describeBits(const CacheOptions& options);
/// k as a number, "all", or null with the exact cache.
Json describePairs(const CacheOptions& options);

}  // namespace bookwheel
