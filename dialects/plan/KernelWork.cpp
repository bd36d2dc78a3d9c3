#include "dialects/plan/KernelWork.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::plan;
using namespace mlir::hydra;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

static int64_t rowsOf(RankedTensorType type) {
  int64_t rows = 1;
  for (int64_t extent : type.getShape().drop_back())
    rows *= extent;
  return rows;
}

static KernelWork oneStage(int64_t items, int64_t grain = 1) {
  KernelWork work;
  work.items = {std::max<int64_t>(items, 1)};
  work.grain = {grain};
  return work;
}

// Row tiles of the first result.
static KernelWork rowWork(Operation *op) {
  RankedTensorType type = typeOf(op->getResult(0));
  return oneStage(type.getRank() == 0 ? 1 : llvm::divideCeil(rowsOf(type), kRowTile));
}

// Partial results of fixed pieces, then one item that adds them in order.
static KernelWork twoStages(int64_t pieces) {
  KernelWork work;
  pieces = std::max<int64_t>(pieces, 1);
  work.items = {pieces, 1};
  work.grain = {1, 1};
  work.partialBytes = pieces * static_cast<int64_t>(sizeof(double));
  return work;
}

KernelWork mlir::plan::getKernelWork(Block &body) {
  Operation *op = &body.front();
  return llvm::TypeSwitch<Operation *, KernelWork>(op)
      .Case([](ReduceOp reduce) {
        RankedTensorType x = typeOf(reduce.getX());
        if (reduce.getAxes() == ReduceAxes::leading)
          return oneStage(llvm::divideCeil(x.getShape().back(), kColumnTile));
        if (reduce.getAxes() == ReduceAxes::all)
          return twoStages(llvm::divideCeil(x.getNumElements(), kFlatTile));
        return rowWork(reduce);
      })
      .Case([](RmsNormWeightGradOp grad) {
        return oneStage(llvm::divideCeil(typeOf(grad.getX()).getShape().back(), kColumnTile));
      })
      .Case([](GlobalNormOp norm) {
        int64_t pieces = 0;
        for (Value input : norm.getInputs())
          pieces += llvm::divideCeil(typeOf(input).getNumElements(), kFlatTile);
        return twoStages(pieces);
      })
      .Case([](AdamWOp adamw) {
        return oneStage(llvm::divideCeil(typeOf(adamw.getParameter()).getNumElements(), kFlatTile));
      })
      .Default([](Operation *other) { return rowWork(other); });
}
