#include "passes/autodiff/RowGradients.h"

#include "passes/autodiff/AdjointBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::hydra;

Value hydra::getRows(Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<UnaryOp, BinaryOp, SelectOp, CastOp, BroadcastOp, ReduceOp, SplitOp, ConcatOp, MatmulOp,
            RmsNormOp, RmsNormGradOp, RmsNormWeightGradOp, L2NormOp, L2NormGradOp, SwigluOp,
            SwigluGradOp, HeadMixOp, EmbeddingOp, GatherRowsOp, ScatterRowsOp, MergeRowsOp>(
          [](auto rowOp) { return rowOp.getRows(); })
      .Default(Value());
}

bool hydra::isRowwiseOperand(OpOperand &operand) {
  Operation *op = operand.getOwner();
  unsigned index = operand.getOperandNumber();
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](MatmulOp matmul) { return matmul.getTransposeA() ? index < 2 : index != 1; })
      .Case<EmbeddingOp, GatherRowsOp>([](auto) { return false; }) // rows count the index list
      .Case([&](ScatterRowsOp) { return index < 2; })
      .Case([&](MergeRowsOp) { return index == 1; })
      .Case<RmsNormOp, RmsNormWeightGradOp>([&](auto) { return index == 0; })
      .Case<BinaryOp, SelectOp, BroadcastOp>([&](auto broadcasting) {
        return leadingRows(tensorType(operand.get())) ==
               leadingRows(tensorType(broadcasting.getResult()));
      })
      .Default(true);
}

bool hydra::isRowwiseResult(OpResult result) {
  return llvm::TypeSwitch<Operation *, bool>(result.getOwner())
      .Case([](MatmulOp matmul) { return !matmul.getTransposeA(); })
      .Case([](ReduceOp reduce) { return reduce.getAxes() == ReduceAxes::last; })
      .Case<RmsNormWeightGradOp, ScatterRowsOp, MergeRowsOp>([](auto) { return false; })
      .Default(true);
}
