// Passes that carry out the routing modes; see Passes.td for what each one does.
#ifndef HYDRA_PASSES_ROUTING_PASSES_H
#define HYDRA_PASSES_ROUTING_PASSES_H

#include "dialects/hydra/HydraDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::hydra {

#define GEN_PASS_DECL
#include "passes/routing/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/routing/Passes.h.inc"

/// The mode of a module when nobody names one: what its model asks for with `hydra.routing`, else
/// dynamic.
StringRef defaultRouting(ModuleOp module);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_ROUTING_PASSES_H
