// Shape inference of the matrix products (HydraMatmulOps.td).
#include "dialects/hydra/TypeInference.h"

using namespace mlir;
using namespace mlir::hydra;

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType a = tensorOf(adaptor.getA()), b = tensorOf(adaptor.getB());
  bool transposeA = adaptor.getTransposeA(), transposeB = adaptor.getTransposeB();
  int64_t groups = adaptor.getGroups();
  // matmul C1
  if (a.getElementType() != b.getElementType())
    return emitOptionalError(location, "expected equal element types, found ", a.getElementType(),
                             " and ", b.getElementType());
  Type element = adaptor.getElementType().value_or(a.getElementType());
  if (element != a.getElementType() && !(a.getElementType().isBF16() && element.isF32()))
    return emitOptionalError(location, "expected a result of ", a.getElementType(),
                             a.getElementType().isBF16() ? " or f32" : "", " elements, found ",
                             element);
  // matmul C2
  if (transposeA && transposeB)
    return emitOptionalError(location, "transpose_a and transpose_b exclude each other");
  // matmul C6
  if (a.getRank() < 2 || b.getRank() < 2)
    return emitOptionalError(location, "expected operands of at least two axes, found ", a, " and ",
                             b);
  int64_t aRows = flattenedRows(a), aCols = lastExtent(a);
  int64_t bRows = flattenedRows(b), bCols = lastExtent(b);
  // matmul C4
  bool divides = groups >= 1 && aCols % groups == 0 &&
                 (transposeA ? bCols % groups == 0 : bRows % groups == 0);
  if (!divides)
    return emitOptionalError(location, "expected groups >= 1 that divides the grouped extents of ",
                             a, " and ", b, ", found ", groups);
  // matmul C3
  int64_t left = transposeA ? aRows : aCols / groups;
  int64_t right = transposeB ? bCols : transposeA ? bRows : bRows / groups;
  if (left != right)
    return emitOptionalError(location, "contraction extents differ: ", left, " of ", a, " and ",
                             right, " of ", b);
  RankedTensorType result;
  if (transposeA)
    result = RankedTensorType::get({aCols, bCols / groups}, element);
  else
    result = cast<RankedTensorType>(
        withLastExtent(a, transposeB ? bRows : bCols * groups).clone(element));
  // matmul C5
  if (Value accumulator = adaptor.getAccumulator(); accumulator && accumulator.getType() != result)
    return emitOptionalError(location, "expected an accumulator of type ", result, ", found ",
                             accumulator.getType());
  types.push_back(result);
  return success();
}
