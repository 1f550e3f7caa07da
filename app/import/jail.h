// SPDX-License-Identifier: Apache-2.0
// Takes away from this process all that reading a document does not need.
#pragma once

#include <cstdint>

namespace bookwheel {

enum class JailKind {
  Text,    ///< no file can be opened at all
  Render,  ///< system fonts can be read where Landlock confines reading to them
};

struct JailReport {
  std::uint32_t landlock = 0;  ///< ABI in force, 0: the kernel has none or forbids it
  bool seccomp = false;        ///< the system call filter is in force
};

/// Resource limits: 2 GiB of address space, CPU time, no file growth, no child processes, no core
/// dump, few descriptors. Call first. cpuSeconds 0: no limit (the program's deadline per request
/// rules). The hard limit leaves room: the program raises the soft one when it knows the page
/// count.
void limitResources(unsigned cpuSeconds);

/// no_new_privs, Landlock (Render: read below the font folders; Text: nothing) and a seccomp
/// allow-list without opening for writing, sockets, exec, fork, ptrace and executable memory. For
/// ever and for all threads. Everything that opens files (libraries, ICU data) must have been
/// loaded before.
JailReport enterJail(JailKind kind);

}  // namespace bookwheel
