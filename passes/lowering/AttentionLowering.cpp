// hydra.ccgqa as primitives, for whole sequences and for decoding (model.md 4 and 16).
#include "passes/lowering/ModelLowering.h"
#include "passes/lowering/ParameterTable.h"

#include <cmath>

using namespace mlir;
using namespace mlir::hydra;

// theta of model.md 3.
static constexpr double kRotaryBase = 10000.0;

FailureOr<Value> ModelLowering::lowerAttention(CcgqaOp op, const Place &place) {
  AttentionSizes s = attentionSizes(op);
  Location loc = op.getLoc();
  OpBuilder &builder = emit.builder();
  std::string scope = joinScope(place.scope, op.getName());
  PrimitiveEmitter::Region region(emit, loc, joinScope(place.part, op.getName()));
  Value x = lowered(op.getX());
  int64_t batch = emit.shapeOf(x)[0], seq = emit.shapeOf(x)[1];

  auto parameter = [&](StringRef name, ArrayRef<int64_t> shape) {
    return parameters.get(loc, joinScope(scope, name), shape);
  };
  auto integer = [&](int64_t value) { return builder.getI64IntegerAttr(value); };
  auto number = [&](double value) { return builder.getF64FloatAttr(value); };

  // Requested in table order, the unused temperature included.
  Value temperature = parameter("key_temperature", {1});
  Value projection = parameter("qkv_proj.weight", {s.latent + 2 * s.kv, s.width});
  Value output = parameter("o_proj.weight", {s.width, s.latent});
  if (!temperature || !projection || !output)
    return failure();

  SmallVector<Value> qkv = emit.split(emit.linear(x, projection), {s.latent, s.kv, s.kv});
  Value q = qkv[0], k = qkv[1], v = qkv[2];
  const Value q0 = q, k0 = k;
  // Decoding: where every sequence stands.
  Value position = request.decoding ? request.decoding->position : Value();
  Value count = request.decoding ? request.decoding->count : Value();

  if (op.getValueShift()) {
    int64_t late = s.kv / 2;
    std::string name = joinScope(scope, "value_history");
    Value history = stateArgument(name, {batch, 1, late});
    if (history)
      keepTail(name, history, emit.split(v, {s.kv - late, late})[1]);
    v = ShiftOp::create(builder, loc, v, history, position, integer(s.kv - late), UnitAttr());
  }

  // Two convolutions in a row; decoding keeps the last w - 1 inputs of each.
  auto convolve = [&](Value value, StringRef side, int64_t channels) -> FailureOr<Value> {
    for (StringRef stage : {"conv1", "conv2"}) {
      int64_t perGroup = stage == "conv1" ? s.headDim : channels;
      Value filter =
          parameter((side + "_conv." + stage + ".weight").str(), {channels, perGroup, s.window});
      if (!filter)
        return failure();
      std::string name = joinScope(scope, (stage + "_history_" + side).str());
      Value history = s.window > 1 ? stateArgument(name, {batch, s.window - 1, channels}) : Value();
      keepTail(name, history, value);
      value =
          CausalConvOp::create(builder, loc, value, filter, history, history ? position : Value());
    }
    return value;
  };
  if (op.getConvs()) {
    FailureOr<Value> newQ = convolve(q, "q", s.latent);
    FailureOr<Value> newK = failed(newQ) ? newQ : convolve(k, "k", s.kv);
    if (failed(newK))
      return failure();
    q = *newQ;
    k = *newK;
  }

  if (op.getQkMean()) {
    if (s.heads == s.kvHeads) {
      Value both = emit.scaled(emit.add(q0, k0), 0.5);
      q = emit.add(q, both);
      k = emit.add(k, both);
    } else {
      q = emit.add(q, HeadMixOp::create(builder, loc, k0, Value(), integer(s.kvHeads),
                                        integer(s.heads), number(0.5)));
      k = emit.add(k, HeadMixOp::create(builder, loc, q0, Value(), integer(s.heads),
                                        integer(s.kvHeads), number(0.5)));
    }
  }

  if (op.getQkNorm()) {
    q = L2NormOp::create(builder, loc, q, Value(), integer(s.heads), number(1e-12));
    k = L2NormOp::create(builder, loc, k, Value(), integer(s.kvHeads), number(1e-12));
    k = emit.mul(k, temperature);
  }

  if (op.getRope()) {
    Value table =
        ropeTable(request.ropePositions ? request.ropePositions : seq, s.headDim, kRotaryBase);
    q = RopeOp::create(builder, loc, q, table, position, UnitAttr());
    k = RopeOp::create(builder, loc, k, table, position, UnitAttr());
  }

  if (request.decoding) {
    k = cached(joinScope(scope, "key_cache"), k);
    v = cached(joinScope(scope, "value_cache"), v);
  }

  auto attention = AttentionOp::create(builder, loc, q, k, v, position, count, integer(s.heads),
                                       integer(s.kvHeads),
                                       number(1.0 / std::sqrt(static_cast<double>(s.headDim))));
  return emit.linear(attention.getResult(), output);
}
