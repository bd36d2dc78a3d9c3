// hydra.depth_routing in its disabled mode: a dense MLP, and the balance loss (model.md 8).
#include "passes/lowering/ModelLowering.h"
#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/Passes.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::hydra;

FailureOr<Value> ModelLowering::lowerDepthRouting(DepthRoutingOp op, const Place &place) {
  Value x = lowered(op.getX());
  // Only the latest call counts, which is the last pass (Q10).
  if (hasDepthRouter(place.block, place.count) && request.balanceLosses && place.lastPass &&
      failed(addBalanceLoss(op, x, place)))
    return failure();
  return lowerBody(op.getBody().front(), x, place);
}

FailureOr<Value> ModelLowering::balanceWeight(DepthRoutingOp op, double initial) {
  constexpr StringLiteral name = "mod_aux_weight";
  FloatAttr value = emit.builder().getF64FloatAttr(initial);
  if (Value present = function.argument(BindingKind::control, name)) {
    unsigned index = cast<BlockArgument>(present).getArgNumber();
    if (function.op().getArgAttr(index, kInitialAttrName) == value)
      return present;
    return op.emitOpError("expected the same aux_weight in all depth routing of a model, found ")
           << initial << " after another value";
  }
  auto type = RankedTensorType::get({}, emit.builder().getF32Type());
  return function.addArgument(op.getLoc(), type, BindingKind::control, name,
                              emit.builder().getNamedAttr(kInitialAttrName, value));
}

// a_mod [ (mean(p) - c)^2 + 0.5 exp(-5 var(p) / max(0.5 c (1 - c), 0.01)) ], p over all tokens.
LogicalResult ModelLowering::addBalanceLoss(DepthRoutingOp op, Value x, const Place &place) {
  ArrayRef<int64_t> shape = emit.shapeOf(x);
  int64_t width = shape.back();
  double tokens = static_cast<double>(shape[0]) * static_cast<double>(shape[1]);
  auto recursion = op->getParentOfType<RecursionOp>();
  double initial =
      op.getAuxWeight()
          ? op.getAuxWeight()->convertToDouble()
          : automaticBalanceWeight(place.count, recursion ? recursion.getRecursions() : 1, width);
  // No loss at all, so that the router has no gradient rather than a zero one.
  if (initial == 0)
    return success();

  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "mod_router"));
  std::string scope = joinScope(place.scope, "mod_mlp_wrapper.mod_router.router");
  Value weight = parameters.get(op.getLoc(), scope + ".weight", {1, width});
  Value bias = parameters.get(op.getLoc(), scope + ".bias", {1});
  if (!weight || !bias)
    return failure();
  FailureOr<Value> factor = balanceWeight(op, initial);
  if (failed(factor))
    return failure();

  Value score = emit.add(emit.routerScores(x, weight), bias);
  Value clamped = emit.binary(
      BinaryKind::min, emit.binary(BinaryKind::max, score, emit.scalar(-10)), emit.scalar(10));
  Value p = emit.unary(UnaryKind::sigmoid, clamped);
  Value mean = emit.binary(BinaryKind::div, emit.sum(p), emit.scalar(tokens));
  Value squares = emit.sum(emit.unary(UnaryKind::square, emit.sub(p, mean)));
  Value variance = emit.binary(BinaryKind::div, squares, emit.scalar(std::max(1.0, tokens - 1)));

  double capacity = op.getCapacity().convertToDouble();
  double spread = std::max(0.5 * capacity * (1 - capacity), 0.01);
  Value distance = emit.unary(UnaryKind::square, emit.sub(mean, emit.scalar(capacity)));
  Value collapse =
      emit.scaled(emit.unary(UnaryKind::exp, emit.scaled(variance, -5.0 / spread)), 0.5);
  losses.push_back(emit.mul(emit.add(distance, collapse), *factor));
  return success();
}
