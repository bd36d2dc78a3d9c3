// Bindings of function arguments and results, and growing a signature. Private to this folder.
#ifndef HYDRA_PASSES_AUTODIFF_SIGNATURE_H
#define HYDRA_PASSES_AUTODIFF_SIGNATURE_H

#include "dialects/hydra/HydraDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::hydra {

/// Null if there is none.
BindingAttr getArgumentBinding(func::FuncOp function, unsigned index);
BindingAttr getResultBinding(func::FuncOp function, unsigned index);

/// Null if no argument has this binding.
Value findArgument(func::FuncOp function, BindingKind kind, StringRef name);

/// Appends an argument with a binding to the signature.
Value appendArgument(func::FuncOp function, Type type, BindingKind kind, const Twine &name);

/// Appends a result with a binding to the signature and `value` to the return.
void appendResult(func::FuncOp function, Value value, BindingKind kind, const Twine &name);

/// Makes result `index` a field of the step record, unless it is one already.
void markRecordField(func::FuncOp function, unsigned index, StringRef reduce);

/// The operation that ends the function, which must have one block.
func::ReturnOp getReturn(func::FuncOp function);

/// Fails with a diagnostic unless the function is one block that ends in func.return.
LogicalResult requireStraightLine(func::FuncOp function);

/// Erases ops of the block that nothing uses and that have no effect; ops with `hydra.probe` stay.
void eraseUnused(Block &block);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_AUTODIFF_SIGNATURE_H
