// hydra-opt as a child process of programs that compile for themselves (verify, bisect).
#ifndef HYDRA_RUNTIME_TOOLCHAIN_COMPILER_PROCESS_H_
#define HYDRA_RUNTIME_TOOLCHAIN_COMPILER_PROCESS_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"

namespace hydra::toolchain {

struct CompilerProcess {
  std::string program;    // path of hydra-opt, see FindProgram
  std::string directory;  // existing; holds the compiler's messages while it runs
  // What stands in its messages and what the user knows it as: the path of a copy, say.
  std::vector<std::pair<std::string, std::string>> names = {};
  // Gets its messages once it has ended; empty: they are dropped.
  std::function<void(absl::string_view)> messages = nullptr;
  // Whether the user has asked to stop meanwhile; empty: never.
  std::function<bool()> interrupted = nullptr;

  // Runs it with these arguments and waits. An error has the kind of its exit status; kInterrupted
  // if the user has asked to stop.
  absl::Status Run(const std::vector<std::string>& arguments) const;
};

}  // namespace hydra::toolchain

#endif  // HYDRA_RUNTIME_TOOLCHAIN_COMPILER_PROCESS_H_
