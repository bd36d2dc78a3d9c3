// Passes of the fusion stage, described in Passes.td.
#ifndef HYDRA_PASSES_FUSION_PASSES_H
#define HYDRA_PASSES_FUSION_PASSES_H

#include "dialects/hydra/HydraDialect.h"
#include "dialects/plan/PlanDialect.h"
#include "dialects/rows/RowsDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::hydra {

#define GEN_PASS_DECL
#include "passes/fusion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/fusion/Passes.h.inc"

} // namespace mlir::hydra

#endif // HYDRA_PASSES_FUSION_PASSES_H
