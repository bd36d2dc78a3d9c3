// Child processes.
#ifndef HYDRA_RUNTIME_TOOLCHAIN_PROCESS_H_
#define HYDRA_RUNTIME_TOOLCHAIN_PROCESS_H_

#include <string>
#include <vector>

#include "runtime/base/status.h"

namespace hydra::toolchain {

struct ProcessResult {
  int exit_status = 0;  // 128 + signal if a signal ended it
  std::string output;   // standard output; standard error goes where ours goes
};

// Runs arguments[0] with these arguments and waits. No shell is involved. `errors_file`: where its
// standard error goes instead, made or emptied first. A failure if the program cannot be started.
absl::StatusOr<ProcessResult> RunProcess(const std::vector<std::string>& arguments,
                                         const std::string& errors_file = "");

// The path of a program of ours: beside the running program, then in PATH. kNotFound says where it
// was looked for.
absl::StatusOr<std::string> FindProgram(const std::string& name);

}  // namespace hydra::toolchain

#endif  // HYDRA_RUNTIME_TOOLCHAIN_PROCESS_H_
