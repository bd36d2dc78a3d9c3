// The hydra dialect: attributes, enumerations, interfaces and ops. See HydraBase.td for its story.
#ifndef HYDRA_DIALECTS_HYDRA_HYDRADIALECT_H
#define HYDRA_DIALECTS_HYDRA_HYDRADIALECT_H

#include "dialects/hydra/RecordField.h"
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

// What every op of this dialect checks before its own constraints (DeclaredAttributes.cpp): it
// carries only attributes that it declares or that a dialect prefix claims, its numbers are finite
// and its texts printable.
LogicalResult verifyDeclaredAttributes(Operation *op);
// What a primitive checks before its types are inferred (HydraOpenOps.cpp): operands are static, or
// it is one of those that may stand in a spec, where batch and sequence are dynamic.
LogicalResult verifyPrimitiveShapes(Operation *op);

template <typename ConcreteType>
class ModelTier : public OpTrait::TraitBase<ConcreteType, ModelTier> {
public:
  static LogicalResult verifyTrait(Operation *op) { return verifyDeclaredAttributes(op); }
};
template <typename ConcreteType>
class PrimitiveTier : public OpTrait::TraitBase<ConcreteType, PrimitiveTier> {
public:
  static LogicalResult verifyTrait(Operation *op) {
    return failed(verifyDeclaredAttributes(op)) ? failure() : verifyPrimitiveShapes(op);
  }
};
template <typename ConcreteType>
class AlongSequence : public OpTrait::TraitBase<ConcreteType, AlongSequence> {};
template <typename ConcreteType>
class FusedTier : public OpTrait::TraitBase<ConcreteType, FusedTier> {
public:
  static LogicalResult verifyTrait(Operation *op) { return verifyDeclaredAttributes(op); }
};
template <typename ConcreteType>
class NotDifferentiable : public OpTrait::TraitBase<ConcreteType, NotDifferentiable> {};

// Names of discardable attributes. Others that begin with "hydra." are refused: a new name also
// goes into kHydraAttrNames.
inline constexpr llvm::StringLiteral kBindingAttrName =
    "hydra.binding";                                                 // BindingAttr, on args/results
inline constexpr llvm::StringLiteral kEntryAttrName = "hydra.entry"; // EntryAttr, on functions
inline constexpr llvm::StringLiteral kVjpAttrName = "hydra.vjp";     // UnitAttr, on functions
inline constexpr llvm::StringLiteral kScopeAttrName = "hydra.scope"; // StringAttr, on primitives
inline constexpr llvm::StringLiteral kProbeAttrName = "hydra.probe"; // StringAttr, names a value
// f64, on arguments of kind control and control_state: the value before anybody writes one.
inline constexpr llvm::StringLiteral kInitialAttrName = "hydra.initial";
// StringAttr fixed, static or dynamic. On hydra.model: the routing that the spec was written for;
// on a module, once routing is decided: the one that it is compiled with.
inline constexpr llvm::StringLiteral kRoutingAttrName = "hydra.routing";
// DictionaryAttr that a lowered hydra.model leaves on its module: name, vocab_size, dim,
// max_seq_len, rules.
inline constexpr llvm::StringLiteral kModelInfoAttrName = "hydra.model_info";
inline constexpr llvm::StringLiteral kHydraAttrNames[] = {
    kBindingAttrName, kEntryAttrName,   kVjpAttrName,       kScopeAttrName, kProbeAttrName,
    kInitialAttrName, kRoutingAttrName, kModelInfoAttrName, kReduceAttrName};

// Optimizer state of a parameter is bound as PREFIX + NAME: AdamW's moments (model.md 13).
inline constexpr llvm::StringLiteral kFirstMomentPrefix = "m/";
inline constexpr llvm::StringLiteral kSecondMomentPrefix = "v/";

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
