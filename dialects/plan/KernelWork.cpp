#include "dialects/plan/KernelWork.h"

#include "dialects/target/CpuFacts.h"
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

// Row tiles of the first result. Those of narrow rows are taken several at once, so that what a
// worker takes is worth taking.
static KernelWork rowWork(Operation *op) {
  RankedTensorType type = typeOf(op->getResult(0));
  if (type.getRank() == 0)
    return oneStage(1);
  int64_t width = std::max<int64_t>(type.getShape().back(), 1);
  int64_t items = std::max<int64_t>(llvm::divideCeil(rowsOf(type), kRowTile), 1);
  return oneStage(items, std::clamp<int64_t>(kGrainElements / (kRowTile * width), 1, items));
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

constexpr int64_t kFloatBytes = 4;
// Kernels read keys in whole vectors.
static int64_t paddedKeys(Value k) { return llvm::alignTo(typeOf(k).getShape()[1], kLanes); }
static int64_t headWidth(Value k, int64_t kvHeads) { return typeOf(k).getShape()[2] / kvHeads; }

int64_t mlir::plan::weightGradientChunk(int64_t rows) {
  constexpr int64_t kMostChunks = 64;
  int64_t chunk = llvm::divideCeil(std::max<int64_t>(rows, 1), kMostChunks);
  return llvm::alignTo(chunk, kRowTile);
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
        // Sums of chunks of rows in float32, then per column tile the chunks in order.
        RankedTensorType x = typeOf(grad.getX());
        int64_t columns = x.getShape().back(), rows = rowsOf(x);
        int64_t chunks = llvm::divideCeil(rows, weightGradientChunk(rows));
        KernelWork work;
        work.items = {chunks, static_cast<int64_t>(llvm::divideCeil(columns, kColumnTile))};
        work.grain = {1, 1};
        work.partialBytes = chunks * columns * kFloatBytes;
        return work;
      })
      .Case([](ScatterRowsOp scatter) {
        return oneStage(
            llvm::divideCeil(typeOf(scatter.getResult()).getShape().back(), kColumnTile));
      })
      .Case([](WindowTailOp tail) { return oneStage(typeOf(tail.getHistory()).getShape()[0]); })
      .Case([](CrossEntropyOp loss) {
        return twoStages(llvm::divideCeil(rowsOf(typeOf(loss.getLogits())), kRowTile));
      })
      .Case([](AttentionOp attention) {
        ArrayRef<int64_t> q = typeOf(attention.getQ()).getShape();
        int64_t keys = paddedKeys(attention.getK());
        auto kvHeads = static_cast<int64_t>(attention.getKvHeads());
        KernelWork work = oneStage(q[0] * kvHeads * llvm::divideCeil(q[1], kAttentionRows));
        // Packed keys, scores of a block.
        work.scratchBytes =
            (keys * headWidth(attention.getK(), kvHeads) + (keys + kLanes) * kAttentionBlock) *
            kFloatBytes;
        return work;
      })
      .Case([](AttentionGradOp grad) {
        ArrayRef<int64_t> q = typeOf(grad.getQ()).getShape();
        int64_t keys = paddedKeys(grad.getK());
        auto kvHeads = static_cast<int64_t>(grad.getKvHeads());
        int64_t items = q[0] * kvHeads * llvm::divideCeil(q[1], kAttentionRows);
        KernelWork work;
        work.items = {items, items};
        work.grain = {1, 1};
        // Two packed matrices, two weights per row of a block.
        work.scratchBytes =
            2 * (keys * headWidth(grad.getK(), kvHeads) + (keys + kLanes) * kAttentionBlock) *
            kFloatBytes;
        // dy . y and lse of every row and head, by head.
        work.partialBytes = 2 * q[0] * static_cast<int64_t>(grad.getHeads()) * keys * kFloatBytes;
        return work;
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

bool mlir::plan::mayRunInPlace(Operation *op, unsigned result, unsigned operand) {
  RankedTensorType from = typeOf(op->getOperand(operand)), to = typeOf(op->getResult(result));
  if (from.getShape() != to.getShape() ||
      from.getElementTypeBitWidth() != to.getElementTypeBitWidth())
    return false;
  Value value = op->getOperand(operand);
  return llvm::TypeSwitch<Operation *, bool>(op)
      // A vector of every operand is read before that of the result is written.
      .Case<UnaryOp, BinaryOp, SelectOp, CastOp>(
          [&](auto) { return operand < op->getNumOperands(); })
      // A row is read to its end before its first element is written.
      .Case([&](RmsNormOp norm) { return value == norm.getX(); })
      .Case([&](RmsNormGradOp grad) { return value == grad.getDy() || value == grad.getX(); })
      .Case([&](L2NormOp norm) { return value == norm.getX(); })
      .Case([&](L2NormGradOp grad) { return value == grad.getDy() || value == grad.getX(); })
      .Case([&](RopeOp rope) { return value == rope.getX(); })
      .Case([&](CrossEntropyGradOp grad) { return value == grad.getLogits(); })
      // Each element starts from its own old value.
      .Case([&](ScatterRowsOp scatter) { return value == scatter.getAccumulator(); })
      // Rows are replaced or left alone.
      .Case([&](CacheUpdateOp update) { return value == update.getCache(); })
      // One item copies the rows of a batch element forward, in ascending order.
      .Case([&](WindowTailOp tail) { return value == tail.getHistory(); })
      .Case([&](AdamWOp) {
        constexpr unsigned kOperandOf[] = {0, 2, 3, 1};
        return operand == kOperandOf[result];
      })
      .Default([](Operation *) { return false; });
}
