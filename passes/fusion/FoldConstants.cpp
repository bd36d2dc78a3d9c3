// hydra-fold-constants: what is known at compile time is computed at compile time.
#include "passes/fusion/Passes.h"

#include "dialects/hydra/RopeTable.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_FOLDCONSTANTSPASS
#include "passes/fusion/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

struct EvaluateRopeTable : OpRewritePattern<RopeTableOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RopeTableOp op, PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getResult().getType());
    std::vector<float> table =
        ropeTable(op.getPositions(), op.getHeadDim(), op.getTheta().convertToDouble());
    DenseElementsAttr value;
    if (type.getElementType().isF32()) {
      value = DenseElementsAttr::get(type, ArrayRef<float>(table));
    } else {
      SmallVector<double> wide(table.begin(), table.end());
      value = DenseElementsAttr::get(type, ArrayRef<double>(wide));
    }
    rewriter.replaceOpWithNewOp<ConstantOp>(op, value);
    return success();
  }
};

struct FoldReshape : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    if (op->hasAttr(kProbeAttrName))
      return failure();
    if (op.getX().getType() == op.getResult().getType()) {
      rewriter.replaceOp(op, op.getX());
      return success();
    }
    if (auto constant = op.getX().getDefiningOp<ConstantOp>())
      if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue())) {
        rewriter.replaceOpWithNewOp<ConstantOp>(
            op, dense.reshape(cast<ShapedType>(op.getResult().getType())));
        return success();
      }
    if (auto inner = op.getX().getDefiningOp<ReshapeOp>()) {
      rewriter.modifyOpInPlace(op, [&] { op.getXMutable().assign(inner.getX()); });
      return success();
    }
    return failure();
  }
};

struct DropStop : OpRewritePattern<StopOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(StopOp op, PatternRewriter &rewriter) const override {
    if (op->hasAttr(kProbeAttrName))
      return failure();
    rewriter.replaceOp(op, op.getX());
    return success();
  }
};

class FoldConstantsPass : public mlir::hydra::impl::FoldConstantsPassBase<FoldConstantsPass> {
  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    getOperation().walk([&](RopeTableOp) { ++numTables; });
    RewritePatternSet patterns(&getContext());
    patterns.add<EvaluateRopeTable, FoldReshape, DropStop>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();

    IRRewriter rewriter(&getContext());
    DominanceInfo dominance(getOperation());
    int64_t before = countOps();
    eliminateCommonSubExpressions(rewriter, dominance, getOperation());
    numMerged += before - countOps();
  }

  int64_t countOps() {
    int64_t count = 0;
    getOperation().walk([&](Operation *) { ++count; });
    return count;
  }
};

} // namespace
