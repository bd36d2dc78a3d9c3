// What the MLPs of a program cost, by the rows that routing leaves them. Private to this folder.
#ifndef HYDRA_PASSES_LOWERING_ROUTINGWORK_H
#define HYDRA_PASSES_LOWERING_ROUTINGWORK_H

#include "passes/lowering/PrimitiveEmitter.h"
#include "passes/lowering/RoutingTerms.h"

namespace mlir::hydra {

// Floating-point operations of the products of an MLP for one row, forward.
double mlpRowFlops(MlpOp op);

// Of all `calls` together, a float32 scalar. `calls` is not empty.
Value mlpFlops(PrimitiveEmitter &emit, ArrayRef<MlpCall> calls);

// Of the same model for `tokens` tokens where every token makes every pass of every recursion.
double fixedDepthFlops(LanguageModelOp model, int64_t tokens);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_ROUTINGWORK_H
