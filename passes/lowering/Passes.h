// Passes that lower the model tier; see Passes.td for what each one does.
#ifndef HYDRA_PASSES_LOWERING_PASSES_H
#define HYDRA_PASSES_LOWERING_PASSES_H

#include "dialects/hydra/HydraDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::hydra {

#define GEN_PASS_DECL
#include "passes/lowering/Passes.h.inc"

// hydra-materialize-params, hydra-lower-model and hydra-verify-primitives.
#define GEN_PASS_REGISTRATION
#include "passes/lowering/Passes.h.inc"

/// Tokens of a sequence that hard depth routing of this capacity selects (model.md 8).
int64_t selectedTokens(int64_t sequence, double capacity);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_PASSES_H
