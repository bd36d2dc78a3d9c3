// Derivative of the cross-entropy (HydraLossOps.td).
#include "passes/autodiff/DerivativeModels.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

struct CrossEntropyDerivative : Derivative<CrossEntropyDerivative, CrossEntropyOp> {
  LogicalResult adjoint(CrossEntropyOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    if (gradients[2])
      return op.emitOpError("has no derivative of its log-sum-exp, but a gradient reaches it; put "
                            "hydra.stop behind it");
    if (gradients[0]) {
      Value count = b.countValid(op.getTargets(), tensorType(op.getLogits()).getElementType());
      result[0] = CrossEntropyGradOp::create(b.getBuilder(), b.getLoc(), b.div(gradients[0], count),
                                             op.getLogits(), op.getTargets(), op.getLse());
    }
    return success();
  }
};

} // namespace

void hydra::attachLossDerivatives(MLIRContext *context) {
  CrossEntropyOp::attachInterface<CrossEntropyDerivative>(*context);
}
