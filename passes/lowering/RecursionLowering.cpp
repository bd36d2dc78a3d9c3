// hydra.recursion: fixed depth, adaptive depth (in the order of depth, or by masks where depth
// routing selects inside), the static mixture, and blends (model.md 6, 7).
#include "passes/lowering/ModelLowering.h"
#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/PassBody.h"

#include <algorithm>
#include <numeric>

using namespace mlir;
using namespace mlir::hydra;

// Input of every pass and result of its body. One per path of a recursion.
class ModelLowering::Passes {
public:
  static FailureOr<Passes> create(ModelLowering &lowering, RecursionOp op, const Place &place) {
    Passes passes(lowering, op, place);
    int64_t count = op.getRecursions(), width = lowering.emit.shapeOf(passes.start).back();
    std::string executor = joinScope(place.scope, "mor_executor");
    PrimitiveEmitter::Region region(lowering.emit, op.getLoc(), joinScope(place.part, "recursion"));
    Value bias =
        lowering.parameters.get(op.getLoc(), executor + ".recursion_bias", {count, 1, 1, width});
    Value embed =
        lowering.parameters.get(op.getLoc(), executor + ".recursion_embed.weight", {count, width});
    if (!bias || !embed)
      return failure();
    passes.biases = lowering.rowsOf(bias, count, width);
    passes.embeds = lowering.rowsOf(embed, count, width);
    return passes;
  }

  int64_t count() { return op.getRecursions(); }
  std::string part(int64_t r) const { return joinScope(place.part, "pass." + std::to_string(r)); }

  // body(state + bias[r] + embed[r]), computed for `computed` rows at least.
  FailureOr<Value> delta(int64_t r, Value state, const ActiveTokens &active, Value computed) {
    PrimitiveEmitter &emit = lowering.emit;
    Place inside = place;
    inside.part = part(r);
    inside.lastPass = place.lastPass && r == count() - 1;
    inside.active = active;
    PrimitiveEmitter::Region pass(emit, op.getLoc(), inside.part);
    PrimitiveEmitter::Rows bound(emit, computed);
    Value input = emit.add(emit.add(state, biases[r]), embeds[r]);
    return lowering.lowerBody(op.getBody().front(), input, inside);
  }

  Value start;

private:
  Passes(ModelLowering &lowering, RecursionOp op, const Place &place)
      : start(lowering.lowered(op.getX())), lowering(lowering), op(op), place(place) {}

  ModelLowering &lowering;
  RecursionOp op;
  Place place;
  SmallVector<Value> biases, embeds;
};

SmallVector<Value> ModelLowering::rowsOf(Value parameter, int64_t passes, int64_t width) {
  Value flat = emit.reshape(parameter, {1, passes * width});
  if (passes == 1)
    return {flat};
  return emit.split(flat, SmallVector<int64_t>(passes, width));
}

FailureOr<Value> ModelLowering::lowerRecursion(RecursionOp op, const Place &place) {
  return lowerRecursion(op, modeOf(op), place);
}

FailureOr<Value> ModelLowering::lowerRecursion(RecursionOp op, RecursionMode mode,
                                               const Place &place) {
  switch (mode) {
  case RecursionMode::fixed:
    return lowerFixed(op, place);
  case RecursionMode::adaptive:
    return lowerAdaptive(op, place);
  case RecursionMode::mixture: {
    FailureOr<Paths> paths = lowerMixture(op, place);
    return failed(paths) ? FailureOr<Value>(failure()) : FailureOr<Value>(paths->routed);
  }
  case RecursionMode::blend_adaptive:
  case RecursionMode::blend_mixture:
    return op.emitOpError("blends two paths, which lowerBlend() lowers"); // by lowerBody()
  }
  llvm_unreachable("every mode is listed");
}

// s = s + body(s + bias[r] + embed[r]) for every pass.
FailureOr<Value> ModelLowering::lowerFixed(RecursionOp op, const Place &place) {
  FailureOr<Passes> passes = Passes::create(*this, op, place);
  if (failed(passes))
    return failure();
  Value state = passes->start;
  for (int64_t r = 0; r < passes->count(); ++r) {
    FailureOr<Value> delta = passes->delta(r, state, {}, {});
    if (failed(delta))
      return failure();
    PrimitiveEmitter::Region pass(emit, op.getLoc(), passes->part(r));
    state = emit.add(state, *delta);
  }
  return state;
}

// z = h W + b; logit = 3 tanh(z / 2); p = sigmoid(logit); n = clamp(round(u), min_depth, R - 1)
// with u = min_depth + p (R - 1 - min_depth). Bumps, ponder and advantage use p (R - 1) all the
// same (Q7).
FailureOr<ModelLowering::RoutedDepth> ModelLowering::routeDepth(RecursionOp op, Value h,
                                                                const Place &place) {
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "mor_router"));
  ArrayRef<int64_t> shape = emit.shapeOf(h);
  std::string scope = joinScope(place.scope, "mor_router.router");
  Value weight = parameters.get(op.getLoc(), scope + ".weight", {1, shape.back()});
  Value bias = parameters.get(op.getLoc(), scope + ".bias", {1});
  if (!weight || !bias)
    return failure();
  RoutedDepth routed;
  int64_t deepest = op.getRecursions() - 1, shallowest = op.getMinDepth();
  Value z = emit.reshape(emit.add(emit.routerScores(h, weight), bias), shape.drop_back());
  checkScores(scope, z);
  routed.logit = emit.scaled(emit.unary(UnaryKind::tanh, emit.scaled(z, 0.5)), 3);
  routed.probability = emit.unary(UnaryKind::sigmoid, routed.logit);
  emit.probe(routed.probability, "route.mor." + Twine(place.block) + ".prob");
  routed.scaled = emit.scaled(routed.probability, static_cast<double>(deepest));
  Value where = emit.stop(routed.scaled);
  if (shallowest > 0)
    where = emit.add(
        emit.scaled(emit.stop(routed.probability), static_cast<double>(deepest - shallowest)),
        emit.scalar(static_cast<double>(shallowest)));
  Value rounded = emit.clamp(emit.unary(UnaryKind::round, where), static_cast<double>(shallowest),
                             static_cast<double>(deepest));
  routed.depth = emit.toInteger(rounded);
  emit.probe(routed.depth, "route.mor." + Twine(place.block) + ".depth");
  if (!request.decoding)
    countPasses(op, routed.depth, place);
  if (request.training && failed(addPonder(op, routed, place)))
    return failure();
  return routed;
}

// How many tokens make pass r, for every r.
void ModelLowering::countPasses(RecursionOp op, Value depth, const Place &place) {
  ArrayRef<int64_t> shape = emit.shapeOf(depth);
  int64_t passes = op.getRecursions();
  SmallVector<int32_t> numbers(passes);
  std::iota(numbers.begin(), numbers.end(), 0);
  Value column = emit.reshape(depth, {shape[0] * shape[1], 1});
  Value makes = emit.binary(BinaryKind::ge, column, emit.integers(numbers, {passes}));
  terms.fields.push_back({("route.mor." + Twine(place.block) + ".tokens").str(),
                          emit.toInteger(emit.sumLeading(emit.toFloat(makes))), "sum"});
}

// min(omega [0.0005 mean(p (R - 1)) / max(1, R - 1) + 0.01 exp(-10 var(p)) + 0.1 max(0, 0.5 -
// var(logit))], 5), times the blend (model.md 10).
LogicalResult ModelLowering::addPonder(RecursionOp op, const RoutedDepth &routed,
                                       const Place &place) {
  FailureOr<Value> warmup = control(op, "mor_ponder_warmup", 0);
  if (failed(warmup))
    return failure();
  double deepest = std::max<double>(1, static_cast<double>(op.getRecursions() - 1));
  Value cost = emit.scaled(emit.mean(routed.scaled), 0.0005 / deepest);
  Value collapse = emit.scaled(
      emit.unary(UnaryKind::exp, emit.scaled(emit.variance(routed.probability), -10)), 0.01);
  // The constant is the first operand: at a tie the gradient is its own, zero.
  Value narrow = emit.scaled(emit.binary(BinaryKind::max, emit.scalar(0),
                                         emit.sub(emit.scalar(0.5), emit.variance(routed.logit))),
                             0.1);
  Value loss = emit.mul(emit.add(emit.add(cost, collapse), narrow), *warmup);
  loss = emit.binary(BinaryKind::min, loss, emit.scalar(5));
  if (blend)
    loss = emit.mul(loss, blend);
  terms.recursions.push_back({routed.scaled, loss, op.getAdvantageScale().convertToDouble()});
  Value facts = emit.vector(
      {emit.mean(routed.probability), emit.scalar(static_cast<double>(op.getMinDepth()))});
  terms.fields.push_back({("route.mor." + Twine(place.block) + ".router").str(), facts, "mean"});
  return success();
}

FailureOr<Value> ModelLowering::lowerAdaptive(RecursionOp op, const Place &place) {
  Value h = lowered(op.getX());
  FailureOr<RoutedDepth> routed = routeDepth(op, h, place);
  if (failed(routed))
    return failure();
  PassBody body = inspectBody(op, place.block, place.count);
  bool sorts = body.rowwise && !body.selects;
  FailureOr<Value> state =
      sorts ? sortedPasses(op, h, routed->depth, place) : maskedPasses(op, h, routed->depth, place);
  if (failed(state))
    return failure();
  return withDepthGradient(op, *state, *routed, place);
}

// out = (1 + g_n - stop(g_n)) s_n, where s_n is the state after pass n and g_n = exp(-(p (R - 1) -
// n)^2): the value is the state, the factor gives the router a gradient. Corrected rule Q3: out = h
// + (1 + g_n - stop(g_n)) (s_n - h).
Value ModelLowering::withDepthGradient(RecursionOp op, Value state, const RoutedDepth &routed,
                                       const Place &place) {
  if (!request.gradients)
    return state;
  Value h = lowered(op.getX());
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "recursion"));
  Value distance = emit.sub(routed.scaled, emit.toFloat(routed.depth));
  Value bump = emit.unary(UnaryKind::exp,
                          emit.unary(UnaryKind::neg, emit.unary(UnaryKind::square, distance)));
  Value factor = emit.add(emit.scalar(1), emit.sub(bump, emit.stop(bump)));
  ArrayRef<int64_t> shape = emit.shapeOf(h);
  factor = emit.reshape(factor, {shape[0], shape[1], 1});
  // A factor on the whole state is nearly invisible behind the norm that follows (Q3).
  if (request.rules.depthGradient)
    return emit.add(h, emit.mul(factor, emit.sub(state, h)));
  return emit.mul(state, factor);
}

// One stable sort by depth, deepest first: the tokens of pass r are a prefix of those of pass r
// - 1.
FailureOr<Value> ModelLowering::sortedPasses(RecursionOp op, Value h, Value depth,
                                             const Place &place) {
  FailureOr<Passes> passes = Passes::create(*this, op, place);
  if (failed(passes))
    return failure();
  OpBuilder &builder = emit.builder();
  ArrayRef<int64_t> shape = emit.shapeOf(h);
  int64_t tokens = shape[0] * shape[1], count = passes->count();
  PassBody body = inspectBody(op, place.block, place.count);
  ActiveTokens active;
  SmallVector<Value> offsets;
  Value state;
  {
    PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "recursion"));
    Value key = emit.sub(emit.integer(static_cast<int32_t>(count - 1)), depth);
    auto sort = CountingSortOp::create(builder, op.getLoc(), emit.reshape(key, {tokens}), Value(),
                                       builder.getI64IntegerAttr(count));
    active.order = sort.getOrder();
    offsets = emit.split(sort.getOffsets(), SmallVector<int64_t>(count + 1, 1));
    Value rows = emit.gatherRows(emit.reshape(h, {tokens, shape[2]}), active.order, Value(),
                                 /*unique=*/true);
    state = emit.reshape(rows, shape);
  }
  for (int64_t r = 0; r < count; ++r) {
    // Every token makes the passes up to min_depth.
    active.rows = Value();
    if (r > static_cast<int64_t>(op.getMinDepth())) {
      PrimitiveEmitter::Region region(emit, op.getLoc(), passes->part(r));
      active.rows = emit.reshape(offsets[count - r], {});
    }
    // Depth routing scores all tokens where its losses are taken.
    bool scores = request.training && body.scores && scoresCount(place, r == count - 1);
    FailureOr<Value> delta = passes->delta(r, state, active, scores ? Value() : active.rows);
    if (failed(delta))
      return failure();
    PrimitiveEmitter::Region pass(emit, op.getLoc(), passes->part(r));
    state = active.rows ? MergeRowsOp::create(builder, op.getLoc(), state, *delta, active.rows,
                                              builder.getUnitAttr())
                              .getResult()
                        : emit.add(state, *delta);
  }
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "recursion"));
  Value rows = emit.scatterRows(emit.reshape(state, {tokens, shape[2]}), active.order, Value(),
                                tokens, /*unique=*/true);
  return emit.reshape(rows, shape);
}

// Tokens stay where they are; a token of less depth takes no part in a pass. Depth routing skips
// it; where something else makes the result, it is computed and dropped.
FailureOr<Value> ModelLowering::maskedPasses(RecursionOp op, Value h, Value depth,
                                             const Place &place) {
  FailureOr<Passes> passes = Passes::create(*this, op, place);
  if (failed(passes))
    return failure();
  ArrayRef<int64_t> shape = emit.shapeOf(h);
  PassBody body = inspectBody(op, place.block, place.count);
  Value state = h;
  for (int64_t r = 0; r < passes->count(); ++r) {
    ActiveTokens active;
    if (r > static_cast<int64_t>(op.getMinDepth())) {
      PrimitiveEmitter::Region region(emit, op.getLoc(), passes->part(r));
      active.mask = emit.binary(BinaryKind::ge, depth, emit.integer(static_cast<int32_t>(r)));
    }
    FailureOr<Value> delta = passes->delta(r, state, active, {});
    if (failed(delta))
      return failure();
    PrimitiveEmitter::Region pass(emit, op.getLoc(), passes->part(r));
    Value update = *delta;
    if (active.mask && !body.restricted) {
      Value zero = emit.broadcast(emit.scalar(0), shape);
      update = emit.select(emit.reshape(active.mask, {shape[0], shape[1], 1}), update, zero);
    }
    state = emit.add(state, update);
  }
  return state;
}

// out = sum_r q_r s_r with q_r = g_r / (sum_r g_r + 1e-8), g_r = exp(-(p (R - 1) - r)^2).
FailureOr<ModelLowering::Paths> ModelLowering::lowerMixture(RecursionOp op, const Place &place) {
  Value h = lowered(op.getX());
  FailureOr<RoutedDepth> routed = routeDepth(op, h, place);
  FailureOr<Passes> passes = Passes::create(*this, op, place);
  if (failed(routed) || failed(passes))
    return failure();
  ArrayRef<int64_t> shape = emit.shapeOf(h);
  SmallVector<Value> bumps;
  Value total;
  {
    PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "recursion"));
    for (int64_t r = 0; r < passes->count(); ++r) {
      Value distance = emit.sub(routed->scaled, emit.scalar(static_cast<double>(r)));
      Value bump = emit.unary(UnaryKind::exp,
                              emit.unary(UnaryKind::neg, emit.unary(UnaryKind::square, distance)));
      bumps.push_back(bump);
      total = total ? emit.add(total, bump) : bump;
    }
    total = emit.add(total, emit.scalar(1e-8));
  }
  Value state = h, out;
  for (int64_t r = 0; r < passes->count(); ++r) {
    FailureOr<Value> delta = passes->delta(r, state, {}, {});
    if (failed(delta))
      return failure();
    PrimitiveEmitter::Region pass(emit, op.getLoc(), passes->part(r));
    state = emit.add(state, *delta);
    Value weight =
        emit.reshape(emit.binary(BinaryKind::div, bumps[r], total), {shape[0], shape[1], 1});
    Value part = emit.mul(state, weight);
    out = out ? emit.add(out, part) : part;
  }
  return Paths{out, state};
}

// Every token makes every pass, as on the fixed path, and takes the state behind its own last one.
FailureOr<ModelLowering::Paths> ModelLowering::lowerPicked(RecursionOp op, const Place &place) {
  Value h = lowered(op.getX());
  ArrayRef<int64_t> shape = emit.shapeOf(h);
  Place plain = place;
  plain.scored = false;
  FailureOr<RoutedDepth> routed = routeDepth(op, h, place);
  FailureOr<Passes> passes = Passes::create(*this, op, plain);
  if (failed(routed) || failed(passes))
    return failure();
  // Of the two paths, before every pass and after the last.
  SmallVector<Value> states = {h}, picked = {h};
  for (int64_t r = 0; r < passes->count(); ++r) {
    FailureOr<Value> delta = passes->delta(r, states.back(), {}, {});
    if (failed(delta))
      return failure();
    PrimitiveEmitter::Region pass(emit, op.getLoc(), passes->part(r));
    states.push_back(emit.add(states.back(), *delta));
    if (r <= static_cast<int64_t>(op.getMinDepth())) {
      picked.push_back(states.back());
      continue;
    }
    Value makes = emit.binary(BinaryKind::ge, routed->depth, emit.integer(static_cast<int32_t>(r)));
    picked.push_back(
        emit.select(emit.reshape(makes, {shape[0], shape[1], 1}), states.back(), picked.back()));
  }
  // A depth router scores the states of either path, the routed one first.
  for (ArrayRef<Value> path : {ArrayRef<Value>(picked), ArrayRef<Value>(states)})
    if (failed(scorePasses(op, path.drop_back(), place)))
      return failure();
  return Paths{withDepthGradient(op, picked.back(), *routed, place), states.back()};
}

// What the losses of depth routing need of passes that begin with `states`. The body is lowered
// once more for its scores alone: nothing uses what else it makes.
LogicalResult ModelLowering::scorePasses(RecursionOp op, ArrayRef<Value> states,
                                         const Place &place) {
  if (!request.training || !inspectBody(op, place.block, place.count).scores)
    return success();
  FailureOr<Passes> passes = Passes::create(*this, op, place);
  if (failed(passes))
    return failure();
  size_t calls = terms.mlpCalls.size();
  for (auto [r, state] : llvm::enumerate(states))
    if (scoresCount(place, r + 1 == states.size()) &&
        failed(passes->delta(static_cast<int64_t>(r), state, {}, {})))
      return failure();
  terms.mlpCalls.truncate(calls);
  return success();
}

// y = a finish(routed(h)) + (1 - a) finish(fixed(h)), the routed path first: its balance loss
// counts, and the scores of the fixed path (Q10). `finish` is the norm behind the recursion, if
// that is all that uses it.
FailureOr<Operation *> ModelLowering::lowerBlend(RecursionOp op, const Place &place) {
  FailureOr<Value> share = control(op, "mor_blend", 1);
  if (failed(share))
    return failure();
  NormOp finish;
  if (op->hasOneUse())
    finish = dyn_cast<NormOp>(*op->user_begin());
  auto finished = [&](Value y, const Place &where) -> FailureOr<Value> {
    if (!finish)
      return y;
    mapping.map(op.getResult(), y);
    return lowerNorm(finish, where);
  };
  Place beside = place;
  beside.part = joinScope(place.part, "fixed");
  bool shared = sharesPasses(op, place.block, place.count);
  FailureOr<Paths> paths = failure();
  FailureOr<Value> routed = failure();
  blend = *share;
  if (shared) {
    paths = modeOf(op) == RecursionMode::blend_mixture ? lowerMixture(op, place)
                                                       : lowerPicked(op, place);
    if (succeeded(paths))
      routed = paths->routed;
  } else {
    routed = lowerAdaptive(op, place);
  }
  blend = Value();
  if (failed(routed) || failed(routed = finished(*routed, place)))
    return failure();
  FailureOr<Value> fixed = shared ? FailureOr<Value>(paths->fixed) : lowerFixed(op, beside);
  if (failed(fixed) || failed(fixed = finished(*fixed, beside)))
    return failure();
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "recursion"));
  Value y = emit.add(emit.mul(*routed, *share), emit.mul(*fixed, emit.sub(emit.scalar(1), *share)));
  Operation *last = finish ? finish.getOperation() : op.getOperation();
  mapping.map(last->getResult(0), y);
  return last;
}
