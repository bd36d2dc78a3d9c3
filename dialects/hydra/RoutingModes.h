// What `hydra.routing` may say on a routed op: which of its definitions an op is lowered by. The
// passes of passes/routing write it, passes/lowering reads it. Absent means not routed: fixed
// depth.
#ifndef HYDRA_DIALECTS_HYDRA_ROUTINGMODES_H
#define HYDRA_DIALECTS_HYDRA_ROUTINGMODES_H

#include "dialects/hydra/HydraDialect.h"

namespace mlir::hydra {

/// hydra.recursion (model.md 6, 7). The blends add fixed depth and one of the others, each behind
/// the norm that follows the recursion.
enum class RecursionMode { fixed, adaptive, mixture, blend_adaptive, blend_mixture };

/// hydra.depth_routing (model.md 8): every token, the k highest scores of the sequence, or all of
/// them weighted; and the causal selections of model.md 16, which give a token what its prefix
/// says: a place among the scores before it, a score above a threshold, or above 0.
enum class DepthRoutingMode { disabled, hard, soft, prefix, threshold, predictor };

/// hydra.experts (model.md 9).
enum class ExpertsMode { top_k, forced };

/// The modes by their names, in the order of the enumerations.
inline constexpr llvm::StringLiteral kRecursionModes[] = {"fixed", "adaptive", "mixture",
                                                          "blend_adaptive", "blend_mixture"};
inline constexpr llvm::StringLiteral kDepthRoutingModes[] = {"disabled", "hard",      "soft",
                                                             "prefix",   "threshold", "predictor"};
inline constexpr llvm::StringLiteral kExpertsModes[] = {"top_k", "forced"};

/// What the attribute may say on `op`: modes, or the routing of a whole program.
ArrayRef<llvm::StringLiteral> routingModesOf(Operation *op);

/// Whether depth routing in this mode runs its body on some of the tokens.
constexpr bool selects(DepthRoutingMode mode) {
  return mode != DepthRoutingMode::disabled && mode != DepthRoutingMode::soft;
}

/// How tokens are selected where no later one is known (model.md 16), by the names that users give;
/// "" is no rule: `unless`. Fails for other names.
FailureOr<DepthRoutingMode> modeOfRule(llvm::StringRef rule, DepthRoutingMode unless);
/// The names, in the order of model.md 16.
inline constexpr llvm::StringLiteral kSelectionRules[] = {"recompute", "dense", "threshold",
                                                          "predictor", "prefix"};
/// That of `extend` when nobody names one.
inline constexpr llvm::StringLiteral kDefaultSelectionRule = "prefix";

/// The mode that is written on the op; the first one if there is none.
RecursionMode modeOf(RecursionOp op);
DepthRoutingMode modeOf(DepthRoutingOp op);
ExpertsMode modeOf(ExpertsOp op);

void setMode(RecursionOp op, RecursionMode mode);
void setMode(DepthRoutingOp op, DepthRoutingMode mode);
void setMode(ExpertsOp op, ExpertsMode mode);

} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_HYDRA_ROUTINGMODES_H
