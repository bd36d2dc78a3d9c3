// Which results of a step may be written over which operands.
#ifndef HYDRA_PASSES_PLAN_INPLACE_H
#define HYDRA_PASSES_PLAN_INPLACE_H

#include "passes/plan/KernelTable.h"

namespace mlir::plan {

// Whether result `result` of `op` (a hydra.fusion or a matmul) may share its buffer with operand
// `operand`. Of a fusion its kernel knows (KernelWork.h), from its schedule.
bool mayOverwrite(Operation *op, unsigned operand, unsigned result, const KernelTable &kernels);

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_INPLACE_H
