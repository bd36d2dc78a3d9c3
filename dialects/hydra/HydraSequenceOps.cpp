// Shape inference of the window ops and attention (HydraSequenceOps.td).
#include "dialects/hydra/TypeInference.h"

using namespace mlir;
using namespace mlir::hydra;

static LogicalResult requireSequence(OptionalLocation location, Value x) {
  return require(tensorOf(x).getRank() == 3, location, "expected [B, S, C], found ", x.getType());
}

// The position of a history: zero where a sequence begins.
static LogicalResult requireHistoryPosition(OptionalLocation location, Value position,
                                            Value history, Value x) {
  return failed(require(!position || history, location,
                        "position says where the history counts as zeros; expected a history "
                        "beside it"))
             ? failure()
             : requirePerSequence(location, "position", position, x);
}

// A history, if present, must be [batch of x, length, channels].
static LogicalResult requireHistory(OptionalLocation location, Value history, Value x,
                                    int64_t length, int64_t channels) {
  if (!history)
    return success();
  RankedTensorType type = tensorOf(x);
  auto expected =
      RankedTensorType::get({type.getShape()[0], length, channels}, type.getElementType());
  return require(history.getType() == expected, location, "expected a history of type ", expected,
                 ", found ", history.getType());
}

LogicalResult ShiftOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  // shift C1
  if (failed(requireSequence(location, adaptor.getX())))
    return failure();
  RankedTensorType x = tensorOf(adaptor.getX());
  int64_t from = adaptor.getFromChannel();
  // shift C2, C3, C4, C5
  if (failed(require(from >= 0 && from <= lastExtent(x), location,
                     "expected 0 <= from_channel <= ", lastExtent(x), ", found ", from)) ||
      failed(requireHistory(location, adaptor.getHistory(), adaptor.getX(), 1,
                            lastExtent(x) - from)) ||
      failed(require(!(adaptor.getReverse() && adaptor.getHistory()), location,
                     "a reversed shift takes no history")) ||
      failed(requireHistoryPosition(location, adaptor.getPosition(), adaptor.getHistory(),
                                    adaptor.getX())))
    return failure();
  types.push_back(x);
  return success();
}

LogicalResult CausalConvOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                             Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX()), filter = tensorOf(adaptor.getFilter());
  // causal_conv C1
  if (x.getRank() != 3 || filter.getRank() != 3)
    return emitOptionalError(location,
                             "expected x [B, S, Cin] and filter [Cout, Cin / groups, w], found ", x,
                             " and ", filter);
  int64_t perGroup = filter.getShape()[1];
  // causal_conv C2
  if (perGroup <= 0 || lastExtent(x) % perGroup != 0)
    return emitOptionalError(location, "expected filter extent 1 to divide the ", lastExtent(x),
                             " input channels, found ", perGroup);
  // causal_conv C3
  if (filter.getShape()[0] % (lastExtent(x) / perGroup) != 0)
    return emitOptionalError(location, "expected the number of groups ", lastExtent(x) / perGroup,
                             " to divide the ", filter.getShape()[0], " output channels");
  // causal_conv C5
  if (x.getElementType() != filter.getElementType())
    return emitOptionalError(location, "expected a filter of the element type of ", x, ", found ",
                             filter);
  // causal_conv C4, C6
  if (failed(requireHistory(location, adaptor.getHistory(), adaptor.getX(),
                            filter.getShape()[2] - 1, lastExtent(x))) ||
      failed(requireHistoryPosition(location, adaptor.getPosition(), adaptor.getHistory(),
                                    adaptor.getX())))
    return failure();
  types.push_back(withLastExtent(x, filter.getShape()[0]));
  return success();
}

LogicalResult UnfoldOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  // unfold C1, C2, C3, C4
  if (failed(requireSequence(location, adaptor.getX())) ||
      failed(require(adaptor.getWidth() >= 1, location, "expected width >= 1, found ",
                     adaptor.getWidth())) ||
      failed(requireHistory(location, adaptor.getHistory(), adaptor.getX(), adaptor.getWidth() - 1,
                            lastExtent(tensorOf(adaptor.getX())))) ||
      failed(requireHistoryPosition(location, adaptor.getPosition(), adaptor.getHistory(),
                                    adaptor.getX())))
    return failure();
  RankedTensorType x = tensorOf(adaptor.getX());
  types.push_back(withLastExtent(x, lastExtent(x) * adaptor.getWidth()));
  return success();
}

LogicalResult FoldOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  // fold C1, C2
  if (failed(requireSequence(location, adaptor.getY())))
    return failure();
  RankedTensorType y = tensorOf(adaptor.getY());
  int64_t width = adaptor.getWidth();
  if (width < 1 || lastExtent(y) % width != 0)
    return emitOptionalError(location, "expected width >= 1 that divides the last extent of ", y,
                             ", found ", width);
  types.push_back(withLastExtent(y, lastExtent(y) / width));
  return success();
}

// Two [B, *, C] tensors with equal batch and channels.
static LogicalResult requireSameBatchAndChannels(OptionalLocation location, Value a, Value b) {
  if (failed(requireSequence(location, a)) || failed(requireSequence(location, b)))
    return failure();
  RankedTensorType first = tensorOf(a), second = tensorOf(b);
  return require(
      first.getShape()[0] == second.getShape()[0] && lastExtent(first) == lastExtent(second) &&
          first.getElementType() == second.getElementType(),
      location, "expected equal batch, channels and element type, found ", first, " and ", second);
}

LogicalResult WindowTailOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                             Adaptor adaptor, SmallVectorImpl<Type> &types) {
  // window_tail C1, C2, C3
  if (failed(requireSameBatchAndChannels(location, adaptor.getHistory(), adaptor.getX())) ||
      failed(requirePerSequence(location, "position", adaptor.getPosition(), adaptor.getX())) ||
      failed(requirePerSequence(location, "count", adaptor.getCount(), adaptor.getX())))
    return failure();
  types.push_back(adaptor.getHistory().getType());
  return success();
}

// Head counts and widths shared by attention and its gradient.
static LogicalResult requireAttentionShapes(OptionalLocation location, Value q, Value k, Value v,
                                            int64_t heads, int64_t kvHeads, const APFloat &scale) {
  if (failed(requireSequence(location, q)) || failed(requireSequence(location, k)))
    return failure();
  RankedTensorType query = tensorOf(q), key = tensorOf(k);
  // attention C2
  if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0 || lastExtent(query) % heads != 0)
    return emitOptionalError(location,
                             "expected kv_heads to divide heads and heads to divide the width of ",
                             query, ", found ", heads, " heads and ", kvHeads, " kv_heads");
  // attention C3
  if (k.getType() != v.getType() || lastExtent(key) != lastExtent(query) / heads * kvHeads)
    return emitOptionalError(location, "expected keys and values of width ",
                             lastExtent(query) / heads * kvHeads, ", found ", key, " and ",
                             v.getType());
  // attention C8
  if (query.getElementType().isBF16() &&
      (lastExtent(query) / heads % 2 != 0 || scale.isNegative() || scale.isZero()))
    return emitOptionalError(location,
                             "expected of bf16 operands an even head width and a positive "
                             "scale, found width ",
                             lastExtent(query) / heads, " and scale ", scale.convertToDouble());
  // attention C5, C6
  return require(
      query.getShape()[0] == key.getShape()[0] && query.getElementType() == key.getElementType(),
      location, "expected equal batch sizes and element types, found ", query, " and ", key);
}

// Results are float32 where operands are bf16.
static RankedTensorType attentionResult(RankedTensorType operand) {
  if (!operand.getElementType().isBF16())
    return operand;
  return RankedTensorType::get(operand.getShape(), Float32Type::get(operand.getContext()));
}

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                            Adaptor adaptor, SmallVectorImpl<Type> &types) {
  // attention C1, C2, C3, C5, C6, C7, C8
  if (failed(requireAttentionShapes(location, adaptor.getQ(), adaptor.getK(), adaptor.getV(),
                                    adaptor.getHeads(), adaptor.getKvHeads(),
                                    adaptor.getScale())) ||
      failed(requirePerSequence(location, "position", adaptor.getPosition(), adaptor.getQ())) ||
      failed(requirePerSequence(location, "count", adaptor.getCount(), adaptor.getQ())))
    return failure();
  RankedTensorType q = tensorOf(adaptor.getQ()), k = tensorOf(adaptor.getK());
  // attention C4
  if (q.getShape()[1] > k.getShape()[1])
    return emitOptionalError(location, "expected at least as many keys as queries, found ", k,
                             " for ", q);
  types.push_back(attentionResult(q));
  types.push_back(withLastExtent(attentionResult(q), adaptor.getHeads()));
  return success();
}

LogicalResult AttentionGradOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                                Adaptor adaptor, SmallVectorImpl<Type> &types) {
  // attention_grad C2
  if (failed(requireAttentionShapes(location, adaptor.getQ(), adaptor.getK(), adaptor.getV(),
                                    adaptor.getHeads(), adaptor.getKvHeads(), adaptor.getScale())))
    return failure();
  RankedTensorType q = tensorOf(adaptor.getQ()), k = tensorOf(adaptor.getK());
  RankedTensorType result = attentionResult(q);
  // attention_grad C1, C3
  if (adaptor.getDy().getType() != q || adaptor.getY().getType() != result)
    return emitOptionalError(location, "expected dy of q's type ", q, " and y of type ", result,
                             ", found ", adaptor.getDy().getType(), " and ",
                             adaptor.getY().getType());
  if (q.getShape()[1] != k.getShape()[1])
    return emitOptionalError(location, "expected as many keys as queries, found ", k, " for ", q);
  if (adaptor.getLse().getType() != withLastExtent(result, adaptor.getHeads()))
    return emitOptionalError(location, "expected lse of type ",
                             withLastExtent(result, adaptor.getHeads()), ", found ",
                             adaptor.getLse().getType());
  types.append({result, attentionResult(k), attentionResult(k)});
  return success();
}

LogicalResult CacheUpdateOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                              Adaptor adaptor, SmallVectorImpl<Type> &types) {
  // cache_update C1, C2, C3, C4
  if (failed(requireSameBatchAndChannels(location, adaptor.getCache(), adaptor.getX())) ||
      failed(requirePerSequence(location, "position", adaptor.getPosition(), adaptor.getX())) ||
      failed(requirePerSequence(location, "count", adaptor.getCount(), adaptor.getX())))
    return failure();
  RankedTensorType cache = tensorOf(adaptor.getCache()), x = tensorOf(adaptor.getX());
  if (x.getShape()[1] > cache.getShape()[1])
    return emitOptionalError(location, "expected a cache of at least ", x.getShape()[1],
                             " positions, found ", cache);
  types.push_back(cache);
  return success();
}
