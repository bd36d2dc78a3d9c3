// Functions that a spec calls as blocks of its own (hydra.call). Private to this folder.
#ifndef HYDRA_PASSES_LOWERING_CALLS_H
#define HYDRA_PASSES_LOWERING_CALLS_H

#include "dialects/hydra/HydraDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::hydra {

// The function that takes the place of a call; calls are verified.
func::FuncOp calledFunction(CallOp call);

// Checks all calls under `root`: none leads back to itself, the sizes of what is called are sane
// (checkSizes), and what all stand for is bounded, so that hostile specs do not exhaust memory.
LogicalResult checkCalls(Operation *root);

// Floating-point operations of the MLPs that a call stands for, per token.
double calledMlpFlops(CallOp call);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_CALLS_H
