// SPDX-License-Identifier: Apache-2.0
// Chooses the next token from logits.
#include "engine/run/sampler.h"

#include "engine/error.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace bookwheel {

namespace {

void require(bool condition, const char* range) {
  if (!condition) {
    throw Error(ErrorCode::InvalidRequest, std::string("The sampling option ") + range + ".");
  }
}

float penalized(float logit, float penalty) {
  return logit > 0 ? logit / penalty : logit * penalty;
}

/// [0, 1) with 53 random bits: the same on every platform, unlike std::uniform_real_distribution.
double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1.0p-53; }

bool likelier(const std::pair<float, TokenId>& a, const std::pair<float, TokenId>& b) {
  return a.first > b.first || (a.first == b.first && a.second < b.second);
}

}  // namespace

Sampler::Sampler(const SamplingOptions& options, int vocabulary)
    : m_options(options), m_random(options.seed) {
  require(options.temperature >= 0 && options.temperature <= 100,
          "temperature must be between 0 and 100");
  require(options.topK >= 0, "top-k must be 0 (off) or more");
  require(options.topP > 0 && options.topP <= 1, "top-p must be above 0 and at most 1 (off)");
  require(options.minP >= 0 && options.minP <= 1, "min-p must be between 0 (off) and 1");
  require(options.repeatPenalty > 0 && options.repeatPenalty <= 10,
          "repeat-penalty must be above 0 and at most 10 (1: off)");
  require(options.repeatWindow >= 0 && options.repeatWindow <= 1 << 20,
          "repeat-window must be between 0 and 1048576 tokens");
  if (options.repeatPenalty != 1) {
    m_recent.reserve(static_cast<std::size_t>(options.repeatWindow) + 1);
  }
  if (options.temperature > 0 || options.repeatPenalty != 1) {
    m_candidates.reserve(static_cast<std::size_t>(vocabulary));
  }
}

TokenId Sampler::next(std::span<const float> logits) {
  BOOKWHEEL_ASSERT(!logits.empty());
  TokenId chosen = 0;
  if (m_options.temperature == 0 && m_options.repeatPenalty == 1) {
    chosen = static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  } else {
    m_candidates.clear();
    for (std::size_t id = 0; id < logits.size(); ++id) {
      m_candidates.emplace_back(logits[id], static_cast<TokenId>(id));
    }
    chosen = chooseCandidate();
  }
  if (m_options.repeatPenalty != 1 && m_options.repeatWindow > 0) {
    if (m_recent.size() == static_cast<std::size_t>(m_options.repeatWindow)) {
      m_recent.erase(m_recent.begin());
    }
    m_recent.push_back(chosen);
  }
  return chosen;
}

/// m_candidates: all tokens with their logits, in the order of their ids. The order of the filters
/// (penalty, top-k, top-p, min-p, temperature) is that of llama.cpp's defaults, so numbers carry
/// over.
TokenId Sampler::chooseCandidate() {
  // A token counts once however often it is in the window.
  for (std::size_t i = 0; i < m_recent.size(); ++i) {
    if (std::find(m_recent.begin(), m_recent.begin() + static_cast<std::ptrdiff_t>(i),
                  m_recent[i]) == m_recent.begin() + static_cast<std::ptrdiff_t>(i)) {
      float& logit = m_candidates[static_cast<std::size_t>(m_recent[i])].first;
      logit = penalized(logit, m_options.repeatPenalty);
    }
  }
  if (m_options.temperature == 0) {
    return std::min_element(m_candidates.begin(), m_candidates.end(), likelier)->second;
  }

  if (m_options.topK > 0 && static_cast<std::size_t>(m_options.topK) < m_candidates.size()) {
    const auto end = m_candidates.begin() + m_options.topK;
    std::nth_element(m_candidates.begin(), end, m_candidates.end(), likelier);
    m_candidates.erase(end, m_candidates.end());
  }

  const float best = std::min_element(m_candidates.begin(), m_candidates.end(), likelier)->first;
  if (m_options.topP < 1) {
    double sum = 0;
    for (const auto& [logit, id] : m_candidates) {
      sum += std::exp(static_cast<double>(logit - best));
    }
    // All tokens below (1 - topP) / count together hold less than 1 - topP: none of them is among
    // the likeliest that reach topP. What is left to sort is short.
    const double floor = std::log((1.0 - static_cast<double>(m_options.topP)) * sum /
                                  static_cast<double>(m_candidates.size()));
    std::erase_if(m_candidates, [&](const auto& candidate) {
      return static_cast<double>(candidate.first - best) < floor;
    });
    std::sort(m_candidates.begin(), m_candidates.end(), likelier);
    double mass = 0;
    std::size_t kept = 0;
    while (kept < m_candidates.size() && mass < m_options.topP * sum) {
      mass += std::exp(static_cast<double>(m_candidates[kept].first - best));
      ++kept;
    }
    m_candidates.resize(std::max<std::size_t>(kept, 1));
  }
  if (m_options.minP > 0) {
    const double floor = std::log(static_cast<double>(m_options.minP));
    std::erase_if(m_candidates, [&](const auto& candidate) {
      return static_cast<double>(candidate.first - best) < floor;
    });
  }

  // The filters leave the order to the library's algorithms; the draw must not depend on it.
  const auto lowerId = [](const auto& a, const auto& b) { return a.second < b.second; };
  if (!std::is_sorted(m_candidates.begin(), m_candidates.end(), lowerId)) {
    std::sort(m_candidates.begin(), m_candidates.end(), lowerId);
  }
  const double inverse = 1.0 / static_cast<double>(m_options.temperature);
  double sum = 0;
  for (const auto& [logit, id] : m_candidates) {
    sum += std::exp(static_cast<double>(logit - best) * inverse);
  }
  const double target = uniform(m_random) * sum;
  double mass = 0;
  for (const auto& [logit, id] : m_candidates) {
    mass += std::exp(static_cast<double>(logit - best) * inverse);
    if (mass > target) {
      return id;
    }
  }
  return std::min_element(m_candidates.begin(), m_candidates.end(), likelier)->second;
}

}  // namespace bookwheel
