#include "passes/routing/RoutingRemarks.h"

#include "mlir/IR/Remarks.h"
#include "passes/lowering/InitialValues.h"
#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/PassBody.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Passes that a token makes on average while the router is what it is initialised to: its
// probability is then sigmoid(3 tanh(logit(target) / 2)).
double expectedPasses(RecursionOp op, int64_t block, int64_t blocks) {
  double deepest = static_cast<double>(op.getRecursions() - 1);
  double shallowest = static_cast<double>(op.getMinDepth());
  int64_t width = cast<RankedTensorType>(op.getX().getType()).getShape().back();
  double scale = depthScale(width, op.getDimRef(), op.getDepthAlpha().convertToDouble(),
                            op.getDepthScaleMax().convertToDouble());
  double z = clippedLogit(recursionTarget(block, blocks, scale));
  double p = 1 / (1 + std::exp(-3 * std::tanh(z / 2)));
  double depth = std::nearbyint(shallowest + p * (deepest - shallowest));
  return 1 + std::fmin(std::fmax(depth, shallowest), deepest);
}

// What happens to the MLP passes under a recursion, relative to all of them for every token.
struct Share {
  double passes = 1, tokens = 1;
  bool fixedToo = false; // a blend adds the path of fixed depth, unless it shares the passes

  double flops() const { return passes * tokens + (fixedToo ? tokens : 0); }
};

Share shareOf(RecursionOp op, int64_t block, int64_t blocks) {
  Share share;
  RecursionMode mode = modeOf(op);
  share.fixedToo = mode == RecursionMode::blend_adaptive && !sharesPasses(op, block, blocks);
  if (mode == RecursionMode::adaptive || share.fixedToo)
    share.passes = expectedPasses(op, block, blocks) / static_cast<double>(op.getRecursions());
  op.getBody().walk([&](DepthRoutingOp routing) {
    if (hasDepthRouter(block, blocks) && modeOf(routing) == DepthRoutingMode::hard)
      share.tokens = routing.getCapacity().convertToDouble();
  });
  return share;
}

} // namespace

void hydra::explainRouting(LanguageModelOp model, StringRef variant) {
  model.walk([&](RecursionOp op) {
    auto blocks = op->getParentOfType<BlocksOp>();
    int64_t count = blocks ? static_cast<int64_t>(blocks.getCount()) : 1;
    StringRef mode = kRecursionModes[static_cast<size_t>(modeOf(op))];
    for (int64_t block = 0; block < count; ++block) {
      Share share = shareOf(op, block, count);
      remark::passed(op.getLoc(), remark::RemarkOpts::name("routed").category("hydra-routing"))
          << remark::add(
                 "variant {0}, block {1}: recursion {2}, active fraction {3:f2} of passes x "
                 "{4:f2} of tokens, MLP FLOPs kept {5:f0} %",
                 variant.str(), block, mode.str(), share.passes, share.tokens, 100 * share.flops());
    }
  });
}
