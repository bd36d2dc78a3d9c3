// hydra-form-fusions: every primitive that becomes a kernel gets a hydra.fusion around it.
#include "passes/fusion/Passes.h"

#include "dialects/rows/RowsDialect.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_FORMFUSIONSPASS
#include "passes/fusion/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class FormFusionsPass : public mlir::hydra::impl::FormFusionsPassBase<FormFusionsPass> {
  void runOnOperation() override {
    SmallVector<Operation *> primitives;
    getOperation().walk([&](Operation *op) {
      if (op->hasTrait<PrimitiveTier>() && !op->getParentOfType<FusionOp>())
        primitives.push_back(op);
    });
    for (Operation *op : primitives) {
      auto cost = dyn_cast<CostOpInterface>(op);
      if (!cost) {
        op->emitOpError("has no cost model, so that its fusion kind is unknown; attach "
                        "CostOpInterface in dialects/hydra/HydraCost.cpp");
        return signalPassFailure();
      }
      // The kind is derived: what has a row body is emitted by rows.
      FusionKind kind = isa<rows::RowBodyOpInterface>(op) ? FusionKind::rows : cost.getFusionKind();
      if (kind == FusionKind::matmul || kind == FusionKind::alias)
        continue;
      wrap(op, kind);
      ++numFusions;
    }
  }

  static void wrap(Operation *op, FusionKind kind) {
    OpBuilder builder(op);
    llvm::SetVector<Value> inputs(op->operand_begin(), op->operand_end());
    auto fusion = FusionOp::create(builder, op->getLoc(), op->getResultTypes(),
                                   inputs.getArrayRef(), kind, builder.getStringAttr("single"));
    for (StringRef name : {StringRef(kScopeAttrName), StringRef(kProbeAttrName)})
      if (Attribute attribute = op->removeAttr(name))
        fusion->setAttr(name, attribute);
    op->replaceAllUsesWith(fusion.getResults());

    Block *body = builder.createBlock(&fusion.getBody());
    IRMapping mapping;
    for (Value input : inputs)
      mapping.map(input, body->addArgument(input.getType(), op->getLoc()));
    Operation *inner = builder.clone(*op, mapping);
    YieldOp::create(builder, op->getLoc(), inner->getResults());
    op->erase();
  }
};

} // namespace
