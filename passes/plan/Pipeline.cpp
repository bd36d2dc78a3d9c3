// Registration and order of the plan stage.
#include "passes/plan/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace mlir::plan;

namespace {
#define GEN_PASS_REGISTRATION
#include "passes/plan/Passes.h.inc"
} // namespace

void mlir::plan::buildPlanPipeline(OpPassManager &manager) {
  manager.addPass(createPlanPass());
  manager.addPass(createVerifyPlanPass());
}

void mlir::plan::registerPlanPasses() {
  registerHydraPlanPasses();
  PassPipelineRegistration<>("hydra-plan-pipeline",
                             "The plan stage: functions of fusions to buffers and commands",
                             buildPlanPipeline);
}
