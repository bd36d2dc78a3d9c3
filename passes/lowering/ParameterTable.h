// Which parameters the structural ops imply: names, shapes, initial values, optimizer factors.
#ifndef HYDRA_PASSES_LOWERING_PARAMETERTABLE_H
#define HYDRA_PASSES_LOWERING_PARAMETERTABLE_H

#include "dialects/hydra/HydraDialect.h"

#include <optional>

namespace mlir::hydra {

// One trained tensor. Initial values are `initial` everywhere, or normal with that standard
// deviation, times `residualScale` (model.md 12).
struct Parameter {
  std::string name; // state-dict name
  SmallVector<int64_t> shape;
  InitKind init = InitKind::normal;
  double initial = 0.02;
  double residualScale = 1.0;
  SmallVector<std::string> aliases;
  std::optional<double> learningRate, decay; // factors; absent: they follow from the name
  Location location;                         // of the op that implies it
  std::pair<int, size_t> order; // rank within its block, then position: order of the state dict
};

// Derived extents of hydra.ccgqa (model.md 1).
struct AttentionSizes {
  int64_t width, heads, kvHeads, headDim, latent, kv, window;
};
AttentionSizes attentionSizes(CcgqaOp op);

// "a.b", or the other one where one is empty.
std::string joinScope(StringRef scope, StringRef name);

// Blocks of `count` after which an expert layer is inserted for `wanted` layers (model.md 9).
SmallVector<int64_t> expertPlacement(int64_t count, int64_t wanted);

// Whether depth routing is fitted to block `block` of `count` (model.md 8).
inline bool hasDepthRouter(int64_t block, int64_t count) { return block > 0 && block < count - 1; }

// Whether some block around `op` has a router for it. Alone, an op stands in block 0 of 1.
inline bool hasDepthRouterSomewhere(DepthRoutingOp op) {
  auto blocks = op->getParentOfType<BlocksOp>();
  int64_t count = blocks ? static_cast<int64_t>(blocks.getCount()) : 1;
  return hasDepthRouter(count / 2, count);
}

// The automatic weight of the balance loss (model.md 8): 0.5 max(1, N R / 32) max(1, sqrt(D /
// 768)).
double automaticBalanceWeight(int64_t blocks, int64_t recursions, int64_t width);

// Learning-rate and weight-decay factors of a parameter (model.md 13).
struct OptimizerFactors {
  double learningRate, decay;
};
OptimizerFactors optimizerFactors(StringRef name, bool hasExperts);

// Checks every structural op under `root`, itself included: float32 streams of known width, and
// sizes that a real model could have, so that hostile specs exhaust neither integers nor memory.
LogicalResult checkSizes(Operation *root);

// All parameters of `model` in the order of model.md 2. Fails with a located diagnostic when two
// ops claim one name, a size is absurd (hostile specs), or an op has no place where it stands.
FailureOr<SmallVector<Parameter>> collectParameters(LanguageModelOp model);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_PARAMETERTABLE_H
