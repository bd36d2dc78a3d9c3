// hydra-verify-routing: what the routing passes leave behind.
#include "dialects/hydra/RoutingModes.h"
#include "passes/routing/Passes.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_VERIFYROUTING
#include "passes/routing/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class VerifyRouting : public hydra::impl::VerifyRoutingBase<VerifyRouting> {
  void runOnOperation() override {
    bool good = true;
    getOperation().walk([&](Operation *op) {
      if (isa<RecursionOp, DepthRoutingOp, ExpertsOp>(op) && !op->hasAttr(kRoutingAttrName)) {
        op->emitOpError("has no routing mode; hydra-route-fixed, -static or -dynamic writes it");
        good = false;
      }
      if (isa<LanguageModelOp>(op) && !op->hasAttr(kEntryAttrName)) {
        op->emitOpError("was not made for a variant; hydra-route-fixed, -static or -dynamic copies "
                        "it per variant");
        good = false;
      }
    });
    if (!good)
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
