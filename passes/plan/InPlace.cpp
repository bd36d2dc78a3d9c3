#include "passes/plan/InPlace.h"

#include "passes/plan/MatmulPlan.h"

using namespace mlir;
using namespace mlir::plan;

bool mlir::plan::mayOverwrite(Operation *op, unsigned operand, unsigned result,
                              const KernelTable &kernels) {
  if (auto fusion = dyn_cast<hydra::FusionOp>(op))
    return kernels.mayOverwrite(fusion, operand, result);
  // The accumulator, unless it is a factor too.
  Value value = op->getOperand(operand);
  return value == accumulatorOf(op) && llvm::count(op->getOperands(), value) == 1 &&
         value.getType() == op->getResult(result).getType();
}
