#include "passes/plan/KernelTraffic.h"

#include "dialects/hydra/HydraDialect.h"

using namespace mlir;
using namespace mlir::hydra;

static int64_t bytesOf(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.getNumElements() * type.getElementTypeBitWidth() / 8;
}

static SmallVector<rows::TensorTraffic> trafficOfOp(Operation *op) {
  if (auto program = dyn_cast<rows::ProgramOp>(op))
    return rows::trafficOf(program);
  SmallVector<Value> tensors(op->getOperands());
  llvm::append_range(tensors, op->getResults());
  auto scatter = dyn_cast<ScatterRowsOp>(op);
  SmallVector<rows::TensorTraffic> traffic;
  for (Value tensor : tensors) {
    int64_t bytes = bytesOf(tensor);
    traffic.push_back({bytes, bytes});
    // Into its accumulator it writes the rows it has, and no others.
    if (scatter && scatter.getAccumulator() &&
        (tensor == scatter.getAccumulator() || tensor == scatter.getResult()))
      traffic.back().bytes = std::min(bytesOf(scatter.getX()), bytes);
  }
  return traffic;
}

SmallVector<rows::TensorTraffic> mlir::plan::trafficOf(Block &body, int64_t partialBytes) {
  SmallVector<rows::TensorTraffic> traffic = trafficOfOp(&body.front());
  if (partialBytes > 0)
    traffic.push_back({2 * partialBytes, partialBytes});
  return traffic;
}
