// Helpers shared by the shape inference of the primitive ops. Private to this folder.
#ifndef HYDRA_DIALECTS_HYDRA_TYPEINFERENCE_H
#define HYDRA_DIALECTS_HYDRA_TYPEINFERENCE_H

#include "dialects/hydra/HydraDialect.h"

namespace mlir::hydra {

using OptionalLocation = std::optional<Location>;

inline RankedTensorType tensorOf(Value value) { return cast<RankedTensorType>(value.getType()); }
inline int64_t lastExtent(RankedTensorType type) { return type.getShape().back(); }
inline ArrayRef<int64_t> leadingShape(RankedTensorType type) { return type.getShape().drop_back(); }

// Shape of `type` with another last extent.
inline RankedTensorType withLastExtent(RankedTensorType type, int64_t extent) {
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = extent;
  return RankedTensorType::get(shape, type.getElementType());
}

// Shape of `type` with another first extent.
inline RankedTensorType withFirstExtent(RankedTensorType type, int64_t extent) {
  SmallVector<int64_t> shape(type.getShape());
  shape.front() = extent;
  return RankedTensorType::get(shape, type.getElementType());
}

// Extents of all axes but the last, multiplied; dynamic if one is.
inline int64_t flattenedRows(RankedTensorType type) {
  int64_t rows = 1;
  for (int64_t extent : leadingShape(type)) {
    if (ShapedType::isDynamic(extent))
      return ShapedType::kDynamic;
    rows *= extent;
  }
  return rows;
}

// The numpy broadcast of two shapes, aligned at the last axis; nullopt if they do not fit.
std::optional<SmallVector<int64_t>> broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b);

// Emits `message` unless `condition` holds.
template <typename... Parts>
LogicalResult require(bool condition, OptionalLocation location, Parts &&...message) {
  return condition ? success() : emitOptionalError(location, std::forward<Parts>(message)...);
}

// An optional i32 operand with one number for each sequence of `x` [B, ...].
inline LogicalResult requirePerSequence(OptionalLocation location, StringRef name, Value operand,
                                        Value x) {
  if (!operand)
    return success();
  int64_t batch = tensorOf(x).getShape()[0];
  return require(tensorOf(operand).getShape() == ArrayRef<int64_t>(batch), location, "expected ",
                 name, " of ", batch, " numbers, one per sequence of ", x.getType(), ", found ",
                 operand.getType());
}

} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_HYDRA_TYPEINFERENCE_H
