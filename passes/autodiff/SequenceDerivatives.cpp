// Derivatives of the window ops and attention (HydraSequenceOps.td).
#include "passes/autodiff/DerivativeModels.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Histories belong to decoding, which is not differentiated.
LogicalResult refuseHistory(Operation *op, Value history, ArrayRef<bool> needed, unsigned index) {
  if (!history || !needed[index])
    return success();
  return op->emitOpError("has no derivative with respect to its history, but a gradient of the "
                         "history is wanted; differentiate a function without histories or put "
                         "hydra.stop before it");
}

struct ShiftDerivative : Derivative<ShiftDerivative, ShiftOp> {
  LogicalResult adjoint(ShiftOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool> needed,
                        MutableArrayRef<Value> result) const {
    if (failed(refuseHistory(op, op.getHistory(), needed, 1)))
      return failure();
    result[0] = ShiftOp::create(b.getBuilder(), b.getLoc(), gradients[0], Value(), Value(),
                                op.getFromChannel(), !op.getReverse());
    return success();
  }
};

// causal_conv is matmul(unfold(x), filter as a matrix), and its derivative that of the two.
struct CausalConvDerivative : Derivative<CausalConvDerivative, CausalConvOp> {
  LogicalResult adjoint(CausalConvOp op, AdjointBuilder &b, ValueRange gradients,
                        ArrayRef<bool> needed, MutableArrayRef<Value> result) const {
    if (failed(refuseHistory(op, op.getHistory(), needed, 2)))
      return failure();
    OpBuilder &builder = b.getBuilder();
    Value dy = gradients[0], x = op.getX(), filter = op.getFilter();
    ArrayRef<int64_t> shape = tensorType(filter).getShape();
    int64_t width = shape[2];
    uint64_t groups = tensorType(x).getShape().back() / shape[1];
    if (needed[0]) {
      Value matrix = b.reshape(filter, {shape[0], shape[1] * width});
      Value windows = MatmulOp::create(builder, b.getLoc(), dy, matrix, Value(), Value(), false,
                                       false, groups, TypeAttr());
      result[0] = FoldOp::create(builder, b.getLoc(), windows, width);
    }
    if (needed[1]) {
      Value windows =
          UnfoldOp::create(builder, b.getLoc(), x, op.getHistory(), op.getPosition(), width);
      Value matrix = MatmulOp::create(builder, b.getLoc(), dy, windows, Value(), Value(),
                                      /*transpose_a=*/true, false, groups, TypeAttr());
      result[1] = b.reshape(matrix, shape);
    }
    return success();
  }
};

struct UnfoldDerivative : Derivative<UnfoldDerivative, UnfoldOp> {
  LogicalResult adjoint(UnfoldOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool> needed,
                        MutableArrayRef<Value> result) const {
    if (failed(refuseHistory(op, op.getHistory(), needed, 1)))
      return failure();
    result[0] = FoldOp::create(b.getBuilder(), b.getLoc(), gradients[0], op.getWidth());
    return success();
  }
};

struct FoldDerivative : Derivative<FoldDerivative, FoldOp> {
  LogicalResult adjoint(FoldOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    result[0] =
        UnfoldOp::create(b.getBuilder(), b.getLoc(), gradients[0], Value(), Value(), op.getWidth());
    return success();
  }
};

struct AttentionDerivative : Derivative<AttentionDerivative, AttentionOp> {
  LogicalResult adjoint(AttentionOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    if (gradients[1])
      return op.emitOpError("has no derivative of its log-sum-exp, but a gradient reaches it; put "
                            "hydra.stop behind it");
    int64_t queries = tensorType(op.getQ()).getShape()[1];
    int64_t keys = tensorType(op.getK()).getShape()[1];
    if (queries != keys || op.getPosition() || op.getCount())
      return op.emitOpError("has a derivative only for a whole sequence, as many queries as keys "
                            "and neither position nor count; found ")
             << queries << " queries, " << keys << " keys"
             << (op.getPosition() ? " and a position" : "")
             << (op.getCount() ? " and a count" : "");
    auto grad = AttentionGradOp::create(b.getBuilder(), b.getLoc(), gradients[0], op.getQ(),
                                        op.getK(), op.getV(), op.getResult(), op.getLse(),
                                        op.getHeads(), op.getKvHeads(), op.getScale());
    result[0] = grad.getDq();
    result[1] = grad.getDk();
    result[2] = grad.getDv();
    return success();
  }
};

} // namespace

void hydra::attachSequenceDerivatives(MLIRContext *context) {
  ShiftOp::attachInterface<ShiftDerivative>(*context);
  CausalConvOp::attachInterface<CausalConvDerivative>(*context);
  UnfoldOp::attachInterface<UnfoldDerivative>(*context);
  FoldOp::attachInterface<FoldDerivative>(*context);
  AttentionOp::attachInterface<AttentionDerivative>(*context);
}
