// A function under construction whose arguments and results are bound to runtime buffers.
#ifndef HYDRA_PASSES_LOWERING_ENTRYFUNCTION_H
#define HYDRA_PASSES_LOWERING_ENTRYFUNCTION_H

#include "dialects/hydra/HydraDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::hydra {

// Arguments may be added at any time, results are collected until finish(). Wraps a function
// with a body; owns nothing.
class EntryFunction {
public:
  explicit EntryFunction(func::FuncOp function) : function(function) {}

  func::FuncOp op() { return function; }
  Block *body() { return &function.getBody().front(); }

  // Appends an argument bound to (kind, name).
  Value addArgument(Location location, RankedTensorType type, BindingKind kind, StringRef name,
                    ArrayRef<NamedAttribute> attributes = {});
  // The argument bound to (kind, name), null if there is none.
  Value argument(BindingKind kind, StringRef name) const;
  // Appends a result; with `reduce` it is a field of the step record (RecordField.h).
  void addResult(Value value, BindingKind kind, StringRef name, StringRef reduce = "");
  // A place among the results, to be set before finish().
  size_t reserveResult() { return results.emplace_back(), results.size() - 1; }
  void setResult(size_t place, Value value, BindingKind kind, StringRef name);
  // Returns the collected results from the body and settles the function's type.
  void finish(OpBuilder &builder);

private:
  struct Result {
    Value value;
    BindingAttr binding;
    std::string reduce;
  };

  func::FuncOp function;
  llvm::StringMap<Value> arguments; // "KIND NAME"
  SmallVector<Result> results;
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_ENTRYFUNCTION_H
