// The compile mode of hydra-opt: a spec through the stages, to IR, tensors or an artifact.
#ifndef HYDRA_TOOLS_HYDRA_OPT_COMPILECOMMAND_H
#define HYDRA_TOOLS_HYDRA_OPT_COMPILECOMMAND_H

#include "mlir/IR/DialectRegistry.h"
#include "tools/hydra-opt/CommandLine.h"

// Exit codes of the tools (blueprint section 8).
enum ExitCode { kSuccess = 0, kFailure = 1, kUsage = 2, kBadInput = 3 };

// Compiles `input` to `output` ("-" for stdin and stdout; .hydra for an artifact). Diagnostics go
// to stderr.
int compileCommand(const CommandLine &flags, const std::string &input, const std::string &output,
                   mlir::DialectRegistry &registry);

// Identifies this compiler: a hash of its executable, and the version of LLVM.
std::string compilerBuildId();

#endif // HYDRA_TOOLS_HYDRA_OPT_COMPILECOMMAND_H
