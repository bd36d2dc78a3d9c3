// Derivatives of the primitives: DifferentiableOpInterface as external models.
#ifndef HYDRA_PASSES_AUTODIFF_DERIVATIVES_H
#define HYDRA_PASSES_AUTODIFF_DERIVATIVES_H

#include "mlir/IR/DialectRegistry.h"

namespace mlir::hydra {

/// Attaches DifferentiableOpInterface to every primitive without the NotDifferentiable trait, when
/// the hydra dialect is loaded from `registry`. Every derivative takes the `rows` operand of its
/// op: gradients of row-wise operands are then defined in those rows only, and sums over rows stop
/// there.
void registerDerivativeExternalModels(DialectRegistry &registry);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_AUTODIFF_DERIVATIVES_H
