// SPDX-License-Identifier: Apache-2.0
// Takes away from this process all that reading a document does not need.
#include "app/import/jail.h"

#include "app/import/import_limits.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

namespace bookwheel {
namespace {

// Address sanitizer reserves terabytes of address space and asks /proc about it; the undefined
// behaviour sanitizer finds out through a pipe whether an object's memory can be read.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr std::array kFontFolders = {"/usr/share/fonts", "/usr/local/share/fonts",
                                     "/usr/share/X11/fonts"};

void setLimit(__rlimit_resource resource, rlim_t soft, rlim_t hard) {
  const rlimit limit{soft, hard};
  // A lower hard limit that is already in force is as good.
  setrlimit(resource, &limit);
}

long landlockCreate(const landlock_ruleset_attr* attr, std::size_t size, std::uint32_t flags) {
  return syscall(SYS_landlock_create_ruleset, attr, size, flags);
}

/// The rights that exist from ABI 1 on; the later ones are added by version.
constexpr std::uint64_t kFileRights =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t kRefer = 1ULL << 13;     // ABI 2
constexpr std::uint64_t kTruncate = 1ULL << 14;  // ABI 3

/// ABI in force, or 0.
std::uint32_t enterLandlock(JailKind kind) {
  const long abi = landlockCreate(nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) {
    return 0;
  }
  landlock_ruleset_attr attr{};
  attr.handled_access_fs = kFileRights | (abi >= 2 ? kRefer : 0ULL) | (abi >= 3 ? kTruncate : 0ULL);
  const int ruleset = static_cast<int>(landlockCreate(&attr, sizeof(attr.handled_access_fs), 0));
  if (ruleset < 0) {
    return 0;
  }
  if (kind == JailKind::Render) {
    for (const char* folder : kFontFolders) {
      const int fd = open(folder, O_PATH | O_CLOEXEC);
      if (fd < 0) {
        continue;
      }
      landlock_path_beneath_attr rule{};
      rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
      rule.parent_fd = fd;
      syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0U);
      close(fd);
    }
  }
  const long result = syscall(SYS_landlock_restrict_self, ruleset, 0U);
  close(ruleset);
  return result == 0 ? static_cast<std::uint32_t>(abi) : 0;
}

/// Memory, the descriptors that are open, time, and the end of the process.
constexpr std::array kAllowed = {
    "read",
    "readv",
    "pread64",
    "preadv",
    "write",
    "writev",
    "lseek",
    "close",
    "fstat",
    "newfstatat",
    "statx",
    "munmap",
    "mremap",
    "madvise",
    "brk",
    "futex",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    "times",
    "getrusage",
    "exit",
    "exit_group",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "getpid",
    "gettid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "sched_yield",
    "sched_getaffinity",
    "getrandom",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "uname",
    "sysinfo",
    "membarrier",
    "rseq",
    "set_robust_list",
    "restart_syscall",
    "fadvise64",
    "getcwd",
};

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

bool allow(const Filter& filter, const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  // A name that this architecture or an older libseccomp does not know cannot be called either.
  return number == __NR_SCMP_ERROR ||
         seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, 0) == 0;
}

template <typename... Comparisons>
bool allowIf(const Filter& filter, int number, Comparisons... comparisons) {
  return seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, sizeof...(comparisons),
                          comparisons...) == 0;
}

bool enterSeccomp(bool readFonts) {
  // Refused calls give EPERM rather than a signal: a library that tries something optional goes on.
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), &seccomp_release);
  if (!filter) {
    return false;
  }
  bool good = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1) == 0;
  for (const char* name : kAllowed) {
    good = good && allow(filter, name);
  }
  if (kSanitized) {
    good = good && allow(filter, "pipe") && allow(filter, "pipe2");
  }
  const auto zeroBits = [](unsigned argument, scmp_datum_t bits) {
    return SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, bits, 0);
  };
  const auto equals = [](unsigned argument, scmp_datum_t value) {
    return SCMP_CMP64(argument, SCMP_CMP_EQ, value);
  };
  // Nothing that is written can be executed.
  good = good && allowIf(filter, SCMP_SYS(mmap), zeroBits(2, PROT_EXEC)) &&
         allowIf(filter, SCMP_SYS(mprotect), zeroBits(2, PROT_EXEC));
  // abort() signals its own process only.
  const auto self = static_cast<scmp_datum_t>(getpid());
  good = good && allowIf(filter, SCMP_SYS(tgkill), equals(0, self));
  // Limits can be read, not set: the new value's pointer is null.
  good = good && allowIf(filter, SCMP_SYS(prlimit64), equals(2, 0));
  for (const scmp_datum_t command : {scmp_datum_t{F_GETFD}, scmp_datum_t{F_GETFL}}) {
    good = good && allowIf(filter, SCMP_SYS(fcntl), equals(1, command));
  }
  if (readFonts) {
    constexpr scmp_datum_t kWrites = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
    good = good && allowIf(filter, SCMP_SYS(openat), zeroBits(2, kWrites)) &&
           allow(filter, "getdents64") && allow(filter, "access") && allow(filter, "faccessat2") &&
           allow(filter, "stat") && allow(filter, "lstat") && allow(filter, "readlink");
#ifdef __NR_open
    good = good && allowIf(filter, SCMP_SYS(open), zeroBits(1, kWrites));
#endif
  }
  return good && seccomp_load(filter.get()) == 0;
}

}  // namespace

void limitResources(unsigned cpuSeconds) {
  if (!kSanitized) {
    setLimit(RLIMIT_AS, kHelperAddressSpace, kHelperAddressSpace);
  }
  if (cpuSeconds > 0) {
    const rlim_t most = rlim_t{cpuSeconds} + rlim_t{kCpuSecondsPerPage} * rlim_t{kMostPages};
    setLimit(RLIMIT_CPU, cpuSeconds, most);
  }
  setLimit(RLIMIT_FSIZE, 0, 0);
  setLimit(RLIMIT_CORE, 0, 0);
  setLimit(RLIMIT_NPROC, 0, 0);
  setLimit(RLIMIT_NOFILE, kHelperOpenFiles, kHelperOpenFiles);
  // Not dumpable: no core, and no other process of this user reads the document from our memory.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

JailReport enterJail(JailKind kind) {
  JailReport report;
  // Without it an unprivileged process may install neither of the two.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return report;
  }
  report.landlock = enterLandlock(kind);
  // Without Landlock nothing says which files may be read, so none may.
  report.seccomp = enterSeccomp(kind == JailKind::Render && report.landlock > 0);
  return report;
}

}  // namespace bookwheel
