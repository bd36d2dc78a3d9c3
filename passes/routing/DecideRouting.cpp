// hydra-decide-routing: which mode a module is compiled with.
#include "passes/lowering/ParameterTable.h"
#include "passes/routing/Passes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_DECIDEROUTING
#include "passes/routing/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

// What the op does at fixed depth instead of routing; "" if the mode makes no difference to it.
std::string atFixedDepth(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::string>(op)
      .Case([](RecursionOp recursion) -> std::string {
        if (!recursion.getAdaptive())
          return "";
        return "adaptive recursion: every token makes all " +
               std::to_string(recursion.getRecursions()) + " passes";
      })
      .Case([](DepthRoutingOp routing) -> std::string {
        return hasDepthRouterSomewhere(routing) ? "depth routing: every token takes part" : "";
      })
      .Default(std::string());
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
    SmallVector<std::pair<Operation *, std::string>> routed;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (std::string effect = atFixedDepth(op); !effect.empty())
        routed.emplace_back(op, effect);
    });
    routedOps += routed.size();
    if (routed.empty())
      return markAllAnalysesPreserved();
    if (mode.empty())
      warn(routed);
    getOperation()->setAttr(
        kRoutingAttrName,
        StringAttr::get(&getContext(), mode.empty() ? StringRef("fixed") : StringRef(mode)));
  }

private:
  static void warn(ArrayRef<std::pair<Operation *, std::string>> routed) {
    auto model = routed.front().first->getParentOfType<LanguageModelOp>();
    auto wanted = model ? model->getAttrOfType<StringAttr>(kRoutingAttrName) : StringAttr();
    InFlightDiagnostic warning = routed.front().first->emitWarning(
        "compiled at fixed depth, since no routing mode was chosen");
    if (wanted && wanted.getValue() != "fixed")
      warning << " (the model asks for hydra.routing = " << wanted << ")";
    for (auto &[op, effect] : routed)
      warning.attachNote(op->getLoc()) << effect;
    warning.attachNote() << "the routing mode fixed compiles the same without this warning; "
                            "dynamic and static route";
  }
};

} // namespace
