// hydra-verify-fused: what the fusion stage leaves behind, and nothing else.
#include "passes/fusion/Passes.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_VERIFYFUSEDPASS
#include "passes/fusion/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

bool hasStaticTypes(TypeRange types) {
  return llvm::all_of(types, [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape();
  });
}

LogicalResult verifyOp(Operation &op) {
  if (op.hasTrait<ModelTier>())
    return op.emitOpError("belongs to the model tier and must be gone before the plan; the routing "
                          "stage (hydra-lower-model) removes it");
  if (isa<CausalConvOp>(op))
    return op.emitOpError(
        "has no kernel of its own; hydra-decompose-causal-conv turns it into a matmul");
  if (isa<RopeTableOp>(op))
    return op.emitOpError("is known at compile time; hydra-fold-constants evaluates it");
  if (!isa<FusionOp, MatmulOp, GroupedMatmulOp, GroupedWeightGradOp, ConstantOp, ReshapeOp, StopOp,
           AfterOp, SliceRowsOp, ConcatRowsOp, func::ReturnOp>(op))
    return op.emitOpError(op.hasTrait<PrimitiveTier>()
                              ? "is outside of a fusion; hydra-form-fusions wraps it"
                              : "is not an op that the plan knows; expected hydra.fusion, "
                                "hydra.matmul, hydra.constant, hydra.reshape, hydra.stop, "
                                "hydra.after, hydra.slice_rows or hydra.concat_rows");
  if (!hasStaticTypes(op.getOperandTypes()) || !hasStaticTypes(op.getResultTypes()))
    return op.emitOpError("has operands or results that are not tensors of static shape");
  return success();
}

class VerifyFusedPass : public mlir::hydra::impl::VerifyFusedPassBase<VerifyFusedPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    bool good = function.getBody().hasOneBlock();
    if (!good)
      function.emitOpError("has several blocks; the plan orders the ops of one block");
    for (Block &block : function.getBody())
      for (Operation &op : block)
        good &= succeeded(verifyOp(op));
    if (!good)
      signalPassFailure();
  }
};

} // namespace
