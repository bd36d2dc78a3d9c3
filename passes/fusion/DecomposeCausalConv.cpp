// hydra-decompose-causal-conv: a convolution is an unfold and a matmul.
#include "passes/fusion/Passes.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_DECOMPOSECAUSALCONVPASS
#include "passes/fusion/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class DecomposeCausalConvPass
    : public mlir::hydra::impl::DecomposeCausalConvPassBase<DecomposeCausalConvPass> {
  void runOnOperation() override {
    SmallVector<CausalConvOp> convolutions;
    getOperation().walk([&](CausalConvOp op) { convolutions.push_back(op); });
    for (CausalConvOp op : convolutions)
      decompose(op);
    numDecomposed += convolutions.size();
  }

  static void decompose(CausalConvOp op) {
    OpBuilder builder(op);
    Location location = op.getLoc();
    ArrayRef<int64_t> filter = cast<RankedTensorType>(op.getFilter().getType()).getShape();
    int64_t perGroup = filter[1], width = filter[2];
    int64_t channels = cast<RankedTensorType>(op.getX().getType()).getShape().back();

    auto windows =
        UnfoldOp::create(builder, location, op.getX(), op.getHistory(), op.getPosition(), width);
    auto matrix = ReshapeOp::create(builder, location, op.getFilter(),
                                    builder.getDenseI64ArrayAttr({filter[0], perGroup * width}));
    auto product = MatmulOp::create(builder, location, windows.getResult(), matrix.getResult(),
                                    /*accumulator=*/Value(), /*rows=*/Value(),
                                    /*transpose_a=*/false, /*transpose_b=*/true,
                                    /*groups=*/channels / perGroup, /*element_type=*/TypeAttr());
    // Scope goes to both, a probe to the value it names.
    if (Attribute scope = op->getAttr(kScopeAttrName)) {
      windows->setAttr(kScopeAttrName, scope);
      product->setAttr(kScopeAttrName, scope);
    }
    if (Attribute probe = op->getAttr(kProbeAttrName))
      product->setAttr(kProbeAttrName, probe);
    op.replaceAllUsesWith(product.getResult());
    op.erase();
  }
};

} // namespace
