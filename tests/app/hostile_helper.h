// SPDX-License-Identifier: Apache-2.0
// A document helper that misbehaves on command: what a captured bookwheel-import could do.
#pragma once

namespace bookwheel::test {

/// The document (open as `fd`) names the misbehaviour in its first line; the names stand in the
/// .cpp. Gives the exit status, if it comes to that.
int misbehave(int fd);

}  // namespace bookwheel::test
