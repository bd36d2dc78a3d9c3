// Adding gradient contributions to an accumulator. Private to this folder.
#ifndef HYDRA_PASSES_AUTODIFF_GRADIENTCHAIN_H
#define HYDRA_PASSES_AUTODIFF_GRADIENTCHAIN_H

#include "passes/autodiff/AdjointBuilder.h"

namespace mlir::hydra {

/// accumulator + contributions, chained in the order given, each link placed where its contribution
/// is computed. A contribution whose last op can accumulate (matmul, scatter_rows,
/// grouped_weight_grad, also behind a reshape) and which nothing else uses takes the running sum as
/// that op's accumulator instead of being a value of its own.
class GradientChain {
public:
  /// Adds to `accumulator`. `shared` holds the values that are a contribution more than once.
  Value accumulate(Value accumulator, ArrayRef<Value> contributions, const DenseSet<Value> &shared);

  /// The sum of at least one contribution.
  Value sum(ArrayRef<Value> contributions);

  int64_t folded() const { return foldedCount; }
  int64_t added() const { return addedCount; }

private:
  Value add(Value accumulator, Value contribution);
  bool fold(Value accumulator, Value contribution);

  int64_t foldedCount = 0;
  int64_t addedCount = 0;
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_AUTODIFF_GRADIENTCHAIN_H
