// SPDX-License-Identifier: Apache-2.0
// Interrupt: Ctrl-C and SIGTERM as a stop token.
#include "app/cli/interrupt.h"

#include "app/cli/command_error.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <system_error>

namespace bookwheel {

namespace {

// A signal handler may only write to a descriptor; a thread does the rest.
std::atomic<int> wakeDescriptor{-1};
std::atomic<int> signalsSeen{0};

void wake() {
  const std::uint64_t one = 1;
  // Cannot fail: the counter of an event descriptor overflows after 2^64 signals.
  [[maybe_unused]] const ssize_t written = write(wakeDescriptor.load(), &one, sizeof one);
}

void onSignal(int /*signal*/) {
  if (signalsSeen.fetch_add(1) > 0) {
    _exit(ExitCode::kInterrupted);
  }
  wake();
}

void handle(int signalNumber, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  // No SA_RESTART: a prompt that waits for a line is to end.
  sigaction(signalNumber, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt() {
  const int descriptor = eventfd(0, EFD_CLOEXEC);
  if (descriptor < 0) {
    throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  wakeDescriptor = descriptor;
  signalsSeen = 0;
  // The watcher must not take signals: they are to interrupt the system calls of the main thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  m_watcher = std::jthread([this] { watch(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  handle(SIGINT, onSignal);
  handle(SIGTERM, onSignal);
}

bool Interrupt::signalled() { return signalsSeen.load() > 0; }

void Interrupt::watch() {
  std::uint64_t count = 0;
  while (read(wakeDescriptor.load(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  m_source.request_stop();
}

Interrupt::~Interrupt() {
  handle(SIGINT, SIG_DFL);
  handle(SIGTERM, SIG_DFL);
  wake();
  m_watcher.join();
  close(wakeDescriptor.exchange(-1));
}

}  // namespace bookwheel
