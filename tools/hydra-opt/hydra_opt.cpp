// hydra-opt: compiles model specs; every stage can be printed, stopped at and explained.
#include "dialects/hydra/HydraDialect.h"
#include "dialects/plan/PlanDialect.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "passes/fusion/Passes.h"
#include "passes/plan/Passes.h"

int main(int argc, char** argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<mlir::hydra::HydraDialect, mlir::plan::PlanDialect>();
  mlir::hydra::registerCostExternalModels(registry);
  mlir::registerAllPasses();
  mlir::hydra::registerFusionPasses();
  mlir::plan::registerPlanPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "HYDRA model compiler\n", registry));
}
