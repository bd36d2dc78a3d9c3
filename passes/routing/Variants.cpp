#include "passes/routing/Variants.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/lowering/ParameterTable.h"
#include "passes/routing/RoutingRemarks.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::hydra;

std::string Variant::name() const {
  std::string text = depth == Depth::fixed ? "fixed" : depth == Depth::blend ? "blend" : "adaptive";
  if (selects)
    text += "_mod";
  if (forced)
    text += "_forced";
  return text;
}

namespace {

// What a model holds that the phases of a curriculum change.
struct Routable {
  bool recursion = false;
  bool depth = false;
  bool forcedExperts = false;
};

Routable routableParts(Operation *root) {
  Routable parts;
  root->walk([&](Operation *op) {
    if (auto recursion = dyn_cast<RecursionOp>(op))
      parts.recursion |= recursion.getAdaptive();
    else if (auto routing = dyn_cast<DepthRoutingOp>(op))
      parts.depth |= hasDepthRouterSomewhere(routing);
    else if (auto experts = dyn_cast<ExpertsOp>(op))
      parts.forcedExperts |= experts.getLayers() > 0 && experts.getForcedRoutingSteps() > 0;
  });
  return parts;
}

SmallVector<Variant> variantsOf(LanguageModelOp model, const RoutingMode &mode) {
  Routable parts = routableParts(model);
  using Depth = Variant::Depth;
  SmallVector<Depth> depths = {Depth::fixed};
  if (mode.depths && parts.recursion)
    depths.append({Depth::blend, Depth::adaptive});
  SmallVector<Variant> variants;
  for (Depth depth : depths)
    for (bool selects : {false, true})
      for (bool forced : {false, true})
        if ((!selects || (mode.selects && parts.depth)) &&
            (!forced || (mode.forces && parts.forcedExperts)))
          variants.push_back({depth, selects, forced});
  return variants;
}

RecursionMode recursionMode(const RoutingMode &mode, const Variant &variant) {
  switch (variant.depth) {
  case Variant::Depth::fixed:
    return RecursionMode::fixed;
  case Variant::Depth::blend:
    return mode.blend;
  case Variant::Depth::adaptive:
    return mode.adaptive;
  }
  llvm_unreachable("every depth is listed");
}

void route(Operation *root, const RoutingMode &mode, const Variant &variant) {
  root->walk([&](Operation *op) {
    if (auto recursion = dyn_cast<RecursionOp>(op))
      setMode(recursion,
              recursion.getAdaptive() ? recursionMode(mode, variant) : RecursionMode::fixed);
    else if (auto routing = dyn_cast<DepthRoutingOp>(op))
      setMode(routing, variant.selects ? mode.active : mode.idle);
    else if (auto experts = dyn_cast<ExpertsOp>(op))
      setMode(experts, variant.forced && experts.getForcedRoutingSteps() > 0 ? ExpertsMode::forced
                                                                             : ExpertsMode::top_k);
  });
}

LogicalResult checkWanted(LanguageModelOp model, ArrayRef<Variant> variants,
                          ArrayRef<std::string> wanted) {
  std::vector<std::string> names;
  for (const Variant &variant : variants)
    names.push_back(variant.name());
  for (const std::string &name : wanted)
    if (!llvm::is_contained(names, name))
      return model.emitOpError("has no variant '")
             << name << "' in this routing mode; there are: " << llvm::join(names, ", ");
  return success();
}

} // namespace

FailureOr<int64_t> hydra::applyRouting(ModuleOp module, const RoutingMode &mode,
                                       ArrayRef<std::string> wanted) {
  Variant everything{mode.depths ? Variant::Depth::adaptive : Variant::Depth::fixed, mode.selects,
                     false};
  for (auto function : module.getOps<func::FuncOp>())
    route(function, mode, everything);
  auto models = module.getOps<LanguageModelOp>();
  if (models.empty() && !wanted.empty())
    return module.emitError("variants were requested, but the module holds no hydra.model");
  int64_t made = 0;
  for (auto model : llvm::make_early_inc_range(module.getOps<LanguageModelOp>())) {
    SmallVector<Variant> variants = variantsOf(model, mode);
    if (failed(checkWanted(model, variants, wanted)))
      return failure();
    OpBuilder builder(model);
    for (const Variant &variant : variants) {
      std::string name = variant.name();
      if (!wanted.empty() && !llvm::is_contained(wanted, name))
        continue;
      auto copy = cast<LanguageModelOp>(builder.clone(*model));
      copy.setSymName((model.getSymName() + "_" + name).str());
      copy->setAttr(kEntryAttrName, EntryAttr::get(builder.getContext(), builder.getStringAttr(""),
                                                   0, 0, builder.getStringAttr(name)));
      route(copy, mode, variant);
      explainRouting(copy, name);
      ++made;
    }
    model.erase();
  }
  return made;
}
