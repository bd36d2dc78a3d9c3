// Functions with `hydra.vjp`: cotangents in, gradients out.
#include "passes/autodiff/Differentiation.h"
#include "passes/autodiff/GradientChain.h"
#include "passes/autodiff/ReverseSweep.h"
#include "passes/autodiff/Signature.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::hydra;

// The name a binding gives, or one made from the position.
static std::string nameOf(BindingAttr binding, StringRef prefix, unsigned index) {
  return binding ? binding.getName().getValue().str() : (prefix + Twine(index)).str();
}

static bool isFloatTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<FloatType>(tensor.getElementType());
}

LogicalResult hydra::addVectorJacobianProduct(func::FuncOp function,
                                              DifferentiationCounts &counts) {
  if (failed(requireStraightLine(function)))
    return failure();
  Block &body = function.getBody().front();

  SmallVector<Value> wanted;
  SmallVector<std::string> names;
  llvm::StringSet<> distinct;
  for (BlockArgument argument : function.getArguments()) {
    BindingAttr binding = getArgumentBinding(function, argument.getArgNumber());
    bool differentiated = !binding || binding.getKind() == BindingKind::input ||
                          binding.getKind() == BindingKind::parameter;
    if (!differentiated || !isFloatTensor(argument.getType()))
      continue;
    wanted.push_back(argument);
    names.push_back(nameOf(binding, "arg", argument.getArgNumber()));
    if (!distinct.insert(names.back()).second)
      return function.emitOpError("has two float arguments named '")
             << names.back() << "', so that output gradient." << names.back()
             << " would be ambiguous; rename one";
  }

  ReverseSweep sweep(body, wanted);
  SmallVector<Value> outputs(getReturn(function).getOperands());
  for (auto [index, output] : llvm::enumerate(outputs)) {
    BindingAttr binding = getResultBinding(function, index);
    if ((binding && binding.getKind() != BindingKind::output) || !isFloatTensor(output.getType()))
      continue;
    Value cotangent = appendArgument(function, output.getType(), BindingKind::input,
                                     "cotangent." + nameOf(binding, "result", index));
    if (sweep.dependsOnWanted(output))
      sweep.seed(output, cotangent);
  }
  if (failed(sweep.run()))
    return failure();
  counts.adjointOps += sweep.createdOps();

  OpBuilder builder(body.getTerminator());
  SmallVector<ArrayRef<Value>> all;
  for (Value argument : wanted)
    all.push_back(sweep.contributions(argument));
  GradientChain chain(all);
  for (auto [argument, name] : llvm::zip_equal(wanted, names)) {
    ArrayRef<Value> contributions = sweep.contributions(argument);
    Value gradient = contributions.empty()
                         ? AdjointBuilder(builder, function.getLoc()).zeros(tensorType(argument))
                         : chain.sum(contributions);
    appendResult(function, gradient, BindingKind::output, "gradient." + name);
  }
  eraseUnused(body);
  function->removeAttr(kVjpAttrName);
  return success();
}
