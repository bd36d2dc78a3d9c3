// Derivatives of the ops that move rows by index (HydraMoveOps.td).
#include "passes/autodiff/DerivativeModels.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

struct EmbeddingDerivative : Derivative<EmbeddingDerivative, EmbeddingOp> {
  LogicalResult adjoint(EmbeddingOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    int64_t size = tensorType(op.getTable()).getShape()[0];
    result[0] = ScatterRowsOp::create(b.getBuilder(), b.getLoc(), gradients[0], op.getTokens(),
                                      Value(), op.getRows(), size, op.getScale());
    return success();
  }
};

struct GatherRowsDerivative : Derivative<GatherRowsDerivative, GatherRowsOp> {
  LogicalResult adjoint(GatherRowsOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    int64_t size = tensorType(op.getX()).getShape()[0];
    result[0] =
        ScatterRowsOp::create(b.getBuilder(), b.getLoc(), gradients[0], op.getIndex(), Value(),
                              op.getRows(), size, llvm::APFloat(1.0), op.getUnique());
    return success();
  }
};

struct ScatterRowsDerivative : Derivative<ScatterRowsDerivative, ScatterRowsOp> {
  LogicalResult adjoint(ScatterRowsOp op, AdjointBuilder &b, ValueRange gradients,
                        ArrayRef<bool> needed, MutableArrayRef<Value> result) const {
    Value dy = gradients[0], rows = op.getRows();
    if (needed[0]) {
      Value index = b.reshape(op.getIndex(), {tensorType(op.getIndex()).getNumElements()});
      Value gathered =
          GatherRowsOp::create(b.getBuilder(), b.getLoc(), dy, index, rows, op.getUnique());
      gathered = b.scale(gathered, op.getScale().convertToDouble(), rows);
      result[0] = b.reshape(gathered, tensorType(op.getX()).getShape());
    }
    if (op.getAccumulator() && needed[2])
      result[2] = dy;
    return success();
  }
};

} // namespace

void hydra::attachMoveDerivatives(MLIRContext *context) {
  EmbeddingOp::attachInterface<EmbeddingDerivative>(*context);
  GatherRowsOp::attachInterface<GatherRowsDerivative>(*context);
  ScatterRowsOp::attachInterface<ScatterRowsDerivative>(*context);
}
