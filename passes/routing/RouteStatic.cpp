// hydra-route-static: soft weights, dense compute.
#include "passes/routing/Passes.h"
#include "passes/routing/Variants.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_ROUTESTATIC
#include "passes/routing/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class RouteStatic : public hydra::impl::RouteStaticBase<RouteStatic> {
public:
  using RouteStaticBase::RouteStaticBase;

  void runOnOperation() override {
    RoutingMode mode;
    mode.depths = mode.forces = true;
    mode.blend = RecursionMode::blend_mixture;
    mode.adaptive = RecursionMode::mixture;
    // Whether or not depth routing is enabled (Q6).
    mode.idle = mode.active = DepthRoutingMode::soft;
    FailureOr<int64_t> made = applyRouting(getOperation(), mode, variants);
    if (failed(made))
      return signalPassFailure();
    programs += *made;
  }
};

} // namespace
