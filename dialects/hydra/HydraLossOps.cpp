// Shape inference of the cross-entropy and the optimizer (HydraLossOps.td).
#include "dialects/hydra/TypeInference.h"

using namespace mlir;
using namespace mlir::hydra;

static LogicalResult requireTargets(OptionalLocation location, Value logits, Value targets) {
  RankedTensorType type = tensorOf(logits), target = tensorOf(targets);
  return require(type.getRank() > 0 && lastExtent(type) > 0 &&
                     leadingShape(type) == target.getShape(),
                 location, "expected targets of the leading shape of ", type, ", found ", target);
}

// Of rounded logits a loss is float32 all the same.
static Type lossElement(Value logits) {
  Type element = tensorOf(logits).getElementType();
  return element.isBF16() ? Type(Float32Type::get(element.getContext())) : element;
}

LogicalResult CrossEntropyOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                               Adaptor adaptor, SmallVectorImpl<Type> &types) {
  // cross_entropy C1, C2
  if (failed(requireTargets(location, adaptor.getLogits(), adaptor.getTargets())))
    return failure();
  Type element = lossElement(adaptor.getLogits());
  auto perToken = tensorOf(adaptor.getTargets()).clone(element);
  types.append({RankedTensorType::get({}, element), perToken, perToken});
  return success();
}

LogicalResult CrossEntropyGradOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                                   Adaptor adaptor, SmallVectorImpl<Type> &types) {
  // cross_entropy_grad C1
  if (failed(requireTargets(location, adaptor.getLogits(), adaptor.getTargets())))
    return failure();
  RankedTensorType logits = tensorOf(adaptor.getLogits());
  // cross_entropy_grad C2, C3
  auto perToken = tensorOf(adaptor.getTargets()).clone(lossElement(adaptor.getLogits()));
  if (adaptor.getLse().getType() != perToken)
    return emitOptionalError(location, "expected lse of type ", perToken, ", found ",
                             adaptor.getLse().getType());
  if (tensorOf(adaptor.getScale()).getRank() != 0)
    return emitOptionalError(location, "expected a scalar scale, found ",
                             adaptor.getScale().getType());
  types.push_back(logits);
  return success();
}

LogicalResult GlobalNormOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                             Adaptor adaptor, SmallVectorImpl<Type> &types) {
  // global_norm C1
  if (adaptor.getInputs().empty())
    return emitOptionalError(location, "expected at least one operand, found none");
  // global_norm C2
  Type element = tensorOf(adaptor.getInputs().front()).getElementType();
  for (Value input : adaptor.getInputs())
    if (tensorOf(input).getElementType() != element)
      return emitOptionalError(location, "expected operands with elements of ", element,
                               " like the first, found ", input.getType());
  types.push_back(RankedTensorType::get({}, element));
  return success();
}

LogicalResult AdamWOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  Type type = adaptor.getParameter().getType();
  // adamw C1
  if (adaptor.getGradient().getType() != type || adaptor.getM().getType() != type ||
      adaptor.getV().getType() != type)
    return emitOptionalError(location, "expected parameter, gradient, m and v of one type, found ",
                             type, ", ", adaptor.getGradient().getType(), ", ",
                             adaptor.getM().getType(), " and ", adaptor.getV().getType());
  // adamw C2
  RankedTensorType steps = tensorOf(adaptor.getSteps());
  auto index = static_cast<int64_t>(adaptor.getIndex());
  if (steps.getRank() != 1 || adaptor.getPresent().getType() != steps || index < 0 ||
      index >= steps.getShape()[0])
    return emitOptionalError(location, "expected steps and present i32 [N] with index < N, found ",
                             steps, ", ", adaptor.getPresent().getType(), " and index ", index);
  types.append({type, type, type, type});
  return success();
}
