// The hydra dialect: attributes, enumerations, interfaces and ops. See HydraBase.td for its story.
#ifndef HYDRA_DIALECTS_HYDRA_HYDRADIALECT_H
#define HYDRA_DIALECTS_HYDRA_HYDRADIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::hydra {

// Forward declarations used by the interfaces; defined by the libraries that implement them.
class InterpreterFrame; // compiler/interpreter
class KernelEmitter;    // compiler/codegen

template <typename ConcreteType>
class ModelTier : public OpTrait::TraitBase<ConcreteType, ModelTier> {};
template <typename ConcreteType>
class PrimitiveTier : public OpTrait::TraitBase<ConcreteType, PrimitiveTier> {};
template <typename ConcreteType>
class FusedTier : public OpTrait::TraitBase<ConcreteType, FusedTier> {};
template <typename ConcreteType>
class NotDifferentiable : public OpTrait::TraitBase<ConcreteType, NotDifferentiable> {};

// Names of discardable attributes.
inline constexpr llvm::StringLiteral kBindingAttrName =
    "hydra.binding";                                                 // BindingAttr, on args/results
inline constexpr llvm::StringLiteral kEntryAttrName = "hydra.entry"; // EntryAttr, on functions
inline constexpr llvm::StringLiteral kVjpAttrName = "hydra.vjp";     // UnitAttr, on functions
inline constexpr llvm::StringLiteral kScopeAttrName = "hydra.scope"; // StringAttr, on primitives
inline constexpr llvm::StringLiteral kProbeAttrName = "hydra.probe"; // StringAttr, names a value
// f64, on arguments of kind control and control_state: the value before anybody writes one.
inline constexpr llvm::StringLiteral kInitialAttrName = "hydra.initial";

// Target value of an ignored position (model.md 10).
inline constexpr int64_t kIgnoredTarget = -100;

} // namespace mlir::hydra

#include "dialects/hydra/HydraDialect.h.inc"
#include "dialects/hydra/HydraEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/hydra/HydraAttributes.h.inc"

#include "dialects/hydra/HydraInterfaces.h.inc"

#define GET_OP_CLASSES
#include "dialects/hydra/HydraOps.h.inc"

namespace mlir::hydra {
// Attaches CostOpInterface to every primitive.
void registerCostExternalModels(DialectRegistry &registry);
} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_HYDRA_HYDRADIALECT_H
