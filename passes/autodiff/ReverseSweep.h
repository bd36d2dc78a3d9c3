// Reverse-mode differentiation of one straight-line block. Private to this folder.
#ifndef HYDRA_PASSES_AUTODIFF_REVERSESWEEP_H
#define HYDRA_PASSES_AUTODIFF_REVERSESWEEP_H

#include "passes/autodiff/AdjointBuilder.h"
#include "passes/autodiff/RowGradients.h"

#include "llvm/ADT/MapVector.h"

namespace mlir::hydra {

/// Propagates gradients from seeded values back to wanted block arguments. Adjoint ops are placed
/// before the block's terminator, in reverse order of the ops they come from.
class ReverseSweep {
public:
  /// `wanted`: arguments of `block` whose gradients are asked for. `block` must outlive the sweep.
  ReverseSweep(Block &block, ValueRange wanted);

  /// Whether a wanted argument has a differentiable path to `value`. Values that carry no gradient
  /// by definition (integers, results of stop and of comparisons, the token loss) have none.
  bool dependsOnWanted(Value value) const { return dependent.contains(value); }

  /// Adds a gradient of `value`, of its type and defined in all its rows.
  void seed(Value value, Value gradient);

  /// Runs once, after the seeds. Fails with a diagnostic at an op that a gradient would have to
  /// pass and cannot.
  LogicalResult run();

  /// The gradients of a wanted argument in the order they were computed; their sum is its gradient.
  /// None if no gradient reached it. Each is defined in all rows.
  ArrayRef<Value> contributions(Value wanted) const;

  /// The operands through which those gradients came, in the same order; a seed has none.
  ArrayRef<OpOperand *> uses(Value wanted) const;

  /// Number of ops created so far.
  int64_t createdOps() const { return created; }

private:
  void addGradient(Value value, Gradient gradient, AdjointBuilder &builder);
  Value inAllRows(Gradient gradient, AdjointBuilder &builder);
  LogicalResult visit(Operation *op);

  Block &block;
  llvm::MapVector<Value, SmallVector<Value>> wantedGradients;
  DenseMap<Value, SmallVector<OpOperand *>> wantedUses;
  DenseSet<Value> dependent;
  DenseMap<Value, Gradient> gradients;
  int64_t created = 0;
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_AUTODIFF_REVERSESWEEP_H
