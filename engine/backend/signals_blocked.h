// SPDX-License-Identifier: Apache-2.0
// SignalsBlocked: threads started meanwhile get no signals; those are for the program's own thread.
#pragma once

#include <signal.h>

namespace bookwheel {

/// Blocks all signals while it lives: threads made meanwhile inherit that, so that the program's
/// signals reach the program's own threads and interrupt their system calls.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &m_before);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &m_before, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t m_before;
};

}  // namespace bookwheel
