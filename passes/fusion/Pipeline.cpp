// Registration and order of the fusion stage.
#include "passes/fusion/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {
#define GEN_PASS_REGISTRATION
#include "passes/fusion/Passes.h.inc"
} // namespace

void mlir::hydra::buildFusionPipeline(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createDecomposeCausalConvPass());
  manager.addNestedPass<func::FuncOp>(createFoldConstantsPass());
  manager.addNestedPass<func::FuncOp>(createFuseAccumulatePass());
  manager.addNestedPass<func::FuncOp>(createFormFusionsPass());
  manager.addNestedPass<func::FuncOp>(createVerifyFusedPass());
}

void mlir::hydra::registerFusionPasses() {
  registerHydraFusionPasses();
  PassPipelineRegistration<>("hydra-fusion-pipeline",
                             "The fusion stage: functions of primitives to functions of fusions",
                             buildFusionPipeline);
}
