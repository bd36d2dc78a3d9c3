// hydra-reduce: mlir-reduce with HYDRA's dialects and passes: makes a program that shows a fault
// small (docs/tools/hydra-reduce.md).
#include <cstdlib>

#include "compiler/pipeline/Registration.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

int main(int argc, char** argv) {
  mlir::DialectRegistry registry;
  mlir::hydra::registerEverything(registry);
  mlir::MLIRContext context(registry);
  return failed(mlir::mlirReduceMain(argc, argv, context)) ? EXIT_FAILURE : EXIT_SUCCESS;
}
