// Passes of the precision stage; described in Passes.td.
#ifndef HYDRA_PASSES_PRECISION_PASSES_H
#define HYDRA_PASSES_PRECISION_PASSES_H

#include "dialects/hydra/HydraDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::hydra {

#define GEN_PASS_DECL
#include "passes/precision/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/precision/Passes.h.inc"

} // namespace mlir::hydra

#endif // HYDRA_PASSES_PRECISION_PASSES_H
