#include "compiler/pipeline/Stages.h"

#include "dialects/hydra/HydraDialect.h"
#include "dialects/target/Architecture.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/autodiff/Passes.h"
#include "passes/fusion/Passes.h"
#include "passes/lowering/Passes.h"
#include "passes/plan/Passes.h"
#include "passes/precision/Passes.h"
#include "passes/remat/Passes.h"
#include "passes/routing/Passes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::hydra;

static void simplify(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

static void appendModel(OpPassManager &manager, const CompileOptions &) {
  manager.addPass(createMaterializeParams());
}

static void appendRouting(OpPassManager &manager, const CompileOptions &options) {
  manager.addPass(createWarnUnused());
  // resolveOptions() names the mode; a pipeline by hand, which has not seen the module, is dynamic.
  std::string routing = options.routing.empty() ? "dynamic" : options.routing;
  manager.addPass(createDecideRouting({routing}));
  if (routing == "dynamic")
    manager.addPass(createRouteDynamic({options.variants}));
  else if (routing == "static")
    manager.addPass(createRouteStatic({options.variants}));
  else
    manager.addPass(createRouteFixed({options.variants}));
  manager.addPass(createVerifyRouting());
  LowerModelOptions lowering;
  for (const EntryRequest &entry : options.entries)
    lowering.entries.push_back(entry.str());
  lowering.cache = options.cacheLength;
  // So that they can be probed; the passes in between would remove them.
  lowering.allLogits = !options.probes.empty();
  lowering.modRule = options.modRule;
  manager.addPass(createLowerModel(lowering));
  // Before the passes in between merge what is named.
  if (!options.injected.empty()) {
    InjectOptions injection;
    injection.patterns.append(options.injected.begin(), options.injected.end());
    manager.addPass(createInject(injection));
  }
  simplify(manager);
  manager.addPass(createVerifyPrimitives());
}

static void appendAutodiff(OpPassManager &manager, const CompileOptions &options) {
  HydraDifferentiateOptions differentiation;
  differentiation.probeGradients = !options.probes.empty();
  manager.addPass(createHydraDifferentiate(differentiation));
  simplify(manager);
}

static void appendPrecision(OpPassManager &manager, const CompileOptions &options) {
  if (options.precision != kBfloat16)
    return;
  manager.addPass(createHydraLowerPrecision());
  manager.addPass(createHydraDeriveWeights());
  simplify(manager);
}

// All levels of an artifact share commands and buffers, so that the weakest decides.
static const CpuFacts &weakestLevel(const CompileOptions &options) {
  // Fusion has no policy for GPUs yet: one level's facts, so that a plan does not depend on the
  // processor that it is made on.
  if (options.target == kCuda)
    return allCpuFacts().front();
  auto levels = resolveCpuLevels(options.architectures, ::hydra::HostCpu());
  if (!levels) { // refused where code is generated
    llvm::consumeError(levels.takeError());
    return allCpuFacts().front();
  }
  // They point into allCpuFacts(), which goes from the weakest to the strongest.
  return **llvm::min_element(*levels);
}

// The options of FusionJudge (passes/fusion/Passes.td).
template <typename PassOptions> static PassOptions judgedBy(const CompileOptions &options) {
  PassOptions pass;
  pass.level = weakestLevel(options).name.str();
  pass.enabled = options.fusion == "on";
  pass.noFuse.append(options.noFuse.begin(), options.noFuse.end());
  return pass;
}

static void appendFusion(OpPassManager &manager, const CompileOptions &options) {
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createDecomposeCausalConvPass());
  functions.addPass(createFoldConstantsPass());
  manager.addPass(createFuseAccumulatePass(judgedBy<FuseAccumulatePassOptions>(options)));
  simplify(manager.nest<func::FuncOp>());
  manager.addPass(createFormFusionsPass(judgedBy<FormFusionsPassOptions>(options)));
  if (options.target != "cpu")
    // The cuda driver calls no library.
    manager.addPass(createChooseProductsPass({/*library=*/options.target != kCuda}));
  manager.addNestedPass<func::FuncOp>(createVerifyFusedPass());
}

static void appendRemat(OpPassManager &manager, const CompileOptions &options) {
  // Before anything else, so that probed values are kept and never optimised away.
  if (!options.probes.empty()) {
    ProbePassOptions probe;
    probe.patterns.append(options.probes.begin(), options.probes.end());
    manager.addPass(createProbePass(probe));
  }
  ChunkCrossEntropyPassOptions chunking;
  chunking.rows = options.lossChunk;
  manager.addNestedPass<func::FuncOp>(createChunkCrossEntropyPass(chunking));
  simplify(manager);
  RematerialisePassOptions remat;
  remat.memoryBudget = options.memoryBudget;
  // The estimate is what the stages behind this one make of a copy.
  manager.addPass(createRematerialisePass(
      remat, [options](OpPassManager &copy) { appendFusion(copy, options); }));
  simplify(manager);
}

static void appendPlan(OpPassManager &manager, const CompileOptions &options) {
  plan::PlanPassOptions planning;
  if (options.bucketBytes > 0)
    planning.bucketBytes = options.bucketBytes;
  planning.blocks = options.target != "cpu";
  manager.addPass(plan::createPlanPass(planning));
  if (options.target != "cpu")
    manager.addPass(plan::createAssignGeometryPass());
  manager.addPass(plan::createVerifyPlanPass());
}

ArrayRef<StageInfo> mlir::hydra::allStages() {
  static const StageInfo table[] = {
      {Stage::model, "model", appendModel},
      {Stage::routing, "routing", appendRouting},
      {Stage::autodiff, "autodiff", appendAutodiff},
      // float32 needs no passes.
      {Stage::precision, "precision", appendPrecision},
      {Stage::remat, "remat", appendRemat},
      {Stage::fusion, "fusion", appendFusion},
      {Stage::plan, "plan", appendPlan},
  };
  return table;
}

const StageInfo &mlir::hydra::stageInfo(Stage stage) {
  return allStages()[static_cast<size_t>(stage)];
}

llvm::Expected<Stage> mlir::hydra::parseStage(StringRef name) {
  SmallVector<StringRef> names;
  for (const StageInfo &info : allStages()) {
    if (info.name == name)
      return info.stage;
    names.push_back(info.name);
  }
  return llvm::createStringError("expected a stage, one of " + llvm::join(names, ", ") +
                                 ", found '" + name + "'");
}

void mlir::hydra::registerStagePipelines() {
  for (const StageInfo &info : allStages()) {
    registerPassPipeline(
        ("hydra-" + info.name + "-pipeline").str(), ("The passes of stage " + info.name).str(),
        [&info](OpPassManager &manager, StringRef options,
                function_ref<LogicalResult(const Twine &)> emitError) {
          if (!options.empty())
            return emitError("a stage takes no options here; use the flags of hydra-opt");
          info.append(manager, CompileOptions());
          return success();
        },
        [](function_ref<void(const mlir::detail::PassOptions &)>) {});
  }
}

CompileOptions mlir::hydra::resolveOptions(ModuleOp module, const CompileOptions &options) {
  CompileOptions resolved = options;
  if (resolved.routing.empty())
    resolved.routing = defaultRouting(module).str();
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
  for (const StageInfo &info : allStages()) {
    info.append(manager, options);
    if (info.stage == last)
      break;
  }
  // Behind the passes, so that what is configured can see them.
  if (configure && failed(configure(manager)))
    return failure();
  return manager.run(module);
}
