// Passes of the plan stage, described in Passes.td.
#ifndef HYDRA_PASSES_PLAN_PASSES_H
#define HYDRA_PASSES_PLAN_PASSES_H

#include "dialects/plan/PlanDialect.h"
#include "mlir/Pass/Pass.h"

namespace mlir::plan {

#define GEN_PASS_DECL
#include "passes/plan/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/plan/Passes.h.inc"

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_PASSES_H
