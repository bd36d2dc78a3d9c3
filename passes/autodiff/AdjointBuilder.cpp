#include "passes/autodiff/AdjointBuilder.h"

#include "llvm/ADT/Sequence.h"

using namespace mlir;
using namespace mlir::hydra;

int64_t hydra::leadingRows(RankedTensorType type) {
  int64_t rows = 1;
  for (int64_t extent : type.getShape().drop_back(type.getRank() > 0 ? 1 : 0))
    rows *= extent;
  return rows;
}

static constexpr llvm::StringLiteral kAdjoint = "adjoint";

AdjointBuilder::AdjointBuilder(OpBuilder &builder, Operation *forward)
    : AdjointBuilder(builder, NameLoc::get(builder.getStringAttr(kAdjoint), forward->getLoc())) {}

bool hydra::isAdjoint(Operation *op) {
  auto name = dyn_cast<NameLoc>(op->getLoc());
  return name && name.getName() == kAdjoint;
}

Value AdjointBuilder::scalar(double value, Type elementType) {
  auto type = RankedTensorType::get({}, elementType);
  return ConstantOp::create(
      builder, location,
      DenseElementsAttr::get(type, builder.getFloatAttr(elementType, value).getValue()));
}

Value AdjointBuilder::zeros(RankedTensorType type) {
  return broadcast(scalar(0, type.getElementType()), type.getShape());
}

Value AdjointBuilder::unary(UnaryKind kind, Value x, Value rows) {
  return UnaryOp::create(builder, location, kind, x, rows);
}

Value AdjointBuilder::binary(BinaryKind kind, Value a, Value b, Value rows) {
  return BinaryOp::create(builder, location, kind, a, b, rows);
}

Value AdjointBuilder::select(Value mask, Value a, Value b, Value rows) {
  return SelectOp::create(builder, location, mask, a, b, rows);
}

Value AdjointBuilder::scale(Value x, double factor, Value rows) {
  return factor == 1 ? x : mul(x, scalar(factor, tensorType(x).getElementType()), rows);
}

Value AdjointBuilder::reshape(Value x, ArrayRef<int64_t> shape) {
  return tensorType(x).getShape() == shape ? x : ReshapeOp::create(builder, location, x, shape);
}

Value AdjointBuilder::broadcast(Value x, ArrayRef<int64_t> shape, Value rows) {
  return tensorType(x).getShape() == shape ? x
                                           : BroadcastOp::create(builder, location, x, shape, rows);
}

Value AdjointBuilder::cast(Value x, Type elementType, Value rows) {
  return tensorType(x).getElementType() == elementType
             ? x
             : CastOp::create(builder, location, x, elementType, rows);
}

Value AdjointBuilder::reduce(ReduceKind kind, ReduceAxes axes, Value x, Value rows) {
  return ReduceOp::create(builder, location, kind, axes, x, rows);
}

Value AdjointBuilder::countValid(Value targets, Type elementType) {
  auto type = RankedTensorType::get({}, builder.getI32Type());
  Value mark = ConstantOp::create(
      builder, location, DenseElementsAttr::get(type, static_cast<int32_t>(kIgnoredTarget)));
  Value ignored = cast(binary(BinaryKind::eq, targets, mark), elementType),
        one = scalar(1, elementType);
  Value count = reduce(ReduceKind::sum, ReduceAxes::all, sub(one, ignored));
  return binary(BinaryKind::max, count, one);
}

Value AdjointBuilder::scatter(Value x, ArrayRef<int32_t> index, int64_t size, Value accumulator,
                              Value rows) {
  auto type = RankedTensorType::get({(int64_t)index.size()}, builder.getI32Type());
  Value list = ConstantOp::create(builder, location, DenseElementsAttr::get(type, index));
  return ScatterRowsOp::create(builder, location, x, list, accumulator, rows, size,
                               llvm::APFloat(1.0));
}

Value AdjointBuilder::addRows(Value x, Value rows, Value accumulator) {
  RankedTensorType type = tensorType(x);
  int64_t count = leadingRows(type);
  int64_t width = type.getRank() > 0 ? type.getShape().back() : 1;
  auto identity = llvm::to_vector(llvm::seq<int32_t>(0, count));
  if (accumulator)
    accumulator = reshape(accumulator, {count, width});
  Value sum = scatter(reshape(x, {count, width}), identity, count, accumulator, rows);
  return reshape(sum, type.getShape());
}

Value AdjointBuilder::sumTo(Value gradient, RankedTensorType target, Value rows) {
  RankedTensorType from = tensorType(gradient);
  if (from.getNumElements() == target.getNumElements())
    return reshape(gradient, target.getShape());
  if (target.getNumElements() == 1)
    return reshape(reduce(ReduceKind::sum, ReduceAxes::all, gradient, rows), target.getShape());
  if (target.getShape().back() != from.getShape().back()) {
    gradient = reduce(ReduceKind::sum, ReduceAxes::last, gradient, rows);
    from = tensorType(gradient);
    if (from.getNumElements() == target.getNumElements())
      return reshape(gradient, target.getShape());
  }
  int64_t width = from.getShape().back();
  int64_t targetRows = leadingRows(target);
  if (targetRows == 1)
    return reshape(reduce(ReduceKind::sum, ReduceAxes::leading, gradient, rows), target.getShape());

  // Some leading axes are repeated and some are not: send every row to the row it was repeated
  // from.
  ArrayRef<int64_t> extents = from.getShape().drop_back();
  SmallVector<int64_t> strides(extents.size(), 0);
  ArrayRef<int64_t> kept = target.getShape().drop_back();
  int64_t stride = 1;
  for (size_t axis = 0; axis < kept.size(); ++axis) {
    int64_t extent = kept[kept.size() - 1 - axis];
    strides[extents.size() - 1 - axis] = extent == 1 ? 0 : stride;
    stride *= extent;
  }
  SmallVector<int32_t> index(leadingRows(from));
  for (size_t row = 0; row < index.size(); ++row) {
    int64_t rest = row, destination = 0;
    for (size_t axis = extents.size(); axis-- > 0; rest /= extents[axis])
      destination += rest % extents[axis] * strides[axis];
    index[row] = destination;
  }
  Value flat = reshape(gradient, {(int64_t)index.size(), width});
  return reshape(scatter(flat, index, targetRows, {}, rows), target.getShape());
}
