// Exit codes of hydra-opt: those of runtime/base/status.h, as integers.
#ifndef HYDRA_TOOLS_HYDRA_OPT_EXITCODE_H
#define HYDRA_TOOLS_HYDRA_OPT_EXITCODE_H

#include "runtime/base/status.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

enum ExitCode {
  kSuccess = 0,
  kFailure = static_cast<int>(::hydra::ErrorKind::kFailure),
  kUsage = static_cast<int>(::hydra::ErrorKind::kUsage),
  kBadInput = static_cast<int>(::hydra::ErrorKind::kInput)
};

// Prints an error that has no place in a file, and returns `code`.
inline int report(int code, const llvm::Twine &message) {
  llvm::errs() << "hydra-opt: error: " << message << "\n";
  return code;
}

#endif // HYDRA_TOOLS_HYDRA_OPT_EXITCODE_H
