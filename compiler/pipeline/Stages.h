// The stages: their names, order and passes. This table is the only list of them.
#ifndef HYDRA_COMPILER_PIPELINE_STAGES_H
#define HYDRA_COMPILER_PIPELINE_STAGES_H

#include "compiler/pipeline/CompileOptions.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <functional>

namespace mlir::hydra {

// In pipeline order (blueprint section 2). Names are those of --stop-after.
enum class Stage { model, routing, autodiff, precision, remat, fusion, plan };

struct StageInfo {
  Stage stage;
  llvm::StringLiteral name;
  // Appends the passes of the stage.
  void (*append)(OpPassManager &manager, const CompileOptions &options);
};

// All stages in order.
llvm::ArrayRef<StageInfo> allStages();
const StageInfo &stageInfo(Stage stage);
// The stage of that name. The error lists the names.
llvm::Expected<Stage> parseStage(llvm::StringRef name);

// Makes every stage a pipeline of that name: --hydra-fusion-pipeline.
void registerStagePipelines();

// Called before the pass manager runs, e.g. to apply command line instrumentation.
using ConfigurePassManager = std::function<LogicalResult(PassManager &)>;

// The options with the model's defaults filled in: entries and cache length. Only defaults are made
// to fit the model; what was asked for and does not fit is refused by the routing stage.
CompileOptions resolveOptions(ModuleOp module, const CompileOptions &options);

// Runs all stages up to and including `last` on `module`. On failure a located diagnostic has been
// emitted. `options` must be resolved. A spec without hydra.model passes through the model and
// routing stages for its functions.
LogicalResult runStages(ModuleOp module, Stage last, const CompileOptions &options,
                        const ConfigurePassManager &configure);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_PIPELINE_STAGES_H
