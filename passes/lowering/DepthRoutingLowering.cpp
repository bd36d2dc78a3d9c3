// hydra.depth_routing: every token (disabled), those that a rule selects (DepthSelection.cpp), or
// all of them weighted (soft); and what its losses need (model.md 8).
#include "passes/lowering/ModelLowering.h"
#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/Passes.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::hydra;

FailureOr<Value> ModelLowering::lowerDepthRouting(DepthRoutingOp op, const Place &place) {
  Value x = lowered(op.getX());
  DepthRoutingMode mode = modeOf(op);
  bool losses = request.training && scoresCount(place, /*lastPass=*/true);
  auto body = [&](Value input, Value rows) {
    PrimitiveEmitter::Rows bound(emit, rows);
    return lowerBody(op.getBody().front(), input, place);
  };
  if (!hasDepthRouter(place.block, place.count) || (mode == DepthRoutingMode::disabled && !losses))
    return body(x, place.active.rows);

  ArrayRef<int64_t> shape = emit.shapeOf(x);
  int64_t width = shape.back();
  std::string scope = joinScope(place.scope, "mod_mlp_wrapper.mod_router.router");
  Value weight = parameters.get(op.getLoc(), scope + ".weight", {1, width});
  Value bias = parameters.get(op.getLoc(), scope + ".bias", {1});
  if (!weight || !bias)
    return failure();
  Value score, probability;
  {
    // The router sees every token, also those that take no part in this pass.
    PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "mod_router"));
    PrimitiveEmitter::Rows all(emit, Value());
    score = emit.reshape(emit.add(emit.routerScores(x, weight), bias), shape.drop_back());
    probability = emit.unary(UnaryKind::sigmoid, emit.clamp(score, -10, 10));
    if (mode != DepthRoutingMode::disabled)
      checkScores(scope, score);
  }
  if (losses && failed(addDepthTerms(op, score, probability, place)))
    return failure();

  if (selects(mode))
    return lowerSelected(op, x, score, probability, place);
  if (mode == DepthRoutingMode::disabled)
    return body(x, place.active.rows);
  FailureOr<Value> y = body(x, place.active.rows);
  if (failed(y))
    return failure();
  // p y + (1 - p) x: with its own normalised input; corrected rule Q5: with zero.
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "mod_router"));
  Value p = emit.reshape(probability, {shape[0], shape[1], 1});
  if (request.rules.softSkips)
    return emit.mul(*y, p);
  return emit.add(emit.mul(*y, p), emit.mul(x, emit.sub(emit.scalar(1), p)));
}

// The body on the rows that are both selected and active; zero elsewhere. Tokens that take no part
// in the pass compete for the places all the same (Q9).
FailureOr<Value> ModelLowering::lowerSelected(DepthRoutingOp op, Value x, Value score,
                                              Value probability, const Place &place) {
  ArrayRef<int64_t> shape = emit.shapeOf(x);
  int64_t batch = shape[0], sequence = shape[1], width = shape[2], tokens = batch * sequence;
  OpBuilder &builder = emit.builder();
  Value index, count, rows;
  {
    PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "mod_router"));
    PrimitiveEmitter::Rows all(emit, Value());
    FailureOr<Selection> made = select(op, score, place);
    if (failed(made))
      return failure();
    const Selection &selection = *made;
    if (request.training && failed(addPredictorTerm(op, score, selection.chosen, place)))
      return failure();
    if (place.active.mask || !selection.index) {
      Value both =
          place.active.mask ? emit.mul(selection.chosen, place.active.mask) : selection.chosen;
      auto kept =
          NonzeroOp::create(builder, op.getLoc(), both, builder.getI64IntegerAttr(selection.limit));
      index = kept.getIndex();
      count = kept.getCount();
    } else {
      SmallVector<int32_t> starts;
      for (int64_t b = 0; b < batch; ++b)
        starts.push_back(static_cast<int32_t>(b * sequence));
      Value flat = emit.add(selection.index, emit.integers(starts, {batch, 1}));
      index = emit.reshape(flat, {selection.limit});
    }
    rows = emit.gatherRows(emit.reshape(x, {tokens, width}), index, count, /*unique=*/true);
    countSelected(op, count ? count : emit.integer(static_cast<int32_t>(selection.limit)), place);
  }
  PrimitiveEmitter::Rows bound(emit, count);
  FailureOr<Value> y = lowerBody(op.getBody().front(), rows, place);
  if (failed(y))
    return failure();
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "mod_router"));
  Value delta = *y;
  // Corrected rule Q4: the task gradient reaches the router.
  if (request.rules.selectedWeight)
    delta = emit.mul(delta, emit.gatherRows(emit.reshape(probability, {tokens, 1}), index, count,
                                            /*unique=*/true));
  return emit.reshape(emit.scatterRows(delta, index, count, tokens, /*unique=*/true), shape);
}

// Counts one selection, and all of a path when it is the last of the first path.
void ModelLowering::countSelected(DepthRoutingOp op, Value count, const Place &place) {
  SmallVector<Value> &made = selectedRows[place.block];
  made.push_back(count);
  auto recursion = op->getParentOfType<RecursionOp>();
  size_t passes = recursion ? recursion.getRecursions() : 1;
  if (request.decoding || made.size() != passes)
    return;
  terms.fields.push_back(
      {("route.mod." + Twine(place.block) + ".tokens").str(), emit.vector(made), "sum"});
}

// Mean and variance of the router's probabilities, and the capacity that it is meant to reach.
void ModelLowering::recordScores(const DepthTerms &depth, const Place &place) {
  Value facts = emit.vector(
      {emit.average(depth.means), emit.average(depth.variances), emit.scalar(depth.capacity)});
  terms.fields.push_back({("route.mod." + Twine(place.block) + ".router").str(), facts, "mean"});
}

void ModelLowering::checkScores(const std::string &layer, Value scores) {
  if (request.decoding)
    return;
  PrimitiveEmitter::Rows all(emit, Value());
  auto count = static_cast<double>(cast<RankedTensorType>(scores.getType()).getNumElements());
  Value numbers = emit.sum(emit.binary(BinaryKind::eq, scores, scores));
  Value others = emit.toInteger(emit.sub(emit.scalar(count), numbers));
  std::string name = "invalid." + layer;
  for (RoutingField &known : terms.fields)
    if (known.name == name) {
      known.value = emit.add(known.value, others);
      return;
    }
  terms.fields.push_back({name, others, "sum"});
}

FailureOr<Value> ModelLowering::control(Operation *op, StringRef name, double initial) {
  FloatAttr value = emit.builder().getF64FloatAttr(initial);
  if (Value present = function.argument(BindingKind::control, name)) {
    unsigned index = cast<BlockArgument>(present).getArgNumber();
    if (function.op().getArgAttr(index, kInitialAttrName) == value)
      return present;
    return op->emitOpError("expected the same initial value of control '")
           << name << "' in the whole model, found " << initial << " after another value";
  }
  auto type = RankedTensorType::get({}, emit.builder().getF32Type());
  return function.addArgument(op->getLoc(), type, BindingKind::control, name,
                              emit.builder().getNamedAttr(kInitialAttrName, value));
}

// Balance loss: a_mod [ (mean(p) - c)^2 + 0.5 exp(-5 var(p) / max(0.5 c (1 - c), 0.01)) ], p over
// all tokens.
LogicalResult ModelLowering::addDepthTerms(DepthRoutingOp op, Value score, Value probability,
                                           const Place &place) {
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "mod_router"));
  PrimitiveEmitter::Rows all(emit, Value());
  DepthTerms &depth = terms.depths[place.block];
  double capacity = op.getCapacity().convertToDouble();
  depth.capacity = capacity;
  // Under the rules of the PyTorch HYDRA the balance loss is that of the path that came first, the
  // scores those of the one that came last; corrected rule Q10: both of all passes of the first.
  bool first = !depth.finished;
  depth.finished |= place.lastPass;
  if (!first && request.rules.allPasses)
    return success();

  auto recursion = op->getParentOfType<RecursionOp>();
  int64_t width = cast<RankedTensorType>(op.getX().getType()).getShape().back();
  double weight =
      op.getAuxWeight()
          ? op.getAuxWeight()->convertToDouble()
          : automaticBalanceWeight(place.count, recursion ? recursion.getRecursions() : 1, width);
  if (first) {
    depth.means.push_back(emit.mean(probability));
    depth.variances.push_back(emit.variance(probability));
    if (place.lastPass && request.curriculum)
      recordScores(depth, place);
  }
  // With weight 0 there is no loss at all, so that the router has no gradient rather than a zero
  // one.
  if (first && weight != 0) {
    FailureOr<Value> factor = control(op, "mod_aux_weight", weight);
    if (failed(factor))
      return failure();
    double spread = std::max(0.5 * capacity * (1 - capacity), 0.01);
    Value distance =
        emit.unary(UnaryKind::square, emit.sub(depth.means.back(), emit.scalar(capacity)));
    Value collapse = emit.scaled(
        emit.unary(UnaryKind::exp, emit.scaled(depth.variances.back(), -5.0 / spread)), 0.5);
    depth.balances.push_back(emit.mul(emit.add(distance, collapse), *factor));
  }

  double lossAware = op.getLossAwareWeight().convertToDouble();
  if (!request.curriculum || lossAware == 0)
    return success();
  FailureOr<Value> factor = control(op, "mod_loss_aware_weight", lossAware);
  if (failed(factor))
    return failure();
  depth.lossAwareWeight = *factor;
  if (place.active.order) {
    ArrayRef<int64_t> shape = emit.shapeOf(score);
    int64_t tokens = shape[0] * shape[1];
    Value sorted = emit.reshape(score, {tokens, 1});
    score = emit.reshape(
        emit.scatterRows(sorted, place.active.order, Value(), tokens, /*unique=*/true), shape);
  }
  if (!request.rules.allPasses)
    depth.scores.clear();
  depth.scores.push_back(score);
  return success();
}

// -label log sigmoid(s) - (1 - label) log(1 - sigmoid(s)), label 1 where the token is selected; the
// mean over all tokens of every pass of the first path, since each pass selects by itself.
LogicalResult ModelLowering::addPredictorTerm(DepthRoutingOp op, Value score, Value chosen,
                                              const Place &place) {
  double weight = op.getPredictorWeight().convertToDouble();
  auto recursion = op->getParentOfType<RecursionOp>();
  size_t passes = recursion ? recursion.getRecursions() : 1;
  if (weight == 0 || selectedRows[place.block].size() >= passes)
    return success();
  FailureOr<Value> factor = control(op, "mod_predictor_weight", weight);
  if (failed(factor))
    return failure();
  // softplus(s) - label s
  Value loss = emit.sub(emit.softplus(score), emit.mul(emit.toFloat(chosen), score));
  terms.depths[place.block].predictions.push_back(emit.mul(emit.mean(loss), *factor));
  return success();
}
