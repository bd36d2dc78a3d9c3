#include "passes/plan/MatmulPlan.h"

#include <limits>

using namespace mlir;
using namespace mlir::plan;

MatmulShape mlir::plan::matmulShape(hydra::MatmulOp op) {
  auto matrix = [](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    int64_t columns = type.getShape().back();
    return std::make_pair(columns == 0 ? 0 : type.getNumElements() / columns, columns);
  };
  auto [aRows, aColumns] = matrix(op.getA());
  auto [bRows, bColumns] = matrix(op.getB());
  MatmulShape shape;
  shape.groups = op.getGroups();
  shape.lda = aColumns;
  shape.ldb = bColumns;
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

Value mlir::plan::accumulatorOf(Operation *product) {
  if (auto matmul = dyn_cast<hydra::MatmulOp>(product))
    return matmul.getAccumulator();
  if (auto grad = dyn_cast<hydra::GroupedWeightGradOp>(product))
    return grad.getAccumulator();
  return Value();
}

Tile mlir::plan::chooseTile(const MatmulShape &shape, const hydra::MatmulLibrary &library) {
  auto candidates = [&](int64_t extent) {
    SmallVector<int64_t> sizes = {extent};
    for (int64_t size : library.tileSides)
      if (size < extent)
        sizes.push_back(size);
    return sizes;
  };
  Tile best;
  double bestTotal = std::numeric_limits<double>::infinity();
  for (int64_t tm : candidates(shape.m))
    for (int64_t tn : candidates(shape.n)) {
      int64_t tiles = llvm::divideCeil(shape.m, tm) * llvm::divideCeil(shape.n, tn) * shape.groups;
      double cost = static_cast<double>(shape.k) *
                        static_cast<double>(tm * tn + library.packingCost * (tm + tn)) +
                    static_cast<double>(library.callCost);
      double total =
          cost * static_cast<double>(
                     tiles + library.workers *
                                 static_cast<int64_t>(llvm::divideCeil(tiles, library.workers)));
      bool larger = tm * tn > best.m * best.n || (tm * tn == best.m * best.n && tn > best.n);
      if (total < bestTotal || (total == bestTotal && larger)) {
        bestTotal = total;
        best = {tm, tn};
      }
    }
  return best;
}
