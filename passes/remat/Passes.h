// Passes of the remat stage; described in Passes.td.
#ifndef HYDRA_PASSES_REMAT_PASSES_H
#define HYDRA_PASSES_REMAT_PASSES_H

#include "dialects/hydra/HydraDialect.h"
#include "dialects/plan/PlanDialect.h"
#include "dialects/rows/RowsDialect.h"
#include "passes/remat/MemoryEstimate.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::hydra {

#define GEN_PASS_DECL
#include "passes/remat/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/remat/Passes.h.inc"

// Estimates after `fusion`; the pass without it forms fusions as the smallest level would.
std::unique_ptr<Pass> createRematerialisePass(const RematerialisePassOptions &options,
                                              AppendFusion fusion);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_REMAT_PASSES_H
