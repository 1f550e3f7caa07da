// SPDX-License-Identifier: Apache-2.0
// Needles: seeded sentences to hide in a long text, the questions about them and their score.
#pragma once

#include "app/cli/eval_exam.h"

#include <cstdint>
#include <string>
#include <vector>

namespace bookwheel {

/// After the tasks of RULER (arXiv 2404.06654): what hides what from whom.
enum class NeedleKind {
  Single,      ///< one fact of its own kind
  MultiKey,    ///< a number of one of many keys that look alike
  Uuid,        ///< the same with UUIDs as keys and values
  MultiValue,  ///< all four numbers of one key, at four places
  Variables,   ///< all names in a chain of assignments, four steps from the value
};

/// "single", "multikey", "uuid", "multivalue", "variables".
const char* name(NeedleKind kind);
/// Throws CommandError (wrong usage) with the names there are.
NeedleKind parseNeedleKind(const std::string& name);
/// Enough tokens for a right answer in any vocabulary.
int answerTokens(NeedleKind kind);

struct NeedleQuestion {
  NeedleKind kind;
  double depth;  // of the needle; of the first one where there are several
  std::string question;
  std::vector<std::string> expected;  // each must be in the answer
};

struct NeedleSet {
  std::vector<Insertion> needles;
  std::vector<NeedleQuestion> questions;
};

/// `count` questions of each kind; question i of a kind has its needle at depth i modulo the
/// depths. At most kMostSingles of NeedleKind::Single. The same arguments, the same set on every
/// machine.
NeedleSet makeNeedles(const std::vector<NeedleKind>& kinds, const std::vector<double>& depths,
                      int count, std::uint64_t seed);

inline constexpr int kMostSingles = 20;

/// The share of the expected strings that stand in the answer, letter case left aside.
double needleScore(const std::string& answer, const std::vector<std::string>& expected);

}  // namespace bookwheel
