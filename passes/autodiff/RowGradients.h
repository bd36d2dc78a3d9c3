// Which gradients are defined in some rows only. Private to this folder.
#ifndef HYDRA_PASSES_AUTODIFF_ROWGRADIENTS_H
#define HYDRA_PASSES_AUTODIFF_ROWGRADIENTS_H

#include "dialects/hydra/HydraDialect.h"

namespace mlir::hydra {

/// A gradient. With `rows`, only the first `rows` rows of `value` are defined and the gradient of
/// the others is zero: an op that reads `rows` rows of a tensor does not depend on the rest of it,
/// although the tensor may be defined there and used by another op.
struct Gradient {
  Value value;
  Value rows;
};

/// The `rows` operand of a primitive, or null.
Value getRows(Operation *op);

/// Whether an op with `rows` reads only the first `rows` rows of this operand.
bool isRowwiseOperand(OpOperand &operand);

/// Whether an op with `rows` defines only the first `rows` rows of this result.
bool isRowwiseResult(OpResult result);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_AUTODIFF_ROWGRADIENTS_H
