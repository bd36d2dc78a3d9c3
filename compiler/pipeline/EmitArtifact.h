// The end of the pipeline: a planned module to machine code and an artifact file.
#ifndef HYDRA_COMPILER_PIPELINE_EMITARTIFACT_H
#define HYDRA_COMPILER_PIPELINE_EMITARTIFACT_H

#include "compiler/pipeline/CompileOptions.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mlir::hydra {

struct ArtifactOrigin {
  std::string specText; // the model tier as text, kept in the artifact
  std::string buildId;  // names the compiler
  bool cachesKernels = true;
};

// Generates code for every requested level and writes the artifact; it appears complete or not at
// all. Kernels that were compiled before are taken from $XDG_CACHE_HOME/hydra/kernels.
LogicalResult emitArtifact(ModuleOp plan, const CompileOptions &options,
                           const ArtifactOrigin &origin, const std::string &path);

// The ledger of a planned module as JSON (LedgerJson.h). For target cuda this generates the code,
// whose registers it tells; fails, with a diagnostic, as emitArtifact does.
FailureOr<std::string> planLedger(ModuleOp plan, const CompileOptions &options);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_PIPELINE_EMITARTIFACT_H
