#include "passes/plan/InPlace.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::plan;
using namespace mlir::hydra;

namespace {

// An element of a result depends on the same element of operands of the same type (and on broadcast
// ones).
bool isElementwise(Operation *op) { return isa<UnaryOp, BinaryOp, SelectOp, CastOp>(op); }

bool sameStorage(Type a, Type b) {
  auto first = cast<RankedTensorType>(a), second = cast<RankedTensorType>(b);
  return first.getShape() == second.getShape() &&
         first.getElementTypeBitWidth() == second.getElementTypeBitWidth();
}

// The facts, for one primitive.
bool primitiveMayOverwrite(Operation *op, unsigned operand, unsigned result) {
  if (!sameStorage(op->getOperand(operand).getType(), op->getResult(result).getType()))
    return false;
  Value value = op->getOperand(operand);
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<UnaryOp, BinaryOp, SelectOp, CastOp>([](auto) { return true; })
      // Row by row, the reductions of a row before its first element is written.
      .Case([&](RmsNormOp norm) { return value == norm.getX() && value != norm.getWeight(); })
      .Case([&](RmsNormGradOp grad) { return operand < 2 && value != grad.getWeight(); })
      .Case([](L2NormOp) { return true; })
      .Case([&](L2NormGradOp) { return operand < 2; })
      // Saves a second tensor of the size of the logits, the largest of most models.
      .Case([&](CrossEntropyGradOp grad) {
        return value == grad.getLogits() && value != grad.getLse() && value != grad.getDloss();
      })
      // The accumulator is the initial value of the same element.
      .Case([&](ScatterRowsOp scatter) {
        return value == scatter.getAccumulator() && value != scatter.getX();
      })
      .Case([&](hydra::MatmulOp matmul) {
        return value == matmul.getAccumulator() && value != matmul.getA() && value != matmul.getB();
      })
      // A row of the result is a row of x or the same row of the cache.
      .Case([&](CacheUpdateOp update) { return operand == 0 && value != update.getX(); })
      // parameter -> new_parameter, m -> new_m, v -> new_v, gradient -> cleared.
      .Case([&](AdamWOp) {
        constexpr unsigned kOperandOfResult[] = {0, 2, 3, 1};
        return operand == kOperandOfResult[result] && llvm::count(op->getOperands(), value) == 1;
      })
      .Default([](Operation *) { return false; });
}

} // namespace

static bool bodyMayOverwrite(Block &body, unsigned operand, unsigned result) {
  Value argument = body.getArgument(operand);
  Value yielded = body.getTerminator()->getOperand(result);
  if (!sameStorage(argument.getType(), yielded.getType()))
    return false;
  auto primitives = body.without_terminator();
  if (llvm::hasSingleElement(primitives)) {
    Operation *primitive = &*primitives.begin();
    auto opResult = dyn_cast<OpResult>(yielded);
    if (!opResult)
      return false;
    return llvm::all_of(argument.getUses(), [&](OpOperand &use) {
      return use.getOwner() == primitive &&
             primitiveMayOverwrite(primitive, use.getOperandNumber(), opResult.getResultNumber());
    });
  }
  // Several primitives share one loop only where all of them are elementwise.
  return llvm::all_of(primitives, [](Operation &inner) { return isElementwise(&inner); }) &&
         llvm::all_of(argument.getUses(), [&](OpOperand &use) {
           return isElementwise(use.getOwner()) &&
                  sameStorage(argument.getType(), use.getOwner()->getResult(0).getType());
         });
}

bool mlir::plan::mayOverwrite(Operation *op, unsigned operand, unsigned result) {
  if (auto fusion = dyn_cast<FusionOp>(op))
    return bodyMayOverwrite(fusion.getBody().front(), operand, result);
  return primitiveMayOverwrite(op, operand, result);
}

bool mlir::plan::mayOverwrite(KernelOp kernel, unsigned operand, unsigned result) {
  return bodyMayOverwrite(kernel.getBody().front(), operand, result);
}
