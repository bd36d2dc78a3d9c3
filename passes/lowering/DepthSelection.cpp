// Which tokens hard depth routing takes: the k highest scores of a sequence (model.md 8), or one of
// the rules that ask for nothing later (model.md 15 Q21, 16).
#include "passes/lowering/ModelLowering.h"
#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/Passes.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::hydra;

// k = max(1, min(S, trunc(S * min(max(c, 1e-4), 1)))), trunc of a product in double precision.
int64_t hydra::selectedTokens(int64_t sequence, double capacity) {
  double product = static_cast<double>(sequence) * std::min(std::max(capacity, 1e-4), 1.0);
  return std::clamp<int64_t>(static_cast<int64_t>(product), 1, sequence);
}

// How many of the tokens 0 .. t may have been taken by rank when token t asks.
static int32_t placesAt(int64_t t, double capacity) {
  return static_cast<int32_t>(std::max(1.0, std::trunc(capacity * static_cast<double>(t + 1))));
}

static SmallVector<int32_t> ascending(int64_t count) {
  SmallVector<int32_t> numbers;
  for (int64_t i = 0; i < count; ++i)
    numbers.push_back(static_cast<int32_t>(i));
  return numbers;
}

// i32 [B, S]: 1 for rows that hold a new token.
Value ModelLowering::newTokens(int64_t batch, int64_t sequence) {
  Value count = emit.reshape(request.decoding->count, {batch, 1});
  return emit.binary(BinaryKind::gt, count, emit.integers(ascending(sequence), {sequence}));
}

// The k(n) highest scores of the n = count tokens that a sequence consists of; `extend` is given
// all of them at once. Ranks are places in the order of all scores, in which padding is last.
Value ModelLowering::selectOfCount(DepthRoutingOp op, Value score) {
  OpBuilder &builder = emit.builder();
  ArrayRef<int64_t> shape = emit.shapeOf(score);
  int64_t batch = shape[0], sequence = shape[1], tokens = batch * sequence;
  Value valid = newTokens(batch, sequence);
  Value lowest = emit.broadcast(emit.scalar(std::numeric_limits<float>::lowest()), shape);
  auto sorted = TopKOp::create(builder, op.getLoc(), emit.select(valid, score, lowest),
                               builder.getI64IntegerAttr(sequence), builder.getUnitAttr());
  SmallVector<int32_t> firsts;
  for (int64_t b = 0; b < batch; ++b)
    firsts.push_back(static_cast<int32_t>(b * sequence));
  Value offsets = emit.integers(firsts, {batch, 1});
  // The inverse of a permutation is the order that sorts it.
  Value flat = emit.reshape(emit.add(sorted.getIndex(), offsets), {tokens});
  auto inverse = CountingSortOp::create(builder, op.getLoc(), flat, Value(),
                                        builder.getI64IntegerAttr(tokens));
  Value rank = emit.sub(emit.reshape(inverse.getOrder(), {batch, sequence}), offsets);
  // k(n) as the number of places that n tokens are enough for.
  SmallVector<int32_t> enough(sequence, std::numeric_limits<int32_t>::max());
  for (int64_t n = sequence; n >= 1; --n)
    std::fill_n(enough.begin(), selectedTokens(n, op.getCapacity().convertToDouble()),
                static_cast<int32_t>(n));
  Value count = emit.reshape(request.decoding->count, {batch, 1});
  Value reached = emit.binary(BinaryKind::ge, count, emit.integers(enough, {sequence}));
  Value places = emit.toInteger(emit.sumLast(emit.toFloat(reached)));
  return emit.mul(emit.binary(BinaryKind::gt, places, rank), valid);
}

// Token t by its rank among the scores of 0 .. t. In decoding the scores of a pass are kept.
Value ModelLowering::selectOfPrefix(DepthRoutingOp op, Value score, const Place &place,
                                    bool keeps) {
  OpBuilder &builder = emit.builder();
  ArrayRef<int64_t> shape = emit.shapeOf(score);
  int64_t batch = shape[0], sequence = shape[1];
  double capacity = op.getCapacity().convertToDouble();
  SmallVector<int32_t> places;
  for (int64_t t = 0; t < (keeps ? request.decoding->cache : sequence); ++t)
    places.push_back(placesAt(t, capacity));
  if (!keeps) {
    Value rank = PrefixRankOp::create(builder, op.getLoc(), score, score, Value());
    return emit.binary(BinaryKind::ge, emit.integers(places, {sequence}), rank);
  }
  auto extent = static_cast<int64_t>(places.size());
  Value position = request.decoding->position;
  std::string name = joinScope(place.scope, "mod_mlp_wrapper.mod_router.scores.") +
                     std::to_string(selectedRows[place.block].size());
  Value keys =
      emit.reshape(cached(name, emit.reshape(score, {batch, sequence, 1})), {batch, extent});
  Value rank = PrefixRankOp::create(builder, op.getLoc(), score, keys, position);
  // The places of token position + s; rows without a token look at the last.
  Value at =
      emit.add(emit.reshape(position, {batch, 1}), emit.integers(ascending(sequence), {sequence}));
  at = emit.binary(BinaryKind::min, at, emit.integer(static_cast<int32_t>(extent - 1)));
  Value allowed = emit.gatherRows(emit.toFloat(emit.integers(places, {extent, 1})),
                                  emit.reshape(at, {batch * sequence}), Value(), /*unique=*/false);
  return emit.binary(BinaryKind::ge, emit.toInteger(emit.reshape(allowed, shape)), rank);
}

FailureOr<ModelLowering::Selection> ModelLowering::select(DepthRoutingOp op, Value score,
                                                          const Place &place) {
  ArrayRef<int64_t> shape = emit.shapeOf(score);
  int64_t batch = shape[0], sequence = shape[1];
  // Calls of the block in their order: docs/contracts.md, "Phases".
  std::string block = std::to_string(place.block);
  std::string call = std::to_string(selectedRows[place.block].size());
  emit.probe(score, "route.mod." + block + ".score." + call);
  Selection selection{Value(), Value(), batch * sequence};
  switch (modeOf(op)) {
  case DepthRoutingMode::hard:
    if (request.rules.causalSelection) {
      selection.chosen = selectOfPrefix(op, score, place, /*keeps=*/false);
    } else if (request.decoding) {
      selection.chosen = selectOfCount(op, score);
    } else {
      int64_t k = selectedTokens(sequence, op.getCapacity().convertToDouble());
      OpBuilder &builder = emit.builder();
      auto top = TopKOp::create(builder, op.getLoc(), score, builder.getI64IntegerAttr(k));
      emit.probe(top.getIndex(), "route.mod." + block + ".index." + call);
      return Selection{top.getChosen(), top.getIndex(), batch * k};
    }
    break;
  case DepthRoutingMode::prefix:
    selection.chosen = selectOfPrefix(op, score, place, /*keeps=*/request.decoding.has_value());
    break;
  case DepthRoutingMode::threshold: {
    FailureOr<Value> bound = control(op, "mod_threshold." + block + "." + call, 0);
    if (failed(bound))
      return failure();
    selection.chosen = emit.toInteger(emit.binary(BinaryKind::gt, score, *bound));
    break;
  }
  case DepthRoutingMode::predictor: // sigmoid(score) > 0.5
    selection.chosen = emit.toInteger(emit.binary(BinaryKind::gt, score, emit.scalar(0)));
    break;
  case DepthRoutingMode::disabled:
  case DepthRoutingMode::soft:
    llvm_unreachable("takes every token");
  }
  if (request.decoding)
    selection.chosen = emit.mul(selection.chosen, newTokens(batch, sequence));
  emit.probe(selection.chosen, "route.mod." + block + ".chosen." + call);
  return selection;
}
