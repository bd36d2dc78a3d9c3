#include "tests/train/syscall_tracer.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <map>

#if defined(__x86_64__)
#include <sys/user.h>
#endif

namespace hydra::train {
namespace {

// close(2) of descriptors that no program has marks the traced part.
constexpr int kBegin = -77001, kEnd = -77002;

#if defined(__x86_64__)

// Calls on files that can fail for want of space or of a working disk. Reading, looking and closing
// fail too, with EIO alone.
const std::map<long, const char*>& FileCalls() {
  static const auto* calls = new std::map<long, const char*>{
      {SYS_open, "open"},           {SYS_openat, "openat"},
      {SYS_creat, "creat"},         {SYS_write, "write"},
      {SYS_pwrite64, "pwrite64"},   {SYS_fsync, "fsync"},
      {SYS_fdatasync, "fdatasync"}, {SYS_ftruncate, "ftruncate"},
      {SYS_mkdir, "mkdir"},         {SYS_mkdirat, "mkdirat"},
      {SYS_rename, "rename"},       {SYS_renameat, "renameat"},
      {SYS_renameat2, "renameat2"}, {SYS_symlink, "symlink"},
      {SYS_symlinkat, "symlinkat"}, {SYS_link, "link"},
      {SYS_unlink, "unlink"},       {SYS_unlinkat, "unlinkat"},
      {SYS_rmdir, "rmdir"},         {SYS_getdents64, "getdents64"},
      {SYS_read, "read"},           {SYS_pread64, "pread64"},
      {SYS_stat, "stat"},           {SYS_fstat, "fstat"},
      {SYS_lstat, "lstat"},         {SYS_newfstatat, "newfstatat"},
      {SYS_flock, "flock"},         {SYS_close, "close"}};
  return *calls;
}

struct Tracer {
  const Interference& interference;
  TracedRun result;
  bool counting = false;

  // At the entry of a call. True if it is to fail.
  bool Enter(pid_t child, const user_regs_struct& registers) {
    const long number = static_cast<long>(registers.orig_rax);
    if (number == SYS_close) {
      const int fd = static_cast<int>(registers.rdi);
      if (fd == kBegin || fd == kEnd) {
        counting = fd == kBegin;
        return false;
      }
    }
    if (!counting) return false;
    const int call = result.calls++;
    if (interference.kind == Interference::Kind::kKill && call == interference.at) {
      ::kill(child, SIGKILL);
      return false;
    }
    const auto found = FileCalls().find(number);
    if (found == FileCalls().end()) return false;
    const int file_call = result.file_calls++;
    bool fails = false;
    switch (interference.kind) {
      case Interference::Kind::kFailOnce:
        fails = file_call == interference.at;
        break;
      case Interference::Kind::kFailForever:
        fails = file_call >= interference.at;
        break;
      case Interference::Kind::kNoExchange:
        fails = number == SYS_renameat2;
        break;
      default:
        break;
    }
    if (fails && result.failed.empty()) result.failed = found->second;
    return fails;
  }

  void Follow(pid_t child) {
    bool entering = true, failing = false;
    int signal = 0;
    while (::ptrace(PTRACE_SYSCALL, child, nullptr, signal) == 0 || errno != ESRCH) {
      int status = 0;
      if (::waitpid(child, &status, 0) != child) return;
      if (WIFEXITED(status)) {
        result.exit_status = WEXITSTATUS(status);
        return;
      }
      if (WIFSIGNALED(status)) {
        result.killed = true;
        return;
      }
      signal = 0;
      if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
        signal = WSTOPSIG(status);
        continue;
      }
      user_regs_struct registers;
      if (::ptrace(PTRACE_GETREGS, child, nullptr, &registers) != 0) continue;
      if (entering) {
        failing = Enter(child, registers);
        // The kernel is told to do nothing.
        if (failing) registers.orig_rax = static_cast<uint64_t>(-1);
      } else if (failing) {
        registers.rax = static_cast<uint64_t>(-interference.error);
      }
      if (failing) ::ptrace(PTRACE_SETREGS, child, nullptr, &registers);
      entering = !entering;
    }
    // Killed between two stops.
    int status = 0;
    if (::waitpid(child, &status, 0) == child) result.killed = WIFSIGNALED(status);
  }
};

#endif

}  // namespace

void BeginTracedPart() { ::close(kBegin); }
void EndTracedPart() { ::close(kEnd); }

TracedRun RunTraced(const Interference& interference, const std::function<int()>& run) {
#if defined(__x86_64__)
  Tracer tracer{.interference = interference, .result = {}};
  const pid_t child = ::fork();
  if (child < 0) return tracer.result;
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(99);
    ::raise(SIGSTOP);
    ::_exit(run());
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return tracer.result;
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  tracer.result.traced = true;
  tracer.Follow(child);
  return tracer.result;
#else
  return {};
#endif
}

}  // namespace hydra::train
