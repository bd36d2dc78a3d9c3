// The three things `hydra-differentiate` does to a module. Private to this folder.
#ifndef HYDRA_PASSES_AUTODIFF_DIFFERENTIATION_H
#define HYDRA_PASSES_AUTODIFF_DIFFERENTIATION_H

#include "dialects/hydra/HydraDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/BitVector.h"

namespace mlir::hydra {

/// The parameters of a module in table order, and which of them an `accumulate` function has a
/// gradient for.
struct ParameterTable {
  explicit ParameterTable(ModuleOp module);

  int64_t size() const { return parameters.size(); }

  SmallVector<ParamOp> parameters;
  llvm::StringMap<unsigned> indexOf;
  llvm::BitVector hasGradient;
};

/// What was done, for the pass's statistics.
struct DifferentiationCounts {
  int64_t adjointOps = 0;
  int64_t folded = 0;
  int64_t added = 0;
  int64_t withoutGradient = 0;
};

/// Turns a `train` function into `accumulate` and marks the parameters that it has gradients for.
/// With `probe`, raw gradients are values of their own, marked `gradient.NAME`.
LogicalResult differentiateTraining(func::FuncOp function, ParameterTable &table, bool probe,
                                    DifferentiationCounts &counts);

/// Gives a function with `hydra.vjp` its cotangent inputs and gradient outputs, and removes the
/// attribute.
LogicalResult addVectorJacobianProduct(func::FuncOp function, DifferentiationCounts &counts);

/// Adds the function `apply` to the end of the module: one optimizer step for all parameters marked
/// in the table, of which there must be one.
LogicalResult addApplyFunction(ModuleOp module, const ParameterTable &table);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_AUTODIFF_DIFFERENTIATION_H
