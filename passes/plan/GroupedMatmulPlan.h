// hydra.grouped_matmul and hydra.grouped_weight_grad as plan.matmul commands.
#ifndef HYDRA_PASSES_PLAN_GROUPEDMATMULPLAN_H
#define HYDRA_PASSES_PLAN_GROUPEDMATMULPLAN_H

#include "passes/plan/StorageAssignment.h"

namespace mlir::plan {

// One command over all groups if their weights lie at equal distances, as the experts of a layer
// do, else one per group: its tiles begin at the first row of each group either way, so that the
// bits are the same.
void emitGroupedMatmul(OpBuilder &builder, hydra::GroupedMatmulOp op,
                       const StorageAssignment &storage, StringRef scope);

// One command over the rows of the group. The result's place holds the accumulator already.
void emitGroupedWeightGrad(OpBuilder &builder, hydra::GroupedWeightGradOp op,
                           const StorageAssignment &storage, StringRef scope);

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_GROUPEDMATMULPLAN_H
