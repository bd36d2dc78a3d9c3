#include "dialects/plan/MatmulShape.h"

using namespace mlir;
using namespace mlir::plan;

static std::pair<int64_t, int64_t> matrixOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t columns = type.getShape().back();
  return {columns == 0 ? 0 : type.getNumElements() / columns, columns};
}

static MatmulShape shapeOf(hydra::MatmulOp op) {
  auto [aRows, aColumns] = matrixOf(op.getA());
  auto [bRows, bColumns] = matrixOf(op.getB());
  MatmulShape shape;
  shape.groups = op.getGroups();
  shape.lda = aColumns;
  shape.ldb = bColumns;
  shape.transposeA = op.getTransposeA();
  shape.transposeB = op.getTransposeB();
  if (op.getTransposeA()) { // A [k, g m], B [k, g n] -> C [g m, n]
    shape.m = aColumns / shape.groups;
    shape.n = bColumns / shape.groups;
    shape.k = aRows;
    shape.ldc = shape.n;
    shape.groupA = shape.m;
    shape.groupB = shape.n;
    shape.groupC = shape.m * shape.ldc;
  } else if (op.getTransposeB()) { // A [m, g k], B [g n, k] -> C [m, g n]
    shape.m = aRows;
    shape.n = bRows / shape.groups;
    shape.k = aColumns / shape.groups;
    shape.ldc = bRows;
    shape.groupA = shape.k;
    shape.groupB = shape.n * shape.ldb;
    shape.groupC = shape.n;
  } else { // A [m, g k], B [g k, n] -> C [m, g n]
    shape.m = aRows;
    shape.n = bColumns;
    shape.k = aColumns / shape.groups;
    shape.ldc = bColumns * shape.groups;
    shape.groupA = shape.k;
    shape.groupB = shape.k * shape.ldb;
    shape.groupC = shape.n;
  }
  if (shape.groups == 1)
    shape.groupA = shape.groupB = shape.groupC = 0;
  return shape;
}

MatmulShape mlir::plan::matmulShape(Operation *product) {
  if (auto matmul = dyn_cast<hydra::MatmulOp>(product))
    return shapeOf(matmul);
  MatmulShape shape;
  if (auto grouped = dyn_cast<hydra::GroupedMatmulOp>(product)) {
    std::tie(shape.m, shape.k) = matrixOf(grouped.getX());
    shape.n = shape.ldc = matrixOf(grouped.getResult()).second;
    shape.lda = shape.k;
    shape.ldb = matrixOf(grouped.getWeights().front()).second;
    shape.transposeB = grouped.getTransposeB();
    return shape;
  }
  auto grad = cast<hydra::GroupedWeightGradOp>(product); // a [k, m], b [k, n] -> [m, n]
  std::tie(shape.k, shape.m) = matrixOf(grad.getA());
  shape.n = shape.ldb = shape.ldc = matrixOf(grad.getB()).second;
  shape.lda = shape.m;
  shape.transposeA = true;
  return shape;
}

Value mlir::plan::accumulatorOf(Operation *product) {
  if (auto matmul = dyn_cast<hydra::MatmulOp>(product))
    return matmul.getAccumulator();
  if (auto grad = dyn_cast<hydra::GroupedWeightGradOp>(product))
    return grad.getAccumulator();
  return Value();
}

Value mlir::plan::countsOf(Operation *product) {
  if (auto matmul = dyn_cast<hydra::MatmulOp>(product))
    return matmul.getRows();
  if (auto grouped = dyn_cast<hydra::GroupedMatmulOp>(product))
    return grouped.getOffsets();
  return cast<hydra::GroupedWeightGradOp>(product).getOffsets();
}
