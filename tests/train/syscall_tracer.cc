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

// The traced part begins with a stop, before which the child runs at full speed, and ends with
// close(2) of a descriptor that no program has.
constexpr int kEnd = -77002;
bool is_traced_child = false;

#if defined(__x86_64__)

// Calls on files that can fail for want of space or of a working disk. Reading, looking and closing
// fail too, with EIO alone.
const std::map<long, const char*>& FileCalls() {
  static const auto* calls =
      new std::map<long, const char*>{{SYS_open, "open"},           {SYS_openat, "openat"},
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

  // At the entry of a call: the error that it is to fail with, or 0.
  int Enter(pid_t child, const user_regs_struct& registers) {
    const long number = static_cast<long>(registers.orig_rax);
    if (number == SYS_close) {
      if (static_cast<int>(registers.rdi) == kEnd) {
        counting = interference.kind == Interference::Kind::kFailForever;
        return 0;
      }
    }
    if (!counting) return 0;
    const int call = result.calls++;
    if (interference.kind == Interference::Kind::kKill && call == interference.at) {
      ::kill(child, SIGKILL);
      return 0;
    }
    const auto found = FileCalls().find(number);
    if (found == FileCalls().end()) return 0;
    const int file_call = result.file_calls++;
    bool fails = false;
    switch (interference.kind) {
      case Interference::Kind::kFailOnce:
        fails = file_call == interference.at;
        break;
      case Interference::Kind::kFailForever:
        fails = file_call >= interference.at;
        break;
      default:
        break;
    }
    if (fails && result.failed.empty()) result.failed = found->second;
    if (fails) return interference.error;
    return interference.no_exchange && number == SYS_renameat2 ? EINVAL : 0;
  }

  void Follow(pid_t child) {
    bool entering = true;
    int error = 0, signal = 0;
    while (::ptrace(counting ? PTRACE_SYSCALL : PTRACE_CONT, child, nullptr, signal) == 0 ||
           errno != ESRCH) {
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
        const bool begins = WSTOPSIG(status) == SIGSTOP;
        counting = counting || begins;
        if (!begins) signal = WSTOPSIG(status);
        continue;
      }
      user_regs_struct registers;
      if (::ptrace(PTRACE_GETREGS, child, nullptr, &registers) != 0) continue;
      if (entering) {
        error = Enter(child, registers);
        // The kernel is told to do nothing.
        if (error != 0) registers.orig_rax = static_cast<uint64_t>(-1);
      } else if (error != 0) {
        registers.rax = static_cast<uint64_t>(-static_cast<int64_t>(error));
      }
      if (error != 0) ::ptrace(PTRACE_SETREGS, child, nullptr, &registers);
      entering = !entering;
    }
    // Killed between two stops.
    int status = 0;
    if (::waitpid(child, &status, 0) == child) result.killed = WIFSIGNALED(status);
  }
};

#endif

}  // namespace

void BeginTracedPart() {
  if (is_traced_child) ::raise(SIGSTOP);
}

void EndTracedPart() {
  if (is_traced_child) ::close(kEnd);
}

TracedRun RunTraced(const Interference& interference, const std::function<int()>& run) {
#if defined(__x86_64__)
  Tracer tracer{.interference = interference, .result = {}};
  const pid_t child = ::fork();
  if (child < 0) return tracer.result;
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(99);
    ::raise(SIGSTOP);
    is_traced_child = true;
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
