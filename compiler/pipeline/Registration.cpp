#include "compiler/pipeline/Registration.h"

#include "compiler/codegen/CpuCode.h"
#include "compiler/interpreter/Interpreter.h"
#include "compiler/pipeline/Stages.h"
#include "dialects/hydra/HydraDialect.h"
#include "dialects/plan/PlanDialect.h"
#include "dialects/rows/RowsDialect.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllPasses.h"
#include "passes/autodiff/Derivatives.h"
#include "passes/autodiff/Passes.h"
#include "passes/fusion/Passes.h"
#include "passes/lowering/Passes.h"
#include "passes/plan/Passes.h"
#include "passes/precision/Passes.h"
#include "passes/remat/Passes.h"
#include "passes/routing/Passes.h"

void mlir::hydra::registerEverything(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  registry.insert<mlir::hydra::HydraDialect, mlir::plan::PlanDialect>();
  mlir::hydra::registerCostExternalModels(registry);
  mlir::rows::registerRowBodyExternalModels(registry);
  mlir::hydra::registerInterpreterExternalModels(registry);
  mlir::hydra::registerKernelExternalModels(registry);
  mlir::hydra::registerDerivativeExternalModels(registry);

  mlir::registerAllPasses();
  mlir::hydra::registerHydraLoweringPasses();
  mlir::hydra::registerHydraRoutingPasses();
  mlir::hydra::registerHydraAutodiffPasses();
  mlir::hydra::registerHydraPrecisionPasses();
  mlir::hydra::registerHydraRematPasses();
  mlir::hydra::registerHydraFusionPasses();
  mlir::plan::registerHydraPlanPasses();
  mlir::hydra::registerStagePipelines();
}
