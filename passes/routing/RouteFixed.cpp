// hydra-route-fixed: every token makes all passes, and depth routing is dense.
#include "passes/routing/Passes.h"
#include "passes/routing/Variants.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_ROUTEFIXED
#include "passes/routing/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class RouteFixed : public hydra::impl::RouteFixedBase<RouteFixed> {
public:
  using RouteFixedBase::RouteFixedBase;

  void runOnOperation() override {
    FailureOr<int64_t> made = applyRouting(getOperation(), RoutingMode(), variants);
    if (failed(made))
      return signalPassFailure();
    programs += *made;
  }
};

} // namespace
