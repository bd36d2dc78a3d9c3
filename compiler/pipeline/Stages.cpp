#include "compiler/pipeline/Stages.h"

#include "dialects/hydra/HydraDialect.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::hydra;

static std::string lowerModelOptions(const CompileOptions &options) {
  SmallVector<std::string> entries;
  for (const EntryShape &entry : options.entries)
    entries.push_back(entry.str());
  return "entries=" + llvm::join(entries, ",") + " cache=" + std::to_string(options.cacheLength) +
         (options.routing.empty() ? "" : " mode=" + options.routing);
}

std::string mlir::hydra::stagePipeline(Stage stage, const CompileOptions &options) {
  switch (stage) {
  case Stage::model:
    return "hydra-materialize-params";
  case Stage::routing:
    return "hydra-lower-model{" + lowerModelOptions(options) +
           "},canonicalize,cse,hydra-verify-primitives";
  case Stage::autodiff:
    return std::string("hydra-differentiate") +
           (options.probe.empty() ? "" : "{probe-gradients=true}") + ",canonicalize,cse";
  case Stage::precision:
    // float32 needs no casts; other precisions are refused before the stages run.
    return "";
  case Stage::remat:
    // Nothing is recomputed without a memory budget.
    return "";
  case Stage::fusion:
    return (options.probe.empty() ? "" : "hydra-probe{probe=" + options.probe + "},") +
           "func.func(hydra-decompose-causal-conv,hydra-fold-constants,hydra-fuse-accumulate,"
           "canonicalize,cse,hydra-form-fusions,hydra-verify-fused)";
  case Stage::plan:
    return "hydra-plan,hydra-verify-plan";
  }
  llvm_unreachable("unknown stage");
}

CompileOptions mlir::hydra::resolveOptions(ModuleOp module, const CompileOptions &options) {
  CompileOptions resolved = options;
  for (auto model : module.getOps<LanguageModelOp>()) {
    int64_t maxSeqLen = model.getMaxSeqLen();
    if (resolved.entries.empty())
      resolved.entries = defaultEntries(maxSeqLen);
    if (resolved.cacheLength == 0)
      resolved.cacheLength = std::min<int64_t>(maxSeqLen, 2048);
  }
  return resolved;
}

LogicalResult mlir::hydra::runStages(ModuleOp module, Stage last, const CompileOptions &options,
                                     const ConfigurePassManager &configure) {
  PassManager manager(module.getContext(), ModuleOp::getOperationName());
  if (configure && failed(configure(manager)))
    return failure();
  for (Stage stage : kStages) {
    std::string errors;
    llvm::raw_string_ostream stream(errors);
    std::string pipeline = stagePipeline(stage, options);
    if (!pipeline.empty() && failed(parsePassPipeline(pipeline, manager, stream)))
      return module.emitError() << "stage " << stageName(stage) << ": " << errors;
    if (stage == last)
      break;
  }
  return manager.run(module);
}
