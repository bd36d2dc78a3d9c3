// Registration of the derivatives, one function per op definition file. Private to this folder.
#ifndef HYDRA_PASSES_AUTODIFF_DERIVATIVEMODELS_H
#define HYDRA_PASSES_AUTODIFF_DERIVATIVEMODELS_H

#include "passes/autodiff/AdjointBuilder.h"

namespace mlir::hydra {

/// Base of an external model: typed access to the op and no repetition of the interface's
/// signature. `Model` provides `LogicalResult adjoint(OpT, AdjointBuilder &, ValueRange
/// resultGradients, ArrayRef<bool> needed, MutableArrayRef<Value> operandGradients) const`.
template <typename Model, typename OpT>
struct Derivative : DifferentiableOpInterface::ExternalModel<Model, OpT> {
  LogicalResult buildAdjoint(Operation *op, OpBuilder &builder, ValueRange resultGradients,
                             ArrayRef<bool> needed,
                             SmallVectorImpl<Value> &operandGradients) const {
    operandGradients.assign(op->getNumOperands(), Value());
    AdjointBuilder adjoint(builder, op);
    return static_cast<const Model *>(this)->adjoint(cast<OpT>(op), adjoint, resultGradients,
                                                     needed, operandGradients);
  }
};

void attachElementwiseDerivatives(MLIRContext *context);
void attachMatmulDerivatives(MLIRContext *context);
void attachRowDerivatives(MLIRContext *context);
void attachSequenceDerivatives(MLIRContext *context);
void attachMoveDerivatives(MLIRContext *context);
void attachRoutingDerivatives(MLIRContext *context);
void attachLossDerivatives(MLIRContext *context);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_AUTODIFF_DERIVATIVEMODELS_H
