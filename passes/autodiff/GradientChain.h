// Adding gradient contributions to an accumulator. Private to this folder.
#ifndef HYDRA_PASSES_AUTODIFF_GRADIENTCHAIN_H
#define HYDRA_PASSES_AUTODIFF_GRADIENTCHAIN_H

#include "passes/autodiff/AdjointBuilder.h"

namespace mlir::hydra {

/// accumulator + contributions, chained in the order given, each link placed where its contribution
/// is computed. A contribution whose last op can accumulate (matmul, scatter_rows,
/// grouped_weight_grad, also behind a reshape) and which nothing else uses takes the running sum as
/// that op's accumulator instead of being a value of its own. That such an op adds in an order of
/// its own is why a gradient that is observed is chained the same way.
class GradientChain {
public:
  /// `all` are the contributions of all arguments; what is one more than once stays a value.
  explicit GradientChain(ArrayRef<ArrayRef<Value>> all);

  /// Adds to `accumulator`.
  Value accumulate(Value accumulator, ArrayRef<Value> contributions);
  /// The sum of at least one contribution.
  Value sum(ArrayRef<Value> contributions);
  /// accumulator + contribution, which stays a value.
  Value add(Value accumulator, Value contribution);

  int64_t folded() const { return foldedCount; }
  int64_t added() const { return addedCount; }

private:
  bool fold(Value accumulator, Value contribution);

  DenseSet<Value> shared;
  int64_t foldedCount = 0;
  int64_t addedCount = 0;
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_AUTODIFF_GRADIENTCHAIN_H
