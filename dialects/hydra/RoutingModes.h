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

/// hydra.depth_routing (model.md 8).
enum class DepthRoutingMode { disabled, hard, soft };

/// hydra.experts (model.md 9).
enum class ExpertsMode { top_k, forced };

/// The modes by their names, in the order of the enumerations.
inline constexpr llvm::StringLiteral kRecursionModes[] = {"fixed", "adaptive", "mixture",
                                                          "blend_adaptive", "blend_mixture"};
inline constexpr llvm::StringLiteral kDepthRoutingModes[] = {"disabled", "hard", "soft"};
inline constexpr llvm::StringLiteral kExpertsModes[] = {"top_k", "forced"};

/// What the attribute may say on `op`: modes, or the routing of a whole program.
ArrayRef<llvm::StringLiteral> routingModesOf(Operation *op);

/// The mode that is written on the op; the first one if there is none.
RecursionMode modeOf(RecursionOp op);
DepthRoutingMode modeOf(DepthRoutingOp op);
ExpertsMode modeOf(ExpertsOp op);

void setMode(RecursionOp op, RecursionMode mode);
void setMode(DepthRoutingOp op, DepthRoutingMode mode);
void setMode(ExpertsOp op, ExpertsMode mode);

} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_HYDRA_ROUTINGMODES_H
