// Shape inference of the ops that select, order and group rows (HydraRoutingOps.td).
#include "dialects/hydra/TypeInference.h"

using namespace mlir;
using namespace mlir::hydra;

static RankedTensorType integers(MLIRContext *context, ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, IntegerType::get(context, 32));
}

LogicalResult TopKOp::inferReturnTypes(MLIRContext *context, OptionalLocation location,
                                       Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType score = tensorOf(adaptor.getScore());
  auto k = static_cast<int64_t>(adaptor.getK());
  // top_k C1
  if (score.getRank() == 0)
    return emitOptionalError(location, "expected scores of at least one axis, found ", score);
  // top_k C2
  if (k < 1 || k > lastExtent(score))
    return emitOptionalError(location, "expected 1 <= k <= ", lastExtent(score), " for scores ",
                             score, ", found ", k);
  types.append({integers(context, withLastExtent(score, k).getShape()),
                integers(context, score.getShape())});
  return success();
}

LogicalResult CountingSortOp::inferReturnTypes(MLIRContext *context, OptionalLocation location,
                                               Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType key = tensorOf(adaptor.getKey());
  auto classes = static_cast<int64_t>(adaptor.getClasses());
  // counting_sort C1, C2
  if (failed(require(key.getRank() == 1, location, "expected keys with one axis, found ", key)) ||
      failed(require(classes >= 1, location, "expected at least one class, found ", classes)))
    return failure();
  types.append({key, integers(context, {classes + 1})});
  return success();
}

LogicalResult NonzeroOp::inferReturnTypes(MLIRContext *context, OptionalLocation location,
                                          Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType mask = tensorOf(adaptor.getMask());
  auto capacity = static_cast<int64_t>(adaptor.getCapacity());
  // nonzero C1
  if (capacity < 1 || capacity > mask.getNumElements())
    return emitOptionalError(location, "expected 1 <= capacity <= ", mask.getNumElements(),
                             " for a mask ", mask, ", found ", capacity);
  types.append({integers(context, {capacity}), integers(context, {})});
  return success();
}

LogicalResult PrefixRankOp::inferReturnTypes(MLIRContext *context, OptionalLocation location,
                                             Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType score = tensorOf(adaptor.getScore()), keys = tensorOf(adaptor.getKeys());
  // prefix_rank C1, C2
  if (score.getRank() != 2 || keys.getRank() != 2 || score.getShape()[0] != keys.getShape()[0] ||
      score.getElementType() != keys.getElementType() || lastExtent(score) > lastExtent(keys))
    return emitOptionalError(location,
                             "expected scores [B, S] and keys [B, T] of one element type "
                             "with S <= T, found ",
                             score, " and ", keys);
  // prefix_rank C3
  Value position = adaptor.getPosition();
  if (position && position.getType() != integers(context, {score.getShape()[0]}))
    return emitOptionalError(location, "expected a position per sequence, i32 [",
                             score.getShape()[0], "], found ", position.getType());
  types.push_back(integers(context, score.getShape()));
  return success();
}

LogicalResult MergeRowsOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                            Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType base = tensorOf(adaptor.getBase());
  // merge_rows C1
  if (base.getRank() == 0 || adaptor.getX().getType() != base)
    return emitOptionalError(location, "expected base and x of one type with rows, found ", base,
                             " and ", adaptor.getX().getType());
  types.push_back(base);
  return success();
}

LogicalResult GroupedMatmulOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                                Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX()), offsets = tensorOf(adaptor.getOffsets());
  auto groups = static_cast<int64_t>(adaptor.getWeights().size());
  // grouped_matmul C1
  if (groups < 1 || offsets.getRank() != 1 || offsets.getShape()[0] != groups + 1)
    return emitOptionalError(location,
                             "expected one weight or more and one offset more than that, "
                             "found ",
                             groups, " weights and offsets ", offsets);
  // grouped_matmul C2
  RankedTensorType weight = tensorOf(adaptor.getWeights().front());
  for (Value other : adaptor.getWeights())
    if (other.getType() != weight || weight.getRank() != 2 ||
        weight.getElementType() != x.getElementType())
      return emitOptionalError(location,
                               "expected weights [N, K] of one type and with elements of ",
                               x.getElementType(), ", found ", weight, " and ", other.getType());
  // grouped_matmul C3
  int64_t contracted = weight.getShape()[adaptor.getTransposeB() ? 1 : 0];
  if (x.getRank() < 2 || lastExtent(x) != contracted)
    return emitOptionalError(location, "expected x with rows of ", contracted, ", found ", x);
  types.push_back(withLastExtent(x, weight.getShape()[adaptor.getTransposeB() ? 0 : 1]));
  return success();
}

LogicalResult GroupedWeightGradOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                                    Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType a = tensorOf(adaptor.getA()), b = tensorOf(adaptor.getB()),
                   offsets = tensorOf(adaptor.getOffsets());
  // grouped_weight_grad C1
  if (a.getRank() < 2 || b.getRank() < 2 || flattenedRows(a) != flattenedRows(b) ||
      a.getElementType() != b.getElementType())
    return emitOptionalError(location, "expected a and b with equal rows and element types, found ",
                             a, " and ", b);
  // grouped_weight_grad C2
  auto group = static_cast<int64_t>(adaptor.getGroup());
  if (offsets.getRank() != 1 || group < 0 || group + 1 >= offsets.getShape()[0])
    return emitOptionalError(location, "expected offsets [G + 1] with 0 <= group < G, found ",
                             offsets, " and group ", group);
  // grouped_weight_grad C3
  auto result = RankedTensorType::get({lastExtent(a), lastExtent(b)}, a.getElementType());
  if (Value accumulator = adaptor.getAccumulator(); accumulator && accumulator.getType() != result)
    return emitOptionalError(location, "expected an accumulator of type ", result, ", found ",
                             accumulator.getType());
  types.push_back(result);
  return success();
}
