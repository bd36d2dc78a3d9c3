// A product (hydra.matmul, hydra.grouped_matmul, hydra.grouped_weight_grad) as strided matrices.
#ifndef HYDRA_DIALECTS_PLAN_MATMULSHAPE_H
#define HYDRA_DIALECTS_PLAN_MATMULSHAPE_H

#include "dialects/hydra/HydraDialect.h"

namespace mlir::plan {

// C [m, n] = op(A) [m, k] op(B) [k, n], of `groups` of them. Fields as in artifact.fbs
// MatmulCommand; all counts and strides in elements.
struct MatmulShape {
  int64_t m = 0, n = 0, k = 0;
  int64_t lda = 0, ldb = 0, ldc = 0;
  int64_t groups = 1, groupA = 0, groupB = 0, groupC = 0;
  bool transposeA = false, transposeB = false;
};

// Of grouped_matmul and grouped_weight_grad: as if one group had all rows.
MatmulShape matmulShape(Operation *product);

// Whether the op is a product: a matmul command of the plan, or a kernel of kind `matmul`.
inline bool isProduct(Operation *op) {
  return isa<hydra::MatmulOp, hydra::GroupedMatmulOp, hydra::GroupedWeightGradOp>(op);
}
// What a product adds to; null if it adds to nothing.
Value accumulatorOf(Operation *product);
// The numbers on the device that say how many rows of A (and, where A is transposed, of B) count:
// a scalar, or the offsets of groups; null: all do. They bound the contraction of a transposed A,
// else the rows of C.
Value countsOf(Operation *product);

} // namespace mlir::plan

#endif // HYDRA_DIALECTS_PLAN_MATMULSHAPE_H
