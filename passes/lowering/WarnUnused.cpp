// hydra-warn-unused: structural ops that a spec holds without effect.
#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/Passes.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_WARNUNUSED
#include "passes/lowering/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class WarnUnused : public hydra::impl::WarnUnusedBase<WarnUnused> {
public:
  using WarnUnusedBase::WarnUnusedBase;

  void runOnOperation() override {
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (!op->hasTrait<ModelTier>())
        return;
      if (op->getNumResults() > 0 && op->use_empty())
        warn(op, "has a result that nothing uses: it changes no output, and its parameters never "
                 "train; use the result or remove the op");
      if (auto routing = dyn_cast<DepthRoutingOp>(op))
        checkRouters(routing);
      if (auto experts = dyn_cast<ExpertsOp>(op); experts && experts.getLayers() == 0)
        warn(op, "has no effect: expected layers >= 1, found 0");
    });
    markAllAnalysesPreserved();
  }

private:
  void checkRouters(DepthRoutingOp routing) {
    auto blocks = routing->getParentOfType<BlocksOp>();
    if (!blocks || hasDepthRouterSomewhere(routing))
      return;
    warn(routing, "has no effect: the first and the last block have no router, and there are no "
                  "others; expected a count of at least 3, found " +
                      std::to_string(blocks.getCount()));
  }

  void warn(Operation *op, const Twine &message) {
    op->emitWarning() << "'" << op->getName() << "' " << message;
    ++warnings;
  }
};

} // namespace
