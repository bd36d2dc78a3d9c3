#include "passes/plan/InPlace.h"

using namespace mlir;
using namespace mlir::plan;

bool mlir::plan::mayOverwrite(Operation *op, unsigned operand, unsigned result,
                              const KernelTable &kernels) {
  if (auto fusion = dyn_cast<hydra::FusionOp>(op))
    return mayOverwrite(kernels.lookup(fusion).kernel, operand, result);
  auto matmul = cast<hydra::MatmulOp>(op);
  Value value = op->getOperand(operand);
  return value == matmul.getAccumulator() && value != matmul.getA() && value != matmul.getB() &&
         value.getType() == matmul.getResult().getType();
}
