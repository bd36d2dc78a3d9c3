#include "passes/autodiff/Signature.h"

using namespace mlir;
using namespace mlir::hydra;

BindingAttr hydra::getArgumentBinding(func::FuncOp function, unsigned index) {
  return function.getArgAttrOfType<BindingAttr>(index, kBindingAttrName);
}

BindingAttr hydra::getResultBinding(func::FuncOp function, unsigned index) {
  return function.getResultAttrOfType<BindingAttr>(index, kBindingAttrName);
}

Value hydra::findArgument(func::FuncOp function, BindingKind kind, StringRef name) {
  for (BlockArgument argument : function.getArguments()) {
    BindingAttr binding = getArgumentBinding(function, argument.getArgNumber());
    if (binding && binding.getKind() == kind && binding.getName() == name)
      return argument;
  }
  return {};
}

static DictionaryAttr bindingDictionary(MLIRContext *context, BindingKind kind, const Twine &name) {
  Builder builder(context);
  auto binding = BindingAttr::get(context, kind, builder.getStringAttr(name));
  return builder.getDictionaryAttr(builder.getNamedAttr(kBindingAttrName, binding));
}

Value hydra::appendArgument(func::FuncOp function, Type type, BindingKind kind, const Twine &name) {
  unsigned index = function.getNumArguments();
  // Inserting fails only for function types that cannot hold the new type; func.func's can hold
  // any.
  LogicalResult inserted = function.insertArgument(
      index, type, bindingDictionary(function.getContext(), kind, name), function.getLoc());
  (void)inserted;
  return function.getArgument(index);
}

void hydra::appendResult(func::FuncOp function, Value value, BindingKind kind, const Twine &name) {
  LogicalResult inserted =
      function.insertResult(function.getNumResults(), value.getType(),
                            bindingDictionary(function.getContext(), kind, name));
  (void)inserted;
  getReturn(function).getOperandsMutable().append(value);
}

void hydra::markRecordField(func::FuncOp function, unsigned index, StringRef reduce) {
  if (!function.getResultAttr(index, kReduceAttrName))
    function.setResultAttr(index, kReduceAttrName, StringAttr::get(function.getContext(), reduce));
}

func::ReturnOp hydra::getReturn(func::FuncOp function) {
  return cast<func::ReturnOp>(function.getBody().front().getTerminator());
}

LogicalResult hydra::requireStraightLine(func::FuncOp function) {
  if (!function.getBody().hasOneBlock() ||
      !isa<func::ReturnOp>(function.getBody().front().getTerminator()))
    return function.emitOpError("cannot be differentiated: expected a body of one block, straight-"
                                "line code that ends in func.return");
  return success();
}

void hydra::eraseUnused(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op) && !op.hasAttr(kProbeAttrName))
      op.erase();
}
