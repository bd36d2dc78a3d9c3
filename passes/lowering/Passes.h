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

// Module attribute left behind by hydra-lower-model, a DictionaryAttr: name, vocab_size, dim,
// max_seq_len, rules.
inline constexpr llvm::StringLiteral kModelInfoAttrName = "hydra.model_info";
// Attribute of hydra.model, "static" or "dynamic": the routing mode the spec was written for.
inline constexpr llvm::StringLiteral kRoutingAttrName = "hydra.routing";

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_PASSES_H
