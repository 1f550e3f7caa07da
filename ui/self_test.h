// SPDX-License-Identifier: Apache-2.0
// The installed program's own check: can it draw, keep and parse here?
#pragma once

namespace bookwheel {

/// Builds the whole window over an empty library in memory, off the screen, in both themes, and
/// checks what an installation can lack: fonts and icons, the SQLite driver, the import helper.
/// Prints one line for each and returns the exit code, 0 if all are there. Needs a QApplication;
/// changes no file.
int runSelfTest();

}  // namespace bookwheel
