// The end of the pipeline: a planned module to machine code and an artifact file.
#ifndef HYDRA_COMPILER_PIPELINE_EMITARTIFACT_H
#define HYDRA_COMPILER_PIPELINE_EMITARTIFACT_H

#include "compiler/pipeline/CompileOptions.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mlir::hydra {

// Generates code for every requested level and writes the artifact; it appears complete or not at
// all. `specText` is the model tier as text, kept in the artifact; `buildId` names the compiler.
LogicalResult emitArtifact(ModuleOp plan, const CompileOptions &options, StringRef specText,
                           StringRef buildId, const std::string &path);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_PIPELINE_EMITARTIFACT_H
