// Exit codes of the tools (blueprint section 8).
#ifndef HYDRA_TOOLS_HYDRA_OPT_EXITCODE_H
#define HYDRA_TOOLS_HYDRA_OPT_EXITCODE_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

enum ExitCode { kSuccess = 0, kFailure = 1, kUsage = 2, kBadInput = 3 };

// Prints an error that has no place in a file, and returns `code`.
inline int report(int code, const llvm::Twine &message) {
  llvm::errs() << "hydra-opt: error: " << message << "\n";
  return code;
}

#endif // HYDRA_TOOLS_HYDRA_OPT_EXITCODE_H
