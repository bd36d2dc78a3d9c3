// hydra.experts: the choice of experts, by score or forced, rows sorted by expert, one grouped
// product per matrix; and what its losses need (model.md 9).
#include "passes/lowering/ModelLowering.h"
#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/RoutingWork.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace mlir::hydra;

FailureOr<Value> ModelLowering::lowerExperts(ExpertsOp op, const Place &place) {
  Value x = lowered(op.getX());
  SmallVector<int64_t> placement = expertPlacement(place.count, op.getLayers());
  auto *found = llvm::find(placement, place.block);
  if (found == placement.end())
    return x;
  int64_t layer = found - placement.begin(), experts = op.getExperts();
  std::string scope = "moe_layers." + std::to_string(layer);
  PrimitiveEmitter::Region region(emit, op.getLoc(), scope);
  ArrayRef<int64_t> shape = emit.shapeOf(x);
  int64_t width = shape.back();
  if (int64_t tokens = shape[0] * shape[1]; request.training && experts > tokens)
    return op.emitOpError("expected at most as many experts as a training batch has tokens, ")
           << tokens << ", found " << experts << "; train with a larger batch or longer sequences";
  Value norm = parameters.get(op.getLoc(), scope + ".norm.weight", {width});
  Value gate = parameters.get(op.getLoc(), scope + ".router.gate.weight", {experts, width});
  Value alpha = parameters.get(op.getLoc(), scope + ".residual_alpha", {});
  if (!norm || !gate || !alpha)
    return failure();

  emit.probe(x, "block." + Twine(place.block)); // before the experts
  Value z = emit.rmsNorm(x, norm, 1e-6);
  Value logits = emit.routerScores(z, gate);
  double jitter = op.getRouterJitter().convertToDouble();
  if (request.training && jitter > 0) {
    auto type = cast<RankedTensorType>(logits.getType());
    Value noise = input(op.getLoc(), "moe_noise." + std::to_string(layer), type);
    logits = emit.add(logits, emit.scaled(noise, jitter));
  }
  checkScores(scope + ".router.gate", logits);
  Choice choice = modeOf(op) == ExpertsMode::forced ? forceExperts(op, shape.drop_back())
                                                    : chooseExperts(op, logits);
  emit.probe(choice.index, "route.moe." + Twine(layer) + ".index");
  if (request.training && failed(addExpertTerms(op, logits, choice.index)))
    return failure();
  FailureOr<Value> mix = runExperts(op, z, choice, layer);
  if (failed(mix))
    return failure();
  if (op.getIdentityInit()) {
    FailureOr<Value> ramp = control(op, "moe_ramp", 1);
    if (failed(ramp))
      return failure();
    alpha = emit.mul(alpha, *ramp);
  }
  Value y = emit.add(x, emit.mul(*mix, emit.clamp(alpha, -0.5, 2)));
  emit.probe(y, "moe." + Twine(layer));
  return y;
}

// One i32 [..., 1] per choice.
static SmallVector<Value> columnsOf(PrimitiveEmitter &emit, Value index) {
  int64_t k = PrimitiveEmitter::shapeOf(index).back();
  return k == 1 ? SmallVector<Value>{index} : emit.split(index, SmallVector<int64_t>(k, 1));
}

// f32 [..., experts]: 1 at the expert of i32 [..., 1].
static Value oneHot(PrimitiveEmitter &emit, Value expert, int64_t experts) {
  SmallVector<int32_t> numbers(experts);
  std::iota(numbers.begin(), numbers.end(), 0);
  return emit.toFloat(emit.binary(BinaryKind::eq, expert, emit.integers(numbers, {experts})));
}

// The k largest logits, weighted by the softmax over just those: 1 for k = 1 (Q15).
ModelLowering::Choice ModelLowering::chooseExperts(ExpertsOp op, Value logits) {
  OpBuilder &builder = emit.builder();
  int64_t k = op.getTopK();
  auto top = TopKOp::create(builder, op.getLoc(), logits, builder.getI64IntegerAttr(k),
                            builder.getUnitAttr());
  Choice choice{top.getIndex(), Value()};
  if (k == 1)
    return choice;
  SmallVector<Value> best, powers;
  for (Value column : columnsOf(emit, top.getIndex()))
    best.push_back(emit.sumLast(emit.mul(logits, oneHot(emit, column, op.getExperts()))));
  Value greatest = emit.stop(best.front()), total;
  for (Value value : best) {
    powers.push_back(emit.unary(UnaryKind::exp, emit.sub(value, greatest)));
    total = total ? emit.add(total, powers.back()) : powers.back();
  }
  SmallVector<Value> weights;
  for (Value power : powers)
    weights.push_back(emit.binary(BinaryKind::div, power, total));
  choice.weight = ConcatOp::create(builder, op.getLoc(), weights, Value());
  return choice;
}

// The first choice is the forced expert of the batch if there is one, else a slice of the sequence;
// further choices follow it (mod E).
ModelLowering::Choice ModelLowering::forceExperts(ExpertsOp op, ArrayRef<int64_t> shape) {
  OpBuilder &builder = emit.builder();
  auto experts = static_cast<int32_t>(op.getExperts());
  int64_t batch = shape[0], sequence = shape[1];
  Value forced =
      input(op.getLoc(), "forced_expert", RankedTensorType::get({}, builder.getI32Type()));
  SmallVector<int32_t> slices;
  int64_t length = std::max<int64_t>(1, sequence / experts);
  for (int64_t t = 0; t < sequence; ++t)
    slices.push_back(static_cast<int32_t>(std::min<int64_t>(t / length, experts - 1)));
  Value fromPosition = emit.broadcast(emit.integers(slices, {sequence, 1}), {batch, sequence, 1});
  Value fromBatch = emit.broadcast(emit.binary(BinaryKind::min, forced, emit.integer(experts - 1)),
                                   {batch, sequence, 1});
  Value first =
      emit.select(emit.binary(BinaryKind::ge, forced, emit.integer(0)), fromBatch, fromPosition);
  SmallVector<Value> columns = {first};
  for (int32_t n = 1; n < static_cast<int32_t>(op.getTopK()); ++n) {
    Value next = emit.add(first, emit.integer(n));
    Value wraps = emit.binary(BinaryKind::ge, next, emit.integer(experts));
    columns.push_back(emit.sub(next, emit.mul(wraps, emit.integer(experts))));
  }
  if (columns.size() == 1)
    return {first, Value()};
  return {ConcatOp::create(builder, op.getLoc(), columns, Value()).getResult(), Value()};
}

// Balance: a_moe E sum_e f_e P_e, f_e the fraction of tokens whose first choice is e. Teacher: the
// mean of -log softmax(logit)[tau] if the batch has a teacher, else 0.
LogicalResult ModelLowering::addExpertTerms(ExpertsOp op, Value logits, Value index) {
  ExpertTerms layer;
  OpBuilder &builder = emit.builder();
  auto experts = static_cast<int64_t>(op.getExperts());
  ArrayRef<int64_t> shape = emit.shapeOf(logits);
  int64_t tokens = shape[0] * shape[1];
  auto overTokens = [&](Value x) {
    return emit.binary(BinaryKind::div, emit.sumLeading(x),
                       emit.scalar(static_cast<double>(tokens)));
  };
  if (double weight = op.getAuxWeight().convertToDouble(); weight != 0) {
    FailureOr<Value> factor = control(op, "moe_aux_weight", weight);
    if (failed(factor))
      return failure();
    Value greatest = emit.stop(emit.reduce(ReduceKind::max, ReduceAxes::last, logits));
    Value powers = emit.unary(UnaryKind::exp, emit.sub(logits, greatest));
    Value probability = emit.binary(BinaryKind::div, powers, emit.sumLast(powers));
    Value share = overTokens(oneHot(emit, columnsOf(emit, index).front(), experts));
    Value dot = emit.sum(emit.mul(share, overTokens(probability)));
    layer.balance = emit.mul(emit.scaled(dot, static_cast<double>(experts)), *factor);
  }
  Value teacher =
      input(op.getLoc(), "teacher_expert", RankedTensorType::get({}, builder.getI32Type()));
  Value target = emit.select(
      emit.binary(BinaryKind::ge, teacher, emit.integer(0)),
      emit.binary(BinaryKind::min, teacher, emit.integer(static_cast<int32_t>(experts - 1))),
      emit.integer(kIgnoredTarget));
  layer.teacher = CrossEntropyOp::create(builder, op.getLoc(), logits,
                                         emit.broadcast(target, shape.drop_back()))
                      .getLoss();
  terms.experts.push_back(layer);
  return success();
}

// trunc(f B S k / E): how many of the pairs of a token and a choice an expert has room for.
static int32_t capacityOf(ExpertsOp op, int64_t pairs) {
  double limit = std::trunc(op.getCapacityFactor()->convertToDouble() * static_cast<double>(pairs) /
                            static_cast<double>(op.getExperts()));
  return static_cast<int32_t>(std::min(limit, static_cast<double>(pairs)));
}

// Corrected rule Q14: 1 for the first rows of each expert in token order, 0 beyond its capacity. By
// sorted pair, [B S k, 1].
Value ModelLowering::withinCapacity(ExpertsOp op, CountingSortOp sort, const Choice &choice) {
  auto experts = static_cast<int64_t>(op.getExperts());
  int64_t pairs = emit.shapeOf(sort.getOrder()).front();
  SmallVector<int32_t> positions(pairs);
  std::iota(positions.begin(), positions.end(), 0);
  Value starts = emit.reshape(emit.split(sort.getOffsets(), {experts, 1})[0], {experts, 1});
  Value expert = emit.gatherRows(emit.reshape(choice.index, {pairs, 1}), sort.getOrder(), Value(),
                                 /*unique=*/true);
  Value first = emit.gatherRows(starts, emit.reshape(expert, {pairs}), Value(), /*unique=*/false);
  Value rank = emit.sub(emit.integers(positions, {pairs, 1}), first);
  return emit.toFloat(emit.binary(BinaryKind::gt, emit.integer(capacityOf(op, pairs)), rank));
}

// The mean over pairs of experts of 1 - cos(gate_up_i, gate_up_j): how different they are.
void ModelLowering::recordDivergence(ArrayRef<Value> weights, int64_t layer) {
  auto dot = [&](Value a, Value b) { return emit.sum(emit.mul(a, b)); };
  SmallVector<Value> lengths, distances;
  for (Value weight : weights)
    lengths.push_back(emit.unary(UnaryKind::sqrt, dot(weight, weight)));
  for (size_t i = 0; i < weights.size(); ++i)
    for (size_t j = i + 1; j < weights.size(); ++j) {
      Value cosine = emit.binary(BinaryKind::div, dot(weights[i], weights[j]),
                                 emit.mul(lengths[i], lengths[j]));
      distances.push_back(emit.sub(emit.scalar(1), cosine));
    }
  terms.fields.push_back(
      {("route.moe." + Twine(layer) + ".divergence").str(), emit.average(distances), "mean"});
}

// Pairs of a token and a choice, sorted by expert; each expert works on its rows alone (Q16).
FailureOr<Value> ModelLowering::runExperts(ExpertsOp op, Value x, const Choice &choice,
                                           int64_t layer) {
  std::string scope = "moe_layers." + std::to_string(layer);
  Block &body = op.getBody().front();
  auto mlp = dyn_cast<MlpOp>(body.front());
  if (!mlp || mlp.getX() != body.getArgument(0) ||
      body.getTerminator()->getOperand(0) != mlp.getResult())
    return op.emitOpError("expected one hydra.mlp as the body of an expert, which is what rows can "
                          "be sent to");
  OpBuilder &builder = emit.builder();
  ArrayRef<int64_t> shape = emit.shapeOf(x);
  int64_t tokens = shape[0] * shape[1], width = shape[2], k = op.getTopK();
  int64_t experts = op.getExperts(), hidden = mlp.getHidden();
  SmallVector<Value> gateUps, downs;
  for (int64_t e = 0; e < experts; ++e) {
    std::string expert = joinScope(scope + ".experts." + std::to_string(e), mlp.getName());
    gateUps.push_back(parameters.get(op.getLoc(), expert + ".gate_up.weight", {2 * hidden, width}));
    downs.push_back(parameters.get(op.getLoc(), expert + ".down.weight", {width, hidden}));
    if (!gateUps.back() || !downs.back())
      return failure();
  }
  auto sort = CountingSortOp::create(builder, op.getLoc(), emit.reshape(choice.index, {tokens * k}),
                                     Value(), builder.getI64IntegerAttr(experts));
  if (!request.decoding) {
    Value ends = emit.split(sort.getOffsets(), {1, experts})[1];
    Value starts = emit.split(sort.getOffsets(), {experts, 1})[0];
    Value used = emit.sub(ends, starts);
    terms.fields.push_back({("route.moe." + Twine(layer) + ".tokens").str(), used, "sum"});
    // Q14: under the rules of the PyTorch HYDRA they are counted only.
    if (op.getCapacityFactor()) {
      Value beyond = emit.sub(used, emit.integer(capacityOf(op, tokens * k)));
      terms.fields.push_back({("dropped.moe_layers." + Twine(layer)).str(),
                              emit.binary(BinaryKind::max, beyond, emit.integer(0)), "sum"});
    }
    terms.mlpCalls.push_back({Value(), tokens * k, mlpRowFlops(mlp)});
  }
  if (request.training && experts > 1)
    recordDivergence(gateUps, layer);
  Value pairs = sort.getOrder(), token = pairs;
  if (k > 1)
    token = emit.binary(BinaryKind::div, pairs, emit.integer(static_cast<int32_t>(k)));
  Value rows = emit.gatherRows(emit.reshape(x, {tokens, width}), token, Value(), k == 1);
  auto product = [&](Value a, ValueRange weights) {
    return GroupedMatmulOp::create(builder, op.getLoc(), a, sort.getOffsets(), weights,
                                   builder.getUnitAttr());
  };
  Value inner = SwigluOp::create(builder, op.getLoc(), product(rows, gateUps), Value());
  Value y = product(inner, downs);
  if (request.rules.expertCapacity && op.getCapacityFactor())
    y = emit.mul(y, withinCapacity(op, sort, choice));
  double share = 1.0 / static_cast<double>(k);
  if (choice.weight) {
    Value weight = emit.gatherRows(emit.reshape(choice.weight, {tokens * k, 1}), pairs, Value(),
                                   /*unique=*/true);
    y = emit.mul(y, weight);
    share = 1;
  }
  return emit.reshape(emit.scatterRows(y, token, Value(), tokens, k == 1, share), shape);
}
