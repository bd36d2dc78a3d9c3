// Shape inference of the elementwise ops, reductions and renaming ops (HydraElementwiseOps.td).
#include "dialects/hydra/TypeInference.h"

using namespace mlir;
using namespace mlir::hydra;

std::optional<SmallVector<int64_t>> hydra::broadcastShapes(ArrayRef<int64_t> a,
                                                           ArrayRef<int64_t> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  SmallVector<int64_t> shape(a);
  size_t offset = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t &extent = shape[offset + i];
    if (extent == 1)
      extent = b[i];
    else if (b[i] != 1 && b[i] != extent)
      return std::nullopt;
  }
  return shape;
}

// Whether `from` repeats to exactly `to`.
static bool broadcastsTo(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  auto shape = broadcastShapes(from, to);
  return shape && ArrayRef<int64_t>(*shape) == to;
}

LogicalResult ConstantOp::inferReturnTypes(MLIRContext *, OptionalLocation, Adaptor adaptor,
                                           SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getValue().getShapedType());
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult RopeTableOp::inferReturnTypes(MLIRContext *context, OptionalLocation location,
                                            Adaptor adaptor, SmallVectorImpl<Type> &types) {
  int64_t positions = adaptor.getPositions(), headDim = adaptor.getHeadDim();
  // rope_table C1, C2, C3
  if (failed(
          require(positions > 0, location, "expected at least one position, found ", positions)) ||
      failed(require(headDim > 0 && headDim % 2 == 0, location,
                     "expected a positive even head_dim, found ", headDim)) ||
      failed(
          require(adaptor.getTheta().convertToDouble() > 0, location, "expected a positive theta")))
    return failure();
  types.push_back(RankedTensorType::get({positions, headDim}, Float32Type::get(context)));
  return success();
}

LogicalResult UnaryOp::inferReturnTypes(MLIRContext *, OptionalLocation, Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getX().getType());
  return success();
}

LogicalResult BinaryOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType a = tensorOf(adaptor.getA()), b = tensorOf(adaptor.getB());
  // binary C1
  if (a.getElementType() != b.getElementType())
    return emitOptionalError(location, "expected equal element types, found ", a.getElementType(),
                             " and ", b.getElementType(), "; insert hydra.cast");
  // binary C2
  auto shape = broadcastShapes(a.getShape(), b.getShape());
  if (!shape)
    return emitOptionalError(location, "operands ", a, " and ", b,
                             " do not broadcast: aligned at the last axis, every pair of extents "
                             "must be equal or hold a 1");
  types.push_back(RankedTensorType::get(*shape, a.getElementType()));
  return success();
}

LogicalResult SelectOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType mask = tensorOf(adaptor.getMask()), a = tensorOf(adaptor.getA()),
                   b = tensorOf(adaptor.getB());
  // select C1, C2
  if (failed(
          require(a == b, location, "expected both values of one type, found ", a, " and ", b)) ||
      failed(require(broadcastsTo(mask.getShape(), a.getShape()), location, "mask ", mask,
                     " does not broadcast to ", a)))
    return failure();
  types.push_back(a);
  return success();
}

LogicalResult CastOp::inferReturnTypes(MLIRContext *, OptionalLocation, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  types.push_back(tensorOf(adaptor.getX()).clone(adaptor.getElementType()));
  return success();
}

LogicalResult StopOp::inferReturnTypes(MLIRContext *, OptionalLocation, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getX().getType());
  return success();
}

LogicalResult BroadcastOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                            Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX());
  // broadcast C1
  if (!broadcastsTo(x.getShape(), adaptor.getShape()))
    return emitOptionalError(location, "operand ", x, " does not broadcast to the given shape");
  types.push_back(RankedTensorType::get(adaptor.getShape(), x.getElementType()));
  return success();
}

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX());
  ReduceAxes axes = adaptor.getAxes();
  // reduce C1
  if (x.getRank() == 0 && axes != ReduceAxes::all)
    return emitOptionalError(location, "expected at least one axis to reduce, found ", x,
                             "; a scalar can only be reduced over `all`");
  if (axes == ReduceAxes::last)
    types.push_back(withLastExtent(x, 1));
  else if (axes == ReduceAxes::leading)
    types.push_back(RankedTensorType::get({lastExtent(x)}, x.getElementType()));
  else
    types.push_back(RankedTensorType::get({}, x.getElementType()));
  return success();
}

LogicalResult ReshapeOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX());
  auto result = RankedTensorType::get(adaptor.getShape(), x.getElementType());
  // reshape C1
  if (x.getNumElements() != result.getNumElements())
    return emitOptionalError(location, "expected ", x.getNumElements(), " elements as in ", x,
                             ", found ", result.getNumElements(), " in ", result);
  types.push_back(result);
  return success();
}

LogicalResult SplitOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX());
  if (x.getRank() == 0)
    return emitOptionalError(location, "expected a last axis to split, found a scalar");
  int64_t sum = 0;
  for (int64_t size : adaptor.getSizes()) {
    // split C1
    if (size <= 0)
      return emitOptionalError(location, "expected positive sizes, found ", size);
    sum += size;
    types.push_back(withLastExtent(x, size));
  }
  // split C2
  return require(sum == lastExtent(x), location, "expected sizes that add up to the last extent ",
                 lastExtent(x), ", found ", sum);
}

LogicalResult AfterOp::inferReturnTypes(MLIRContext *, OptionalLocation, Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getX().getType());
  return success();
}

LogicalResult SliceRowsOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                            Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX());
  // slice_rows C1
  if (x.getRank() == 0)
    return emitOptionalError(location, "expected a first axis to slice, found a scalar");
  auto first = static_cast<int64_t>(adaptor.getFirst());
  auto count = static_cast<int64_t>(adaptor.getCount());
  // slice_rows C2
  if (first < 0 || count < 1 || first > x.getShape()[0] - count)
    return emitOptionalError(location, "expected entries of the first axis of ", x, ", found ",
                             count, " from ", first);
  types.push_back(withFirstExtent(x, count));
  return success();
}

LogicalResult ConcatRowsOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                             Adaptor adaptor, SmallVectorImpl<Type> &types) {
  // concat_rows C1
  if (adaptor.getInputs().empty())
    return emitOptionalError(location, "expected at least one input");
  RankedTensorType first = tensorOf(adaptor.getInputs().front());
  if (first.getRank() == 0)
    return emitOptionalError(location, "expected a first axis to join, found a scalar");
  int64_t sum = 0;
  for (Value input : adaptor.getInputs()) {
    RankedTensorType type = tensorOf(input);
    // concat_rows C2
    if (type.getRank() != first.getRank() ||
        type.getShape().drop_front() != first.getShape().drop_front() ||
        type.getElementType() != first.getElementType())
      return emitOptionalError(location,
                               "expected inputs that differ in the first extent only, found ",
                               first, " and ", type);
    sum += type.getShape()[0];
  }
  types.push_back(withFirstExtent(first, sum));
  return success();
}

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  // concat C1
  if (adaptor.getInputs().empty())
    return emitOptionalError(location, "expected at least one input");
  RankedTensorType first = tensorOf(adaptor.getInputs().front());
  if (first.getRank() == 0 || ShapedType::isDynamic(lastExtent(first)))
    return emitOptionalError(location, "expected a last axis of known extent to join, found ",
                             first);
  int64_t sum = 0;
  for (Value input : adaptor.getInputs()) {
    RankedTensorType type = tensorOf(input);
    // concat C2
    if (type.getRank() != first.getRank() || leadingShape(type) != leadingShape(first) ||
        type.getElementType() != first.getElementType())
      return emitOptionalError(location,
                               "expected inputs that differ in the last extent only, found ", first,
                               " and ", type);
    if (ShapedType::isDynamic(lastExtent(type)))
      return emitOptionalError(location, "expected a last axis of known extent to join, found ",
                               type);
    sum += lastExtent(type);
  }
  types.push_back(withLastExtent(first, sum));
  return success();
}
