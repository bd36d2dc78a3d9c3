// Derivatives of the ops that select, order and group rows (HydraRoutingOps.td).
#include "passes/autodiff/DerivativeModels.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

struct MergeRowsDerivative : Derivative<MergeRowsDerivative, MergeRowsOp> {
  LogicalResult adjoint(MergeRowsOp op, AdjointBuilder &b, ValueRange gradients,
                        ArrayRef<bool> needed, MutableArrayRef<Value> result) const {
    Value dy = gradients[0];
    if (needed[0])
      result[0] = op.getAccumulate() ? dy
                                     : MergeRowsOp::create(b.getBuilder(), b.getLoc(), dy,
                                                           b.zeros(tensorType(dy)), op.getRows());
    result[1] = dy; // of which the first `rows` rows count
    return success();
  }
};

// y = x W^T: dx = dy W, dW = dy^T x; y = x W: dx = dy W^T, dW = x^T dy.
struct GroupedMatmulDerivative : Derivative<GroupedMatmulDerivative, GroupedMatmulOp> {
  static constexpr unsigned kFirstWeight = 2;

  LogicalResult adjoint(GroupedMatmulOp op, AdjointBuilder &b, ValueRange gradients,
                        ArrayRef<bool> needed, MutableArrayRef<Value> result) const {
    Value dy = gradients[0], x = op.getX(), offsets = op.getOffsets();
    bool transposeB = op.getTransposeB();
    if (needed[0])
      result[0] = GroupedMatmulOp::create(b.getBuilder(), b.getLoc(), dy, offsets, op.getWeights(),
                                          !transposeB);
    for (unsigned group = 0; group < op.getWeights().size(); ++group)
      if (needed[kFirstWeight + group])
        result[kFirstWeight + group] =
            GroupedWeightGradOp::create(b.getBuilder(), b.getLoc(), transposeB ? dy : x,
                                        transposeB ? x : dy, offsets, Value(), group);
    return success();
  }

  // The weight of a group without rows has no gradient.
  Value buildPresence(Operation *op, OpBuilder &builder, unsigned operand) const {
    if (operand < kFirstWeight)
      return Value();
    auto matmul = cast<GroupedMatmulOp>(op);
    AdjointBuilder b(builder, op);
    SmallVector<int64_t> sizes(matmul.getWeights().size() + 1, 1);
    auto offsets = SplitOp::create(builder, b.getLoc(), matmul.getOffsets(), sizes, Value());
    unsigned group = operand - kFirstWeight;
    Value some = b.binary(BinaryKind::gt, offsets.getResult(group + 1), offsets.getResult(group));
    return b.reshape(some, {});
  }
};

} // namespace

void hydra::attachRoutingDerivatives(MLIRContext *context) {
  MergeRowsOp::attachInterface<MergeRowsDerivative>(*context);
  GroupedMatmulOp::attachInterface<GroupedMatmulDerivative>(*context);
}
