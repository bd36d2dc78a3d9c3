// Shape inference of the ops that move rows by index (HydraMoveOps.td).
#include "dialects/hydra/TypeInference.h"

using namespace mlir;
using namespace mlir::hydra;

LogicalResult EmbeddingOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                            Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType table = tensorOf(adaptor.getTable()), tokens = tensorOf(adaptor.getTokens());
  // embedding C1, C2
  if (table.getRank() != 2 || table.getNumElements() == 0)
    return emitOptionalError(location, "expected a table [V, D] that is not empty, found ", table);
  SmallVector<int64_t> shape(tokens.getShape());
  shape.push_back(lastExtent(table));
  types.push_back(RankedTensorType::get(shape, table.getElementType()));
  return success();
}

LogicalResult GatherRowsOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                             Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX()), index = tensorOf(adaptor.getIndex());
  // gather_rows C1, C2
  if (x.getRank() != 2 || index.getRank() != 1 || x.getShape()[0] == 0)
    return emitOptionalError(location, "expected x [N, C] with N > 0 and index [n], found ", x,
                             " and ", index);
  types.push_back(RankedTensorType::get({index.getShape()[0], lastExtent(x)}, x.getElementType()));
  return success();
}

LogicalResult ScatterRowsOp::inferReturnTypes(MLIRContext *, OptionalLocation location,
                                              Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType x = tensorOf(adaptor.getX()), index = tensorOf(adaptor.getIndex());
  // scatter_rows C1
  if (x.getRank() == 0 || leadingShape(x) != index.getShape())
    return emitOptionalError(location, "expected an index of x's leading shape, found ", index,
                             " for ", x);
  // scatter_rows C2
  if (adaptor.getSize() <= 0)
    return emitOptionalError(location, "expected size > 0, found ", adaptor.getSize());
  auto result =
      RankedTensorType::get({(int64_t)adaptor.getSize(), lastExtent(x)}, x.getElementType());
  // scatter_rows C3
  if (Value accumulator = adaptor.getAccumulator(); accumulator && accumulator.getType() != result)
    return emitOptionalError(location, "expected an accumulator of type ", result, ", found ",
                             accumulator.getType());
  types.push_back(result);
  return success();
}
