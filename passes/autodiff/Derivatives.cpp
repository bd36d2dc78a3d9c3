#include "passes/autodiff/Derivatives.h"

#include "passes/autodiff/DerivativeModels.h"

using namespace mlir;

void mlir::hydra::registerDerivativeExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, HydraDialect *) {
    attachElementwiseDerivatives(context);
    attachMatmulDerivatives(context);
    attachRowDerivatives(context);
    attachSequenceDerivatives(context);
    attachMoveDerivatives(context);
    attachRoutingDerivatives(context);
    attachLossDerivatives(context);
  });
}
