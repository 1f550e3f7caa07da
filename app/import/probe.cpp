// SPDX-License-Identifier: Apache-2.0
// Tries, from inside the jail, what the jail forbids.
#include "app/import/probe.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

namespace bookwheel {
namespace {

class Prober {
 public:
  explicit Prober(std::string& out) : m_out(out) {}
  void line(const char* name, bool possible) {
    m_out += std::string(name) + (possible ? " POSSIBLE\n" : " refused\n");
    m_possible += possible ? 1 : 0;
  }
  /// A descriptor means success.
  void opens(const char* name, int fd) {
    line(name, fd >= 0);
    if (fd >= 0) {
      close(fd);
    }
  }
  int possible() const { return m_possible; }

 private:
  std::string& m_out;
  int m_possible = 0;
};

}  // namespace

int probeJail(const JailReport& report) {
  std::string out = "landlock " + std::to_string(report.landlock) + ", seccomp " +
                    std::to_string(report.seccomp ? 1 : 0) + "\n";
  Prober probe(out);
  probe.opens("open-read", open("/etc/passwd", O_RDONLY));
  probe.opens("open-write", open("/tmp/bookwheel-probe", O_WRONLY | O_CREAT, 0600));
  probe.opens("open-proc", open("/proc/self/maps", O_RDONLY));
  probe.opens("open-append", open("/dev/null", O_RDWR | O_APPEND));
  probe.opens("socket-inet", socket(AF_INET, SOCK_STREAM, 0));
  probe.opens("socket-unix", socket(AF_UNIX, SOCK_STREAM, 0));
  // A real connect() needs a socket first; the call itself must be refused as well.
  sockaddr_in address{};
  address.sin_family = AF_INET;
  errno = 0;
  connect(0, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  probe.line("connect", errno != EPERM);
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  if (child > 0) {
    waitpid(child, nullptr, 0);
  }
  probe.line("fork", child >= 0);
  // Replaces this process when it succeeds; the output then lacks all lines.
  execl("/bin/true", "true", nullptr);
  probe.line("exec", false);
  probe.line("ptrace", ptrace(PTRACE_ATTACH, getppid(), nullptr, nullptr) == 0);
  probe.line("kill", kill(getppid(), 0) == 0);
  void* code =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  probe.line("mmap-exec", code != MAP_FAILED);
  const rlimit more{RLIM_INFINITY, RLIM_INFINITY};
  probe.line("raise-limit", setrlimit(RLIMIT_AS, &more) == 0);
  probe.line("unlink", unlink("/tmp/bookwheel-probe") == 0);
  probe.line("mkdir", mkdir("/tmp/bookwheel-probe", 0700) == 0);
  probe.line("chmod", chmod("/tmp", 0777) == 0);
  probe.opens("memfd", static_cast<int>(syscall(SYS_memfd_create, "probe", 0U)));
  probe.line("unshare", syscall(SYS_unshare, 0) == 0);
  probe.line("io_uring", syscall(SYS_io_uring_setup, 0, nullptr) >= 0 || errno != EPERM);
  probe.line("bpf", syscall(SYS_bpf, 0, nullptr, 0) >= 0 || errno != EPERM);
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
  return probe.possible();
}

}  // namespace bookwheel
