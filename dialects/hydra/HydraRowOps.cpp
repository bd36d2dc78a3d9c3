// Shape inference of the row ops (HydraRowOps.td).
#include "dialects/hydra/TypeInference.h"

using namespace mlir;
using namespace mlir::hydra;

static LogicalResult requireWeight(OptionalLocation location, Value weight, Value x) {
  RankedTensorType type = tensorOf(weight), row = tensorOf(x);
  return require(row.getRank() > 0 && type.getRank() == 1 &&
                     type.getShape()[0] == lastExtent(row) &&
                     type.getElementType() == row.getElementType(),
                 location,
                 "expected a weight with one axis of the last extent and of the element "
                 "type of ",
                 row, ", found ", type);
}

static LogicalResult requireEps(OptionalLocation location, const llvm::APFloat &eps) {
  return require(eps.convertToDouble() > 0, location, "expected eps > 0, found ",
                 eps.convertToDouble());
}

static LogicalResult requireSameType(OptionalLocation location, Value a, Value b) {
  return require(a.getType() == b.getType(), location, "expected equal types, found ", a.getType(),
                 " and ", b.getType());
}

static LogicalResult requireHeads(OptionalLocation location, int64_t heads, Value x) {
  RankedTensorType type = tensorOf(x);
  return require(type.getRank() > 0 && heads >= 1 && lastExtent(type) % heads == 0, location,
                 "expected a number of heads >= 1 that divides the last extent of ", type,
                 ", found ", heads);
}

LogicalResult RmsNormOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  // rms_norm C1, C2
  if (failed(requireWeight(location, adaptor.getWeight(), adaptor.getX())) ||
      failed(requireEps(location, adaptor.getEps())))
    return failure();
  types.push_back(adaptor.getX().getType());
  return success();
}

LogicalResult RmsNormGradOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                              Adaptor adaptor, SmallVectorImpl<Type> &types) {
  // rms_norm_grad C1, C2, C3
  if (failed(requireSameType(location, adaptor.getDy(), adaptor.getX())) ||
      failed(requireWeight(location, adaptor.getWeight(), adaptor.getX())) ||
      failed(requireEps(location, adaptor.getEps())))
    return failure();
  types.push_back(adaptor.getX().getType());
  return success();
}

LogicalResult RmsNormWeightGradOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                                    Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX());
  // rms_norm_weight_grad C1, C2
  if (failed(requireSameType(location, adaptor.getDy(), adaptor.getX())) ||
      failed(requireEps(location, adaptor.getEps())) ||
      failed(require(x.getRank() > 0, location, "expected at least one axis, found a scalar")))
    return failure();
  types.push_back(RankedTensorType::get({lastExtent(x)}, x.getElementType()));
  return success();
}

LogicalResult L2NormOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  // l2_norm C1, C2
  if (failed(requireHeads(location, adaptor.getHeads(), adaptor.getX())) ||
      failed(requireEps(location, adaptor.getEps())))
    return failure();
  types.push_back(adaptor.getX().getType());
  return success();
}

LogicalResult L2NormGradOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                             Adaptor adaptor, SmallVectorImpl<Type> &types) {
  // l2_norm_grad C1, C2, C3
  if (failed(requireSameType(location, adaptor.getDy(), adaptor.getX())) ||
      failed(requireHeads(location, adaptor.getHeads(), adaptor.getX())) ||
      failed(requireEps(location, adaptor.getEps())))
    return failure();
  types.push_back(adaptor.getX().getType());
  return success();
}

LogicalResult SwigluOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX());
  // swiglu C1
  if (x.getRank() == 0 || lastExtent(x) % 2 != 0)
    return emitOptionalError(location, "expected an even last extent, found ", x);
  types.push_back(withLastExtent(x, lastExtent(x) / 2));
  return success();
}

LogicalResult SwigluGradOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                             Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType dy = tensorOf(adaptor.getDy()), x = tensorOf(adaptor.getX());
  // swiglu_grad C1
  if (x.getRank() == 0 || dy.getRank() == 0 || withLastExtent(dy, 2 * lastExtent(dy)) != x)
    return emitOptionalError(location, "expected x twice as wide as dy, found ", x, " and ", dy);
  types.push_back(x);
  return success();
}

LogicalResult HeadMixOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX());
  // head_mix C1, C2
  if (failed(requireHeads(location, adaptor.getFromHeads(), adaptor.getX())) ||
      failed(require(adaptor.getToHeads() >= 1, location, "expected to_heads >= 1, found ",
                     adaptor.getToHeads())))
    return failure();
  types.push_back(withLastExtent(x, lastExtent(x) / adaptor.getFromHeads() * adaptor.getToHeads()));
  return success();
}

LogicalResult RopeOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX()), table = tensorOf(adaptor.getTable());
  // rope C1, C2, C3, C4, C5
  if (failed(require(x.getRank() == 3 && table.getRank() == 2, location,
                     "expected x [B, S, heads * d] and a table [P, d], found ", x, " and ",
                     table)) ||
      failed(require(x.getElementType() == table.getElementType(), location,
                     "expected a table of the element type of ", x, ", found ", table)) ||
      failed(require(lastExtent(x) % lastExtent(table) == 0, location, "expected the width of ", x,
                     " to be a multiple of the table's ", lastExtent(table))) ||
      failed(require(x.getShape()[1] <= table.getShape()[0], location,
                     "expected a table of at least ", x.getShape()[1], " positions, found ",
                     table.getShape()[0])) ||
      failed(requirePerSequence(location, "position", adaptor.getPosition(), adaptor.getX())))
    return failure();
  types.push_back(x);
  return success();
}
