// The stages as pass pipelines, and a runner that stops after any of them.
#ifndef HYDRA_COMPILER_PIPELINE_STAGES_H
#define HYDRA_COMPILER_PIPELINE_STAGES_H

#include "compiler/pipeline/CompileOptions.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include <functional>

namespace mlir::hydra {

// The textual pass pipeline of one stage, as it could be given to --pass-pipeline (without the
// surrounding builtin.module). Empty where a stage has nothing to do under these options.
std::string stagePipeline(Stage stage, const CompileOptions &options);

// Called before every pass manager runs, e.g. to apply command line instrumentation.
using ConfigurePassManager = std::function<LogicalResult(PassManager &)>;

// The options with the model's defaults filled in: entries and cache length.
CompileOptions resolveOptions(ModuleOp module, const CompileOptions &options);

// Runs all stages up to and including `last` on `module`. On failure a located diagnostic has been
// emitted. `options` must be resolved. A spec without hydra.model passes through the model and
// routing stages for its functions.
LogicalResult runStages(ModuleOp module, Stage last, const CompileOptions &options,
                        const ConfigurePassManager &configure);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_PIPELINE_STAGES_H
