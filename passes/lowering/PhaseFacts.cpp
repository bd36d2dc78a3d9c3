#include "passes/lowering/PhaseFacts.h"

#include "passes/lowering/ParameterTable.h"

using namespace mlir;
using namespace mlir::hydra;

static bool hasExpertLayer(ExpertsOp op) {
  auto blocks = op->getParentOfType<BlocksOp>();
  return blocks && !expertPlacement(blocks.getCount(), op.getLayers()).empty();
}

void hydra::appendPhaseFacts(LanguageModelOp model, SmallVectorImpl<NamedAttribute> &facts) {
  auto mode = model->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(kRoutingAttrName);
  StringRef routing = mode ? mode.getValue() : "fixed";
  Builder builder(model);
  auto has = [&](StringRef name) {
    facts.push_back(builder.getNamedAttr(name, builder.getUnitAttr()));
  };
  auto steps = [&](StringRef name, int64_t count) {
    facts.push_back(builder.getNamedAttr(name, builder.getI64IntegerAttr(count)));
  };
  // Of each kind the first op speaks for the model: blocks repeat one body.
  bool recursion = false, depth = false, experts = false;
  model.walk([&](Operation *op) {
    if (auto found = dyn_cast<RecursionOp>(op);
        found && found.getAdaptive() && routing != "fixed" && !recursion) {
      recursion = true;
      has("adaptive");
      steps("mor_warmup", found.getWarmup());
    } else if (auto found = dyn_cast<DepthRoutingOp>(op);
               found && hasDepthRouterSomewhere(found) && routing == "dynamic" && !depth) {
      depth = true;
      has("depth_selection");
      steps("mod_warmup", found.getWarmup());
    } else if (auto found = dyn_cast<ExpertsOp>(op); found && !experts && hasExpertLayer(found)) {
      experts = true;
      has("experts");
      if (found.getIdentityInit())
        has("experts_start_silent");
      steps("expert_warmup", found.getWarmupSteps());
      steps("forced_routing_steps", found.getForcedRoutingSteps());
      steps("teacher_until_step", found.getTeacherUntilStep());
    }
  });
}
