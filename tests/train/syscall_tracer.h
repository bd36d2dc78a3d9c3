// Runs a function in a child process and interferes with its system calls: kills it before the
// n-th, or makes the n-th, or all from there on, fail. By ptrace, so that nothing is missed,
// whoever makes the call.
#ifndef HYDRA_TESTS_TRAIN_SYSCALL_TRACER_H_
#define HYDRA_TESTS_TRAIN_SYSCALL_TRACER_H_

#include <functional>
#include <string>

namespace hydra::train {

// Brackets what is counted; a call outside a traced child has no effect.
void BeginTracedPart();
void EndTracedPart();

struct Interference {
  enum class Kind {
    kNone,         // only counts
    kKill,         // SIGKILL before call `at`
    kFailOnce,     // call `at` fails with `error`
    kFailForever,  // call `at` and all after it fail with `error`, beyond the traced part too
  };
  Kind kind = Kind::kNone;
  int at = 0;     // from 0; failures count calls on files only, kills count every call
  int error = 0;  // errno
  // renameat2 fails with EINVAL wherever it is called, as on file systems without exchange.
  bool no_exchange = false;
};

struct TracedRun {
  bool traced = false;  // false: this system does not allow ptrace
  bool killed = false;
  int exit_status = -1;  // what `run` returned, unless killed
  int calls = 0;         // in the traced parts
  int file_calls = 0;    // of these, on files
  std::string failed;    // the name of the first call that was made to fail
};

TracedRun RunTraced(const Interference& interference, const std::function<int()>& run);

}  // namespace hydra::train

#endif  // HYDRA_TESTS_TRAIN_SYSCALL_TRACER_H_
