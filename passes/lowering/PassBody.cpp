#include "passes/lowering/PassBody.h"

#include "dialects/hydra/RoutingModes.h"
#include "passes/lowering/Calls.h"
#include "passes/lowering/ParameterTable.h"

using namespace mlir;
using namespace mlir::hydra;

// Whether every op of a body works on one token at a time, on values of the body.
static bool isRowwise(Region &region) {
  bool rowwise = true;
  region.walk([&](Operation *op) {
    if (auto call = dyn_cast<CallOp>(op))
      rowwise &= isRowwise(calledFunction(call).getBody());
    else if (auto primitive = dyn_cast<TokenWiseOpInterface>(op))
      rowwise &= primitive.isTokenWise();
    else
      rowwise &= isa<NormOp, LayerNormOp, ResidualOp, MlpOp, LinearOp, WeightOp, DepthRoutingOp,
                     YieldOp, func::ReturnOp>(op);
    for (Value operand : op->getOperands())
      rowwise &= region.isAncestor(operand.getParentRegion());
  });
  return rowwise;
}

PassBody hydra::inspectBody(RecursionOp op, int64_t block, int64_t count) {
  PassBody body;
  Region &region = op.getBody();
  region.walk([&](Operation *inner) {
    if (auto routing = dyn_cast<DepthRoutingOp>(inner)) {
      bool routed = hasDepthRouter(block, count);
      body.scores |= routed;
      body.selects |= routed && hydra::selects(modeOf(routing));
    }
  });
  body.rowwise = isRowwise(region);
  auto last = region.front().getTerminator()->getOperand(0).getDefiningOp<DepthRoutingOp>();
  body.restricted = last && body.selects;
  return body;
}

bool hydra::sharesPasses(RecursionOp op, int64_t block, int64_t count) {
  RecursionMode mode = modeOf(op);
  if (mode != RecursionMode::blend_adaptive)
    return mode == RecursionMode::blend_mixture;
  PassBody body = inspectBody(op, block, count);
  return body.rowwise && !body.selects;
}
