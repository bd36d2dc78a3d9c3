// Proof that a storage assignment never loses a value.
#ifndef HYDRA_PASSES_PLAN_CHECKASSIGNMENT_H
#define HYDRA_PASSES_PLAN_CHECKASSIGNMENT_H

#include "passes/plan/StorageAssignment.h"

namespace mlir::plan {

// Follows the steps of `function` and remembers for every byte which value was written there last.
// Fails with a diagnostic at the op that would read anything else than its operand, that writes
// over an operand which it may not overwrite, or at the function if a result does not arrive.
// Independent of how places were chosen; hydra-plan runs it on every entry.
LogicalResult checkAssignment(func::FuncOp function, const StorageAssignment &assignment);

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_CHECKASSIGNMENT_H
