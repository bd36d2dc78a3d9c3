#include "runtime/toolchain/compiler_process.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/io/posix_file.h"
#include "runtime/toolchain/process.h"

namespace hydra::toolchain {

absl::Status CompilerProcess::Run(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = {program};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const std::string errors = directory + "/messages";
  HYDRA_ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(command, errors));
  constexpr uint64_t kMostMessages = uint64_t{1} << 24;
  HYDRA_ASSIGN_OR_RETURN(const std::string said, ReadWholeFile(errors, kMostMessages));
  if (messages && !said.empty()) messages(absl::StrReplaceAll(said, names));
  if (interrupted && interrupted()) return InterruptedError("ended by a signal");
  if (result.exit_status == 0) return absl::OkStatus();
  return MakeError(
      KindOfExitCode(result.exit_status),
      absl::StrCat("hydra-opt ended with status ", result.exit_status, "; its message is above"));
}

}  // namespace hydra::toolchain
