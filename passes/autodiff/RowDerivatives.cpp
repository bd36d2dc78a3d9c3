// Derivatives of the row ops (HydraRowOps.td).
#include "passes/autodiff/DerivativeModels.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

struct RmsNormDerivative : Derivative<RmsNormDerivative, RmsNormOp> {
  LogicalResult adjoint(RmsNormOp op, AdjointBuilder &b, ValueRange gradients,
                        ArrayRef<bool> needed, MutableArrayRef<Value> result) const {
    Value dy = gradients[0];
    if (needed[0])
      result[0] = RmsNormGradOp::create(b.getBuilder(), b.getLoc(), dy, op.getX(), op.getWeight(),
                                        op.getRows(), op.getEps());
    if (needed[1])
      result[1] = RmsNormWeightGradOp::create(b.getBuilder(), b.getLoc(), dy, op.getX(),
                                              op.getRows(), op.getEps());
    return success();
  }
};

struct L2NormDerivative : Derivative<L2NormDerivative, L2NormOp> {
  LogicalResult adjoint(L2NormOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    result[0] = L2NormGradOp::create(b.getBuilder(), b.getLoc(), gradients[0], op.getX(),
                                     op.getRows(), op.getHeads(), op.getEps());
    return success();
  }
};

struct SwigluDerivative : Derivative<SwigluDerivative, SwigluOp> {
  LogicalResult adjoint(SwigluOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    result[0] =
        SwigluGradOp::create(b.getBuilder(), b.getLoc(), gradients[0], op.getX(), op.getRows());
    return success();
  }
};

struct HeadMixDerivative : Derivative<HeadMixDerivative, HeadMixOp> {
  LogicalResult adjoint(HeadMixOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    int64_t from = op.getFromHeads(), to = op.getToHeads();
    double scale = op.getScale().convertToDouble() * to / from;
    result[0] = HeadMixOp::create(b.getBuilder(), b.getLoc(), gradients[0], op.getRows(), to, from,
                                  llvm::APFloat(scale));
    return success();
  }
};

// A rotation; its adjoint is the rotation back.
struct RopeDerivative : Derivative<RopeDerivative, RopeOp> {
  LogicalResult adjoint(RopeOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool> needed,
                        MutableArrayRef<Value> result) const {
    if (needed[1])
      return op.emitOpError("has no derivative with respect to its table, but a gradient of the "
                            "table is wanted; put hydra.stop before it");
    result[0] = RopeOp::create(b.getBuilder(), b.getLoc(), gradients[0], op.getTable(),
                               op.getPosition(), !op.getInverse());
    return success();
  }
};

} // namespace

void hydra::attachRowDerivatives(MLIRContext *context) {
  RmsNormOp::attachInterface<RmsNormDerivative>(*context);
  L2NormOp::attachInterface<L2NormDerivative>(*context);
  SwigluOp::attachInterface<SwigluDerivative>(*context);
  HeadMixOp::attachInterface<HeadMixDerivative>(*context);
  RopeOp::attachInterface<RopeDerivative>(*context);
}
