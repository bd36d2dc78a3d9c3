#include "passes/lowering/EntryFunction.h"

using namespace mlir;
using namespace mlir::hydra;

static BindingAttr bindingOf(MLIRContext *context, BindingKind kind, StringRef name) {
  return BindingAttr::get(context, kind, StringAttr::get(context, name));
}

static std::string keyOf(BindingKind kind, StringRef name) {
  return (stringifyBindingKind(kind) + " " + name).str();
}

Value EntryFunction::addArgument(Location location, RankedTensorType type, BindingKind kind,
                                 StringRef name, ArrayRef<NamedAttribute> attributes) {
  MLIRContext *context = function.getContext();
  NamedAttrList list(attributes);
  list.set(kBindingAttrName, bindingOf(context, kind, name));
  unsigned index = function.getNumArguments();
  // Fails only for functions whose type is not a FunctionType.
  LogicalResult inserted =
      function.insertArgument(index, type, list.getDictionary(context), location);
  assert(succeeded(inserted) && "func.func takes further arguments");
  (void)inserted;
  Value argument = function.getArgument(index);
  arguments[keyOf(kind, name)] = argument;
  return argument;
}

Value EntryFunction::argument(BindingKind kind, StringRef name) const {
  return arguments.lookup(keyOf(kind, name));
}

void EntryFunction::addResult(Value value, BindingKind kind, StringRef name, StringRef reduce) {
  results.push_back({value, bindingOf(function.getContext(), kind, name), reduce.str()});
}

void EntryFunction::setResult(size_t place, Value value, BindingKind kind, StringRef name) {
  results[place] = {value, bindingOf(function.getContext(), kind, name), ""};
}

void EntryFunction::finish(OpBuilder &builder) {
  SmallVector<Value> values;
  for (const Result &result : results)
    values.push_back(result.value);
  func::ReturnOp::create(builder, function.getLoc(), values);
  function.setType(
      builder.getFunctionType(function.getArgumentTypes(), ValueRange(values).getTypes()));
  for (auto [index, result] : llvm::enumerate(results)) {
    function.setResultAttr(index, kBindingAttrName, result.binding);
    if (!result.reduce.empty())
      function.setResultAttr(index, kReduceAttrName, builder.getStringAttr(result.reduce));
  }
}
