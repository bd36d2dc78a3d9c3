// hydra-decide-routing: which mode a module is compiled with.
#include "passes/lowering/ParameterTable.h"
#include "passes/routing/Passes.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_DECIDEROUTING
#include "passes/routing/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Whether what the op computes depends on the mode.
bool depends(Operation *op) {
  if (auto recursion = dyn_cast<RecursionOp>(op))
    return recursion.getAdaptive();
  auto routing = dyn_cast<DepthRoutingOp>(op);
  return routing && hasDepthRouterSomewhere(routing);
}

class DecideRouting : public hydra::impl::DecideRoutingBase<DecideRouting> {
public:
  using DecideRoutingBase::DecideRoutingBase;

  void runOnOperation() override {
    if (!llvm::is_contained({"", "fixed", "static", "dynamic"}, StringRef(mode))) {
      getOperation().emitError("expected the routing mode fixed, static or dynamic, found '")
          << StringRef(mode) << "'";
      return signalPassFailure();
    }
    StringRef decided = mode.empty() ? defaultRouting(getOperation()) : StringRef(mode);
    int64_t routed = 0;
    getOperation().walk([&](Operation *op) { routed += depends(op); });
    routedOps += routed;
    if (routed == 0)
      return markAllAnalysesPreserved();
    getOperation()->setAttr(kRoutingAttrName, StringAttr::get(&getContext(), decided));
  }
};

} // namespace

StringRef hydra::defaultRouting(ModuleOp module) {
  for (auto model : module.getOps<LanguageModelOp>())
    if (auto wanted = model->getAttrOfType<StringAttr>(kRoutingAttrName))
      return wanted.getValue();
  return "dynamic";
}
