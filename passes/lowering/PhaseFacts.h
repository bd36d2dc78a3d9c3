// What a curriculum may change of a model, for `hydra.model_info`. Private to this folder.
#ifndef HYDRA_PASSES_LOWERING_PHASEFACTS_H
#define HYDRA_PASSES_LOWERING_PHASEFACTS_H

#include "dialects/hydra/HydraDialect.h"

namespace mlir::hydra {

/// Adds the facts of runtime/artifact/artifact.fbs PhaseFacts that hold for `model` in the routing
/// mode of its module: unit attributes for what it has, numbers of steps for how long it takes.
void appendPhaseFacts(LanguageModelOp model, SmallVectorImpl<NamedAttribute> &facts);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_PHASEFACTS_H
