// SPDX-License-Identifier: Apache-2.0
// Tries, from inside the jail, what the jail forbids.
#pragma once

#include "app/import/jail.h"

namespace bookwheel {

/// Writes one line per attempt to standard output, "NAME refused" or "NAME POSSIBLE", after a first
/// line with what is in force ("landlock 3, seccomp 1"). Gives the number of possible ones.
int probeJail(const JailReport& report);

}  // namespace bookwheel
