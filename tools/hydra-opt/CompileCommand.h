// The compile mode of hydra-opt: a spec through the stages, to IR, tensors or an artifact.
#ifndef HYDRA_TOOLS_HYDRA_OPT_COMPILECOMMAND_H
#define HYDRA_TOOLS_HYDRA_OPT_COMPILECOMMAND_H

#include "mlir/IR/DialectRegistry.h"
#include "tools/hydra-opt/CommandLine.h"

// Compiles as the flags say. Returns an exit code (ExitCode.h); diagnostics go to stderr.
int compileCommand(const CommandLine &flags, mlir::DialectRegistry &registry);

// Identifies this compiler: a hash of its executable, and the version of LLVM.
std::string compilerBuildId();

#endif // HYDRA_TOOLS_HYDRA_OPT_COMPILECOMMAND_H
