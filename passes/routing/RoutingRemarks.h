// Remarks of what routing made of a model. Private to this folder.
#ifndef HYDRA_PASSES_ROUTING_ROUTINGREMARKS_H
#define HYDRA_PASSES_ROUTING_ROUTINGREMARKS_H

#include "dialects/hydra/RoutingModes.h"

namespace mlir::hydra {

/// One remark of category hydra-routing per block of a routed copy: the modes, the share of tokens
/// and passes that an MLP works on, and the share of the MLP's FLOPs at fixed depth that are kept.
/// Shares of recursions are those of the routers' initial biases (model.md 12).
void explainRouting(LanguageModelOp model, StringRef variant);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_ROUTING_ROUTINGREMARKS_H
