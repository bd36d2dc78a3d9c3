// hydra-fuse-accumulate: adds become the accumulate operand of what they add.
#include "passes/fusion/Passes.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_FUSEACCUMULATEPASS
#include "passes/fusion/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Whether `value` is there before `op` runs.
bool isDefinedBefore(Value value, Operation *op) {
  Operation *definition = value.getDefiningOp();
  return !definition ||
         (definition->getBlock() == op->getBlock() && definition->isBeforeInBlock(op));
}

// A matmul or scatter_rows that can take one more operand.
template <typename OpT> OpT getAccumulating(Value product, BinaryOp add) {
  auto op = product.getDefiningOp<OpT>();
  if (!op || !product.hasOneUse() || op.getAccumulator() || op->hasAttr(kProbeAttrName))
    return nullptr;
  // Rows that bound the result of the product bound the sum as well, and the add's must be the
  // same.
  bool boundsResult = std::is_same_v<OpT, MatmulOp> && !op->hasAttr("transpose_a");
  Value rows = boundsResult ? op.getRows() : Value();
  return add.getRows() == rows ? op : nullptr;
}

class FuseAccumulatePass : public mlir::hydra::impl::FuseAccumulatePassBase<FuseAccumulatePass> {
  void runOnOperation() override {
    SmallVector<BinaryOp> adds;
    getOperation().walk([&](BinaryOp op) {
      if (op.getKind() == BinaryKind::add && op.getA().getType() == op.getB().getType())
        adds.push_back(op);
    });
    for (BinaryOp add : adds)
      if (tryFuse(add, add.getA(), add.getB()) || tryFuse(add, add.getB(), add.getA()))
        ++numFused;
  }

  static bool tryFuse(BinaryOp add, Value accumulator, Value product) {
    if (auto matmul = getAccumulating<MatmulOp>(product, add))
      return fuse(add, accumulator, matmul);
    if (auto scatter = getAccumulating<ScatterRowsOp>(product, add))
      return fuse(add, accumulator, scatter);
    return false;
  }

  template <typename OpT> static bool fuse(BinaryOp add, Value accumulator, OpT op) {
    if (!isDefinedBefore(accumulator, op))
      return false;
    op.getAccumulatorMutable().assign(accumulator);
    if (Attribute probe = add->getAttr(kProbeAttrName))
      op->setAttr(kProbeAttrName, probe);
    add.replaceAllUsesWith(op.getResult());
    add.erase();
    return true;
  }
};

} // namespace
