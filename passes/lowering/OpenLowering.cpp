// The parts of a spec's own blocks as primitives: weights, dense layers, layer norm, learned
// positions and dense attention, for whole sequences and for decoding.
#include "passes/lowering/ModelLowering.h"
#include "passes/lowering/ParameterTable.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace mlir::hydra;

FailureOr<Value> ModelLowering::lowerWeight(WeightOp op, const Place &place) {
  Value weight = parameters.get(op.getLoc(), joinScope(place.scope, op.getName()),
                                cast<RankedTensorType>(op.getType()).getShape());
  if (!weight)
    return failure();
  tokenless.insert(weight);
  return weight;
}

FailureOr<Value> ModelLowering::affine(Location location, StringRef name, Value x, int64_t outputs,
                                       bool bias) {
  Value weight =
      parameters.get(location, (name + ".weight").str(), {outputs, emit.shapeOf(x).back()});
  if (!weight)
    return failure();
  Value y = emit.linear(x, weight);
  if (!bias)
    return y;
  Value offset = parameters.get(location, (name + ".bias").str(), {outputs});
  if (!offset)
    return failure();
  return emit.add(y, offset);
}

FailureOr<Value> ModelLowering::lowerLinear(LinearOp op, const Place &place) {
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, op.getName()));
  int64_t outputs = cast<RankedTensorType>(op.getType()).getShape().back();
  return affine(op.getLoc(), joinScope(place.scope, op.getName()), lowered(op.getX()), outputs,
                op.getBias());
}

// The RMS norm of what is left when the mean is taken away.
FailureOr<Value> ModelLowering::lowerLayerNorm(LayerNormOp op, const Place &place) {
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, op.getName()));
  Value x = lowered(op.getX());
  int64_t width = emit.shapeOf(x).back();
  std::string scope = joinScope(place.scope, op.getName());
  Value weight = parameters.get(op.getLoc(), scope + ".weight", {width});
  if (!weight)
    return failure();
  Value mean = emit.scaled(emit.sumLast(x), 1.0 / static_cast<double>(width));
  Value y = emit.rmsNorm(emit.sub(x, mean), weight, op.getEps().convertToDouble());
  if (!op.getBias())
    return y;
  Value bias = parameters.get(op.getLoc(), scope + ".bias", {width});
  if (!bias)
    return failure();
  return emit.add(y, bias);
}

// Leading rows of the table for whole sequences, rows by position in decoding.
FailureOr<Value> ModelLowering::lowerPositions(PositionEmbeddingOp op, const Place &place) {
  auto model = op->getParentOfType<LanguageModelOp>();
  if (!model)
    return op.emitOpError("expected to stand inside hydra.model, which says how many positions "
                          "there are");
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, op.getName()));
  int64_t positions = model.getMaxSeqLen(), width = model.getDim();
  Value table = parameters.get(
      op.getLoc(), joinScope(place.scope, (op.getName() + ".weight").str()), {positions, width});
  if (!table)
    return failure();
  OpBuilder &builder = emit.builder();
  ArrayRef<int64_t> shape = emit.shapeOf(lowered(op.getTokens()));
  int64_t batch = shape[0], sequence = shape[1];
  if (!request.decoding) {
    Value rows = SliceRowsOp::create(builder, op.getLoc(), table, builder.getI64IntegerAttr(0),
                                     builder.getI64IntegerAttr(sequence));
    rows = emit.reshape(rows, {1, sequence, width});
    return batch == 1 ? rows : emit.broadcast(rows, {batch, sequence, width});
  }
  SmallVector<int32_t> steps(sequence);
  std::iota(steps.begin(), steps.end(), 0);
  Value first = emit.reshape(request.decoding->position, {batch, 1});
  Value index = emit.add(first, emit.integers(steps, {1, sequence}));
  return EmbeddingOp::create(builder, op.getLoc(), table, index, Value(),
                             builder.getF64FloatAttr(1.0))
      .getResult();
}

LogicalResult ModelLowering::requireSequence(Operation *op, Value x) {
  if (emit.shapeOf(x).size() == 3 && !emit.rows())
    return success();
  return op->emitOpError(
      "works along the sequence, but stands where tokens are gathered from it: in "
      "hydra.depth_routing or hydra.experts; place it outside");
}

FailureOr<Value> ModelLowering::lowerDenseAttention(GqaOp op, const Place &place) {
  Value x = lowered(op.getX());
  if (failed(requireSequence(op, x)))
    return failure();
  std::string scope = joinScope(place.scope, op.getName());
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, op.getName()));
  OpBuilder &builder = emit.builder();
  int64_t heads = op.getHeads(), keyHeads = op.keyHeads(), head = op.headWidth();
  int64_t width = emit.shapeOf(x).back(), sequence = emit.shapeOf(x)[1];

  FailureOr<Value> joined =
      affine(op.getLoc(), scope + ".qkv_proj", x, (heads + 2 * keyHeads) * head, op.getBias());
  if (failed(joined))
    return failure();
  SmallVector<Value> qkv = emit.split(*joined, {heads * head, keyHeads * head, keyHeads * head});
  Value q = qkv[0], k = qkv[1], v = qkv[2];
  Value position = request.decoding ? request.decoding->position : Value();
  Value count = request.decoding ? request.decoding->count : Value();
  if (op.getRope()) {
    Value table =
        ropeTable(request.ropePositions ? request.ropePositions : sequence, head, op.rotaryBase());
    q = RopeOp::create(builder, op.getLoc(), q, table, position, UnitAttr());
    k = RopeOp::create(builder, op.getLoc(), k, table, position, UnitAttr());
  }
  if (request.decoding) {
    // Passes of a recursion have a cache each.
    std::string state = joinScope(place.part, op.getName());
    k = cached(joinScope(state, "key_cache"), k);
    v = cached(joinScope(state, "value_cache"), v);
  }
  auto attention =
      AttentionOp::create(builder, op.getLoc(), q, k, v, position, count,
                          builder.getI64IntegerAttr(heads), builder.getI64IntegerAttr(keyHeads),
                          builder.getF64FloatAttr(1.0 / std::sqrt(static_cast<double>(head))));
  return affine(op.getLoc(), scope + ".o_proj", attention.getResult(), width, op.getBias());
}
