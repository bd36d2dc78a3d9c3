// hydra-route-dynamic: tokens take part where the routers say so.
#include "passes/routing/Passes.h"
#include "passes/routing/Variants.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_ROUTEDYNAMIC
#include "passes/routing/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class RouteDynamic : public hydra::impl::RouteDynamicBase<RouteDynamic> {
public:
  using RouteDynamicBase::RouteDynamicBase;

  void runOnOperation() override {
    RoutingMode mode;
    mode.depths = mode.selects = mode.forces = true;
    mode.blend = RecursionMode::blend_adaptive;
    mode.adaptive = RecursionMode::adaptive;
    mode.active = DepthRoutingMode::hard;
    FailureOr<int64_t> made = applyRouting(getOperation(), mode, variants);
    if (failed(made))
      return signalPassFailure();
    programs += *made;
  }
};

} // namespace
