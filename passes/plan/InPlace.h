// Which results may be written over which operands.
#ifndef HYDRA_PASSES_PLAN_INPLACE_H
#define HYDRA_PASSES_PLAN_INPLACE_H

#include "dialects/plan/PlanDialect.h"

namespace mlir::plan {

// Whether result `result` of `op` (a hydra.fusion or a matmul) may share its buffer with operand
// `operand`: an element of the result is written only after every element of the operand that any
// later work needs has been read. This binds emitters: for one index they read all operands before
// they write, and they finish the reductions of a row (or head) before they write to it. The facts
// are listed in InPlace.cpp.
bool mayOverwrite(Operation *op, unsigned operand, unsigned result);
// The same of a kernel's argument and yielded value.
bool mayOverwrite(KernelOp kernel, unsigned operand, unsigned result);

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_INPLACE_H
